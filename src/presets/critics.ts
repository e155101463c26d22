import type { Critic } from '../contracts.ts';
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
};

export async function createCritic(name: string, context: PresetContext): Promise<PresetCritic> {
  const make = makerOf(CRITICS, name);
  if (make) return make(context);
  const classifier = await classifierNamed(name, 'critic', Object.keys(CRITICS), context);
  const { classifierCritic } = await import('../backends/critic/classifier.ts');
  return { critic: classifierCritic(classifier), isRelThreshold: classifier.definition.isRelThreshold };
}
