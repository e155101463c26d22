/** What the environment may set. Read here once; the rest of the package gets it as config. */
export interface Environment {
  /** DISCERN_MODELS_DIR */
  readonly modelsDir: string | undefined;
  /** HF_ENDPOINT, as other tools of the hub name it. */
  readonly hub: string | undefined;
  /** DISCERN_OFFLINE, or HF_HUB_OFFLINE: `1` or `true`. */
  readonly offline: boolean;
  readonly keys: Readonly<Record<string, string | undefined>>;
}

const isOn = (value: string | undefined): boolean => value === '1' || value?.toLowerCase() === 'true';

export const readEnvironment = (env: NodeJS.ProcessEnv = process.env): Environment => ({
  modelsDir: env.DISCERN_MODELS_DIR || undefined,
  hub: env.HF_ENDPOINT || undefined,
  offline: isOn(env.DISCERN_OFFLINE) || isOn(env.HF_HUB_OFFLINE),
  keys: { openai: env.OPENAI_API_KEY || undefined },
});
