import { describe, expect, it } from 'vitest';
import { embeddingDefinition } from '../../src/backends/critic/definition.ts';
import { embeddingCritic, isRelCurve, isSupCurve } from '../../src/backends/critic/embedding.ts';
import { embeddingReranker } from '../../src/backends/reranker/embedding.ts';
import { DiscernError } from '../../src/errors.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';

const definition = {
  id: 'embedding' as const,
  version: 1,
  type: 'embedding' as const,
  embedder: 'hash-64@1',
  isRel: { intercept: -1, similarity: 2 },
  isSup: { fully: -2, partially: -1, similarity: 2, containment: 1 },
  isRelThreshold: 0.2,
  metrics: {},
};

describe('the curves', () => {
  it('of IsREL: s(-1 + 2 * 0.5) = 0.5, s(-1 + 2) = 0.7311', () => {
    expect(isRelCurve(definition, 0.5).relevant).toBeCloseTo(0.5, 12);
    expect(isRelCurve(definition, 1).relevant).toBeCloseTo(0.7310586, 7);
    expect(isRelCurve(definition, 1).irrelevant).toBeCloseTo(0.2689414, 7);
  });
  it('of IsSUP: two cuts on one direction', () => {
    // x = 2 * 0.5 + 1 * 1 = 2: fully s(0) = 0.5, fully or partially s(1) = 0.7311
    const { fully, partially, none } = isSupCurve(definition, { similarity: 0.5, contained: 1 });
    expect(fully).toBeCloseTo(0.5, 12);
    expect(partially).toBeCloseTo(0.2310586, 7);
    expect(none).toBeCloseTo(0.2689414, 7);
  });
});

describe('the definition that is shipped', () => {
  it('is valid and reads a perfect quote as supported, an unrelated text as not', async () => {
    const shipped = await embeddingDefinition();
    expect(`${shipped.id}@${shipped.version}`).toBe('embedding@1');
    expect(isSupCurve(shipped, { similarity: 1, contained: 1 }).fully).toBeGreaterThan(0.5);
    expect(isSupCurve(shipped, { similarity: 0.4, contained: 0 }).none).toBeGreaterThan(0.5);
    expect(isRelCurve(shipped, 0.85).relevant).toBeGreaterThan(shipped.isRelThreshold);
    expect(isRelCurve(shipped, 0.4).relevant).toBeLessThan(shipped.isRelThreshold);
  });
});

describe('IsSUP of a segment', () => {
  const passage = passageOf('The tower stands in Paris. Bread is baked.', 'a');
  const support = async (segment: string, embedder = hashEmbedder()) => {
    const request = { kind: 'isSup' as const, question: 'What is baked?', passage, segment };
    const [critique] = await embeddingCritic({ embedder, definition }).critique<'isSup'>([request]);
    return { fully: critique!.probs.fully, embedded: embedder.embedded.length };
  };
  it('that is a sentence of the passage needs no vector: s(-2 + 2 * 1 + 1 * 1) = 0.7311', async () => {
    const { fully, embedded } = await support('Bread is baked.');
    expect(fully).toBeCloseTo(0.7310586, 7);
    expect(embedded).toBe(0);
  });
  it('in other words is compared with every sentence', async () => {
    const { fully, embedded } = await support('Bread was baked');
    expect(fully).toBeLessThan(0.7310586);
    expect(embedded).toBe(3);
  });
});

describe('stored vectors', () => {
  const question = 'Where is the tower?';
  const passages = [passageOf('The tower stands in Paris.', 'a'), passageOf('Bread is baked.', 'b')];
  const candidates = passages.map((passage, i) => ({
    passage,
    recallRank: i + 1,
    recallScore: 0.5,
    rerankScore: null,
  }));

  it('are used where they exist; other passages are embedded', async () => {
    const embedder = hashEmbedder();
    const [stored] = await hashEmbedder().embed([passages[0]!.text], 'passage');
    const vectorsOf = async (ids: readonly string[]) => ids.map((id) => (id === passages[0]!.id ? stored! : null));
    const critic = embeddingCritic({ embedder, definition, vectorsOf });
    const critiques = await critic.critique(passages.map((passage) => ({ kind: 'isRel' as const, question, passage })));
    expect(embedder.embedded).toEqual([question, passages[1]!.text]);
    const plain = embeddingCritic({ embedder: hashEmbedder(), definition });
    expect(critiques).toEqual(
      await plain.critique(passages.map((passage) => ({ kind: 'isRel' as const, question, passage }))),
    );
    const scores = await embeddingReranker({ embedder, vectorsOf }).score(question, candidates);
    expect(scores).toEqual(await embeddingReranker({ embedder: hashEmbedder() }).score(question, candidates));
    expect(scores[0]).toBeGreaterThan(scores[1]!);
  });

  it('of another embedder than the curves were fitted on are refused', async () => {
    const critic = embeddingCritic({ embedder: hashEmbedder({ dimensions: 32 }), definition });
    const call = critic.critique([{ kind: 'isRel', question, passage: passages[0]! }]);
    await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'CONFIG_INVALID'));
    await expect(call).rejects.toThrow('fitted on hash-64@1, the embedder is hash-32@1');
  });
});

describe('support', () => {
  it('looks at the nearest sentence, also of a passage of a thousand', async () => {
    const text = `${Array.from({ length: 1000 }, (_, i) => `Row ${i} says nothing.`).join(' ')} The harbour froze in 1921.`;
    const embedder = hashEmbedder();
    const critic = embeddingCritic({ embedder, definition });
    const request = {
      kind: 'isSup' as const,
      question: 'When?',
      passage: passageOf(text),
      segment: 'The harbour froze in 1921.',
    };
    const [critique] = await critic.critique([request]);
    // similarity 1, all words contained: x = 3, fully s(1)
    expect(critique!.probs.fully).toBeCloseTo(0.7310586, 6);
    expect(embedder.embedded.length).toBeLessThanOrEqual(33);
  });
});
