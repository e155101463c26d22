import type { Critic } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { classifierNamed, type Makers, makerOf, type PresetContext } from './context.ts';

export interface PresetCritic {
  readonly critic: Critic;
  /** Threshold on P(relevant) that was fitted for it; null where none was. */
  readonly isRelThreshold: number | null;
}

const CRITICS: Makers<PresetCritic> = {
  async embedding({ embedder, vectorsOf }) {
    const [{ embeddingCritic }, { embeddingDefinition }] = await Promise.all([
      import('../backends/critic/embedding.ts'),
      import('../backends/critic/definition.ts'),
    ]);
    const definition = await embeddingDefinition();
    return {
      critic: embeddingCritic({ embedder: await embedder(), definition, vectorsOf }),
      isRelThreshold: definition.isRelThreshold,
    };
  },
  async prompted({ config, store, signal }) {
    const { promptedCritic } = await import('../backends/critic/prompted.ts');
    return {
      critic: promptedCritic({ model: await store.resolve(config.critics.model, { signal }) }),
      isRelThreshold: null,
    };
  },
  async decision(context) {
    const { decisionCritic } = await import('../backends/critic/decision.ts');
    const { dialect, serverModel: model } = context.config.critics;
    return {
      critic: decisionCritic({ ...serverOf('decision', context), dialect, model }),
      isRelThreshold: null,
    };
  },
};

/** How the server of critics is reached. Throws CONFIG_INVALID where none is named. */
function serverOf(name: string, { config: { critics }, keys }: PresetContext) {
  const { baseUrl, timeoutMs, retries, concurrency } = critics;
  if (baseUrl === null)
    throw new DiscernError('CONFIG_INVALID', `the critic ${name} asks a server, and critics.baseUrl is none`, {
      hint: 'give its address with --critics.baseUrl, such as http://localhost:8080/v1',
    });
  return { baseUrl, timeoutMs, retries, concurrency, apiKey: keys.openai };
}

export async function createCritic(name: string, context: PresetContext): Promise<PresetCritic> {
  const make = makerOf(CRITICS, name);
  if (make) return make(context);
  const classifier = await classifierNamed(name, 'critic', Object.keys(CRITICS), context);
  const { classifierCritic } = await import('../backends/critic/classifier.ts');
  return { critic: classifierCritic(classifier), isRelThreshold: classifier.definition.isRelThreshold };
}
