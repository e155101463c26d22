import { beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddingDefinition, embeddingDefinition } from '../../src/backends/critic/definition.ts';
import { embeddingCritic } from '../../src/backends/critic/embedding.ts';
import { onnxEmbedder } from '../../src/backends/embedder/onnx.ts';
import { parseConfig } from '../../src/config.ts';
import type { Critic, Embedder } from '../../src/contracts.ts';
import { createModelStore } from '../../src/models/store.ts';
import { describeCritic, passageOf } from '../../src/testing/describe-critic.ts';

let embedder: Embedder;
let definition: EmbeddingDefinition;
let critic: Critic;
beforeAll(async () => {
  const model = await createModelStore(parseConfig().models).resolve('bge-small-en-v1.5');
  embedder = onnxEmbedder({ model, maxTokens: 512, threads: 1 });
  definition = await embeddingDefinition();
  critic = embeddingCritic({ embedder, definition });
  return () => embedder.close();
});

describeCritic('embedding with bge', () => embeddingCritic({ embedder, definition }));

const PASSAGE = passageOf(
  'The Amazon rainforest covers much of the Amazon basin of South America. The basin has 7,000,000 square kilometres, ' +
    'of which 5,500,000 are covered by the rainforest. The majority of the forest is in Brazil, followed by Peru.',
);

describe('the fitted curves', () => {
  it('keep the passage that answers, and drop one on another subject', async () => {
    const question = 'Which country has most of the Amazon rainforest?';
    const other = passageOf('Knead the dough for ten minutes and let it rest in a warm place.', 'other');
    const [right, wrong] = await critic.critique([
      { kind: 'isRel' as const, question, passage: PASSAGE },
      { kind: 'isRel' as const, question, passage: other },
    ]);
    expect(right!.probs.relevant).toBeGreaterThan(0.5);
    expect(wrong!.probs.relevant).toBeLessThan(definition.isRelThreshold);
  });

  it('order segments by their support: quoted, reworded, about something else', async () => {
    const question = 'Where is the forest?';
    const segments = [
      'The majority of the forest is in Brazil, followed by Peru.',
      'Brazil holds most of the forest.',
      'The bakery opens at six in the morning.',
    ];
    const critiques = await critic.critique(
      segments.map((segment) => ({ kind: 'isSup' as const, question, passage: PASSAGE, segment })),
    );
    const [quoted, reworded, unrelated] = critiques.map(({ probs }) => probs.fully);
    expect(quoted).toBeGreaterThan(reworded!);
    expect(reworded).toBeGreaterThan(unrelated!);
    expect(critiques[0]!.probs.fully).toBeGreaterThan(0.5);
    expect(critiques[2]!.probs.none).toBeGreaterThan(0.5);
  });
});
