import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { metricNames, metricOf } from '../../src/evaluate/metrics/ir.ts';
import { meanOf, queryMeans } from '../../src/evaluate/metrics/ir-means.ts';
import { compareBytes, pairwiseAccuracy, rankByScore } from '../../src/evaluate/metrics/ranking.ts';

const grades = new Map([
  ['a', 3],
  ['b', 1],
  ['c', 0],
  ['d', -1],
]);
const value = (name: string, ranked: string[], relevanceLevel = 1) =>
  metricOf(name)(ranked, grades, { relevanceLevel });

describe('ranking metrics', () => {
  it('have the values counted by hand', () => {
    const ranked = ['x', 'a', 'c', 'b'];
    expect(value('rr', ranked)).toBe(0.5);
    expect(value('mrr@1', ranked)).toBe(0);
    expect(value('precision@10', ranked)).toBeCloseTo(0.2, 12);
    expect(value('recall@2', ranked)).toBe(0.5);
    expect(value('hit@2', ranked)).toBe(1);
    expect(value('map', ranked)).toBeCloseTo((1 / 2 + 2 / 4) / 2, 12);
    expect(value('ap@2', ranked)).toBeCloseTo(1 / 4, 12);
    const ideal = (a: number, b: number) => a + b / Math.log2(3);
    expect(value('ndcg', ranked)).toBeCloseTo((3 / Math.log2(3) + 1 / Math.log2(5)) / ideal(3, 1), 12);
    expect(value('ndcgExp@2', ranked)).toBeCloseTo(7 / Math.log2(3) / ideal(7, 1), 12);
  });

  it('take the relevance level, except nDCG; repeats count once, before the cut', () => {
    expect(value('recall@4', ['b', 'a'], 2)).toBe(1);
    expect(value('rr', ['b', 'a'], 2)).toBe(0.5);
    expect(value('ndcg', ['b', 'a'], 2)).toBe(value('ndcg', ['b', 'a']));
    expect(value('recall@2', ['b', 'b', 'a'])).toBe(1);
  });

  it('know their names, and no others', () => {
    expect(metricNames()).toContain('ndcg[@k]');
    for (const name of ['ndcg@0', 'ndcg@', 'recall', 'toString', 'nope@3', 'ndcg@1.5'])
      expect(() => metricOf(name), name).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });

  it('lie in 0..1; the ideal order has nDCG 1; swapping two equals changes nothing', () => {
    const Judged = fc.uniqueArray(fc.tuple(fc.string(), fc.integer({ min: -1, max: 3 })), {
      selector: ([id]) => id,
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(Judged, fc.integer({ min: 1, max: 9 }), (judged, k) => {
        const own = new Map(judged);
        const ids = [...judged].sort(([, a], [, b]) => b - a).map(([id]) => id);
        for (const name of ['precision', 'recall', 'hit', 'rr', 'ap', 'ndcg', 'ndcgExp']) {
          const at = metricOf(`${name}@${k}`)([...ids].reverse(), own);
          expect(at).toBeGreaterThanOrEqual(0);
          expect(at).toBeLessThanOrEqual(1 + 1e-12);
        }
        const best = judged.some(([, grade]) => grade > 0) ? 1 : 0;
        expect(metricOf(`ndcg@${k}`)(ids, own)).toBeCloseTo(best, 12);
        const swapped = [...judged]
          .reverse()
          .sort(([, a], [, b]) => b - a)
          .map(([id]) => id);
        expect(metricOf('ndcg')(swapped, own)).toBeCloseTo(metricOf('ndcg')(ids, own), 12);
      }),
    );
  });
});

describe('order by score', () => {
  it('trec: float32, then id by bytes, both descending; arrival: as the list has them', () => {
    const scored = [
      ['a', 0.1],
      ['b', 0.1 + 1e-9],
      ['c', 0.1],
      ['z', -0],
      ['y', 0],
    ] as const;
    expect(rankByScore(scored, 'trec')).toEqual(['c', 'b', 'a', 'z', 'y']);
    expect(rankByScore(scored)).toEqual(['b', 'a', 'c', 'z', 'y']);
    expect(
      rankByScore([
        ['a', 1],
        ['b', Number.POSITIVE_INFINITY],
        ['a', 2],
      ]),
    ).toEqual(['b', 'a']);
  });
  it('compares by UTF-8 bytes, which UTF-16 units are not', () => {
    expect(compareBytes('\uff5e', '\u{1f600}')).toBeLessThan(0);
    expect(compareBytes('a', 'ab')).toBeLessThan(0);
    const sign = (n: number) => Math.sign(n) + 0;
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(sign(compareBytes(a, b))).toBe(sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });
  it('pairwise accuracy, by hand: one pair right, one tied, one wrong', () => {
    const scored = [
      ['a', 2],
      ['b', 1],
      ['u', 2],
    ] as const;
    // a>b right, a~u tied, b<u wrong.
    expect(pairwiseAccuracy(scored, grades)).toBeCloseTo(1.5 / 3, 12);
    expect(pairwiseAccuracy(scored, grades, true)).toBe(1);
    expect(pairwiseAccuracy([['u', 1]], grades)).toBe(null);
  });
});

describe('means over queries', () => {
  it('say what they are over', () => {
    const qrels = new Map([
      ['found', new Map([['a', 1]])],
      ['missing', new Map([['a', 1]])],
      ['hopeless', new Map([['a', 0]])],
    ]);
    const run = new Map<string, string[]>([
      ['found', ['a']],
      ['hopeless', ['a']],
      ['unjudged', ['a']],
    ]);
    const rows = new Map([...qrels].map(([query, own]) => [query, { rr: metricOf('rr')(run.get(query) ?? [], own) }]));
    const { mean, counts } = queryMeans(qrels, run, rows);
    expect([mean.allQrels.rr, mean.intersection.rr, mean.withRelevant.rr]).toEqual([1 / 3, 0.5, 0.5]);
    expect(counts).toEqual({ qrelsQueries: 3, runQueries: 3, intersection: 2, withRelevant: 2 });
    expect([meanOf([1, null, 2]), meanOf([null]), meanOf([])]).toEqual([1.5, null, null]);
  });
});
