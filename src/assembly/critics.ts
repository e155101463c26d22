import type { Config } from '../config.ts';
import type { Critic } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { createCritic, criticKey, type PresetContext, type PresetCritic } from '../presets.ts';
import type { ReflectionKind } from '../types.ts';

export const NO_CRITIC = { critic: null, isRelThreshold: null };

type Owned = <P extends { close(): Promise<void> }>(part: P) => P;

export interface CriticNeeds {
  readonly own: { readonly critics?: Partial<Record<ReflectionKind, Critic>>; readonly shadow?: Critic };
  /** Makes what has a key once. */
  readonly shelf: { once<T>(key: string, make: (owned: Owned) => Promise<T>): Promise<T> };
  readonly contextOf: (config: Config) => PresetContext;
  readonly tell: (text: string | null) => void;
  readonly signal: AbortSignal | undefined;
}

/** The critics that a config names, each made once. */
export function assembledCritics({ own, shelf, contextOf, tell, signal }: CriticNeeds) {
  return {
    async criticOf(kind: ReflectionKind, current: Config): Promise<PresetCritic | typeof NO_CRITIC> {
      const mine = own.critics?.[kind];
      if (mine) return { critic: mine, isRelThreshold: null };
      const name = current.critics[kind];
      if (name === null) return NO_CRITIC;
      const made = await shelf.once(`critic ${criticKey(name, current)}`, async (owned) => {
        const result = await createCritic(name, contextOf(current), current.critics.outage);
        owned(result.critic);
        tell(result.notice ?? null);
        await result.critic.prepare?.({ signal });
        return result;
      });
      const { kinds } = made.critic;
      if (kinds.includes(kind)) return made;
      throw new DiscernError(
        'CRITIC_KIND_UNSUPPORTED',
        `the critic "${name}" predicts ${kinds.join(', ')}, not ${kind}`,
      );
    },
    /** It is prepared by its first request: what it fails with is a matter of the trace, not of the question. */
    async shadowOf(current: Config): Promise<Critic | null> {
      const name = current.critics.shadow;
      if (own.shadow || name === null) return own.shadow ?? null;
      return shelf.once(`shadow ${criticKey(name, current)}`, async (owned) => {
        const { critic, notice = null } = await createCritic(name, contextOf(current));
        tell(notice);
        return owned(critic);
      });
    },
  };
}
