import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { containsGold, exactMatch, normalizeAnswer, tokenF1 } from '../../src/evaluate/metrics/answers.ts';
import { meanInterval } from '../../src/evaluate/metrics/mean.ts';
import { hitAt, recallAt, reciprocalRankAt } from '../../src/evaluate/metrics/retrieval.ts';
import { seededRandom } from '../../src/text/random.ts';

interface Golden {
  readonly tolerance: number;
  readonly cases: readonly {
    readonly id: string;
    readonly note?: string;
    readonly prediction: string;
    readonly golds: readonly string[];
    readonly expected: {
      readonly em: number;
      readonly f1: number;
      readonly normalizedPrediction: string;
      readonly normalizedGolds: readonly string[];
      readonly containsGoldNormalized: number;
    };
  }[];
  readonly corpus: { readonly n: number; readonly em: number; readonly f1: number };
}

const golden = JSON.parse(await readFile(new URL('../golden/qa.json', import.meta.url), 'utf8')) as Golden;

describe('answer metrics', () => {
  it.each(golden.cases.map((entry) => [`${entry.id} ${entry.note ?? ''}`, entry] as const))('%s', (_, entry) => {
    const { prediction, golds, expected } = entry;
    expect(normalizeAnswer(prediction)).toBe(expected.normalizedPrediction);
    expect(golds.map(normalizeAnswer).filter((gold) => gold !== '')).toEqual(
      expected.normalizedGolds.filter((gold) => gold !== ''),
    );
    expect(exactMatch(prediction, golds)).toBe(expected.em);
    expect(Math.abs(tokenF1(prediction, golds) - expected.f1)).toBeLessThanOrEqual(golden.tolerance);
    expect(containsGold(prediction, golds)).toBe(expected.containsGoldNormalized);
  });

  it('agrees with the means over the golden file', () => {
    const mean = (of: (entry: Golden['cases'][number]) => number) =>
      golden.cases.reduce((sum, entry) => sum + of(entry), 0) / golden.cases.length;
    expect(golden.cases).toHaveLength(golden.corpus.n);
    expect(mean(({ prediction, golds }) => exactMatch(prediction, golds))).toBeCloseTo(golden.corpus.em, 9);
    expect(mean(({ prediction, golds }) => tokenF1(prediction, golds))).toBeCloseTo(golden.corpus.f1, 9);
  });

  it('takes an article only as a whole word, also beside letters with accents', () => {
    expect(normalizeAnswer('éa')).toBe('éa');
    expect(normalizeAnswer('The  Café, an A-Z!')).toBe('café az');
  });

  it('finds a gold answer as whole words only', () => {
    expect(containsGold('It was built in 1433, of stone.', ['1433'])).toBe(1);
    expect(containsGold('It was built in 14330.', ['1433'])).toBe(0);
    expect(containsGold('anything', ['the'])).toBe(0);
  });
});

describe('retrieval metrics', () => {
  const ranked = ['a', 'b', 'c', 'd'];
  it('have the values counted by hand', () => {
    const relevant = new Set(['b', 'd', 'x']);
    expect(recallAt(ranked, relevant, 2)).toBeCloseTo(1 / 3, 12);
    expect(recallAt(ranked, relevant, 4)).toBeCloseTo(2 / 3, 12);
    expect(hitAt(ranked, relevant, 1)).toBe(0);
    expect(hitAt(ranked, relevant, 2)).toBe(1);
    expect(reciprocalRankAt(ranked, relevant, 1)).toBe(0);
    expect(reciprocalRankAt(ranked, relevant, 4)).toBe(0.5);
  });
  it('are 0 where nothing is relevant or nothing was found', () => {
    for (const measure of [recallAt, hitAt, reciprocalRankAt]) {
      expect(measure(ranked, new Set(), 10)).toBe(0);
      expect(measure([], new Set(['a']), 10)).toBe(0);
    }
  });
});

describe('meanInterval', () => {
  it('has the mean, and an interval of the width that the spread of the values gives', () => {
    const values = Array.from({ length: 400 }, (_, i) => i % 2);
    const { mean, ci95, n } = meanInterval(values, 7);
    expect([mean, n]).toEqual([0.5, 400]);
    expect(Math.abs(ci95[0] - 0.451)).toBeLessThan(0.01); // 0.5 -+ 1.96 * 0.5 / sqrt(400)
    expect(Math.abs(ci95[1] - 0.549)).toBeLessThan(0.01);
    expect(meanInterval(values, 7)).toEqual({ mean, ci95, n });
    expect(meanInterval([3, 3, 3], 1)).toEqual({ mean: 3, ci95: [3, 3], n: 3 });
  });
  it('draws the same numbers from the same seed', () => {
    const [one, other] = [seededRandom(5), seededRandom(5)];
    expect([one(), one()]).toEqual([other(), other()]);
  });
});
