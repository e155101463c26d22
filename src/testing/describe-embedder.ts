import { afterAll, expect } from 'vitest';
import type { Embedder } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { defineSuite, HOSTILE_TEXTS, type Make, type SuiteOptions, shared } from './suite.ts';

export interface EmbedderSuiteOptions extends SuiteOptions {
  /** Three texts: the second is nearer to the first than the third is. */
  readonly near?: readonly [query: string, like: string, unlike: string];
}

const TEXTS = [
  'Marie Curie discovered radium and polonium.',
  'The ferry leaves at noon.',
  'A cat sleeps on the warm roof.',
  'Interest rates rose by half a point.',
] as const;

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

function expectSame(actual: readonly Float32Array[], expected: readonly Float32Array[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((vector, i) => {
    expect(dot(vector, expected[i]!), `cosine of text ${i} with itself`).toBeGreaterThan(1 - 1e-5);
  });
}

/** The promises of the Embedder contract. */
export function describeEmbedder(
  name: string,
  make: Make<Embedder>,
  { skip = [], near = ['Who discovered radium?', TEXTS[0], TEXTS[1]] }: EmbedderSuiteOptions = {},
): void {
  const instance = shared(make);
  afterAll(async () => (await instance()).close());

  defineSuite(`embedder ${name}`, skip, {
    'says what makes its vectors comparable': async () => {
      const embedder = await instance();
      expect(embedder.id).toMatch(/^[a-z0-9][a-z0-9.@-]*$/);
      const fingerprint = await embedder.fingerprint();
      expect(await embedder.fingerprint()).toEqual(fingerprint);
      expect(Object.keys(fingerprint).sort()).toEqual([
        'dimensions',
        'model',
        'passagePrefix',
        'pooling',
        'queryPrefix',
        'sha256',
      ]);
      const [vector] = await embedder.embed([TEXTS[0]], 'passage');
      expect(vector).toHaveLength(fingerprint.dimensions);
    },
    'gives one vector of unit length for each text': async () => {
      const vectors = await (await instance()).embed(TEXTS, 'passage');
      expect(vectors).toHaveLength(TEXTS.length);
      for (const vector of vectors) {
        expect(vector).toBeInstanceOf(Float32Array);
        expect(Math.sqrt(dot(vector, vector))).toBeCloseTo(1, 4);
      }
    },
    'answers an empty list with an empty list': async () => {
      expect(await (await instance()).embed([], 'query')).toEqual([]);
    },
    'keeps the order and does not depend on the batch': async () => {
      const embedder = await instance();
      const whole = await embedder.embed(TEXTS, 'passage');
      expectSame((await embedder.embed([...TEXTS].reverse(), 'passage')).reverse(), whole);
      for (const [i, text] of TEXTS.entries()) expectSame(await embedder.embed([text], 'passage'), [whole[i]!]);
      const twice = await embedder.embed([TEXTS[0], TEXTS[1], TEXTS[0]], 'passage');
      expectSame(twice, [whole[0]!, whole[1]!, whole[0]!]);
    },
    'answers calls at once as one after another': async () => {
      const embedder = await instance();
      const apart = [...(await embedder.embed(TEXTS, 'passage')), ...(await embedder.embed(TEXTS, 'query'))];
      const together = await Promise.all([embedder.embed(TEXTS, 'passage'), embedder.embed(TEXTS, 'query')]);
      expectSame(together.flat(), apart);
    },
    'hands out vectors that belong to the caller': async () => {
      const embedder = await instance();
      const [mine] = await embedder.embed([TEXTS[2]], 'passage');
      const copy = mine!.slice();
      mine!.fill(0);
      expectSame(await embedder.embed([TEXTS[2]], 'passage'), [copy]);
    },
    'puts like texts nearer than unlike ones': async () => {
      const embedder = await instance();
      const [question] = await embedder.embed([near[0]], 'query');
      const [like, unlike] = await embedder.embed([near[1], near[2]], 'passage');
      expect(dot(question!, like!)).toBeGreaterThan(dot(question!, unlike!));
    },
    'reports progress up to the number of texts': async () => {
      const seen: number[] = [];
      const texts = TEXTS.map((text) => `${text} Again.`);
      await (await instance()).embed(texts, 'passage', { onProgress: (done) => seen.push(done) });
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(seen.at(-1)).toBe(TEXTS.length);
    },
    'survives hostile texts': async () => {
      const vectors = await (await instance()).embed(HOSTILE_TEXTS, 'passage');
      expect(vectors).toHaveLength(HOSTILE_TEXTS.length);
      for (const vector of vectors) expect(vector.every((value) => Number.isFinite(value))).toBe(true);
    },
    'gives the token ids of bare texts, or says that it has none': async () => {
      const embedder = await instance();
      const made = (await embedder.tokens?.(TEXTS)) ?? null;
      if (made === null) return;
      expect(made.tokenizer).not.toBe('');
      expect(made.ids).toHaveLength(TEXTS.length);
      for (const [i, text] of TEXTS.entries())
        expect(await embedder.tokens!([text])).toEqual({ ...made, ids: [made.ids[i]] });
      expect(new Set(made.ids.map(String)).size).toBe(TEXTS.length);
      expect(await embedder.tokens!([])).toEqual({ tokenizer: made.tokenizer, ids: [] });
      const hostile = await embedder.tokens!([...HOSTILE_TEXTS, 'word '.repeat(5000)]);
      expect(hostile!.ids.every((ids) => ids instanceof Uint16Array)).toBe(true);
      expect(hostile!.ids.at(-1)).toHaveLength(4096);
      const late = embedder.tokens!(TEXTS, { signal: AbortSignal.abort() });
      await expect(late).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    },
    'refuses a call whose signal has fired': async () => {
      const call = (await instance()).embed([TEXTS[0]], 'query', { signal: AbortSignal.abort() });
      await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    },
    'stops in the middle of a batch': async () => {
      const embedder = await instance();
      const controller = new AbortController();
      const texts = Array.from({ length: 500 }, (_, i) => `Line ${i} of a long list that nobody waits for.`);
      const call = embedder.embed(texts, 'passage', {
        signal: controller.signal,
        onProgress: () => controller.abort(),
      });
      await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
      const [vector] = await embedder.embed([TEXTS[0]], 'passage');
      expect(dot(vector!, vector!)).toBeCloseTo(1, 4);
    },
    'closes twice, and refuses calls afterwards': async () => {
      const embedder = await make();
      await embedder.close();
      await embedder.close();
      await expect(embedder.embed([TEXTS[0]], 'query')).rejects.toSatisfy((error) =>
        DiscernError.is(error, 'BACKEND_CLOSED'),
      );
    },
  });
}
