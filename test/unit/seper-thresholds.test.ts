import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import type { SeperFigures } from '../../src/evaluate/seper/measure.ts';
import {
  findThreshold,
  seperThresholds,
  type ThresholdRow,
  thresholdConfig,
} from '../../src/evaluate/seper/thresholds.ts';

const rows = (...pairs: readonly (readonly [score: number, gain: number, group?: string])[]): ThresholdRow[] =>
  pairs.map(([score, gain, group], i) => ({ score, gain, group: group ?? `q${i}` }));
/** Gains that follow the score: below 0.5 a loss, above it a gain. */
const clear = (count: number) =>
  rows(...Array.from({ length: count }, (_, i) => [i / count, i / count < 0.5 ? -0.4 : 0.3] as const));

describe('the threshold above which keeping gains most', () => {
  it('by hand: -0.5 and -0.1 go, 0.2 and 0.6 stay', () => {
    const fit = findThreshold(rows([0.9, 0.6], [0.1, -0.5], [0.5, 0.2], [0.2, -0.1]), 1);
    expect(fit).toMatchObject({ threshold: 0.35, n: 4, kept: 2, evidence: false });
    expect([fit.below, fit.above]).toEqual([expect.closeTo(-0.3, 12), expect.closeTo(0.4, 12)]);
    // Each judged by the other three: 0.1 is dropped at 0.35, 0.2 at 0.3, 0.5 (a gain lost) at 0.55, 0.9 is kept.
    expect(fit.gain).toMatchObject({ mean: expect.closeTo((0.5 + 0.1 - 0.2) / 4, 12), n: 4 });
  });

  it('a loss above a gain is paid where the sum says so', () => {
    // Dropping three gains 0.5 + 0.1 - 0.2; dropping one gains 0.5, dropping two 0.3.
    expect(findThreshold(rows([0.1, -0.5], [0.2, 0.2], [0.3, -0.1], [0.4, 1]), 1).threshold).toBe(0.15);
    expect(findThreshold(rows([0.1, -0.5], [0.2, 0.2], [0.3, -0.3], [0.4, 1]), 1).threshold).toBe(0.35);
  });

  it('none where every context helps, where all have one score, and where nothing is known', () => {
    expect(findThreshold(rows([0.1, 0.1], [0.9, 0.2]), 1)).toMatchObject({ threshold: null, kept: 2, evidence: false });
    expect(findThreshold(rows([0.5, -1], [0.5, 1]), 1)).toMatchObject({ threshold: null, below: null, above: 0 });
    expect(findThreshold([], 1)).toEqual({
      ...{ threshold: null, n: 0, kept: 0, below: null, above: null, gain: null, evidence: false },
    });
  });

  it('evidence where the gain on rows that it was not chosen on is above 0', () => {
    const fit = findThreshold(clear(60), 1);
    expect(fit).toMatchObject({ threshold: 0.49, kept: 30, evidence: true });
    expect(fit.gain!.mean).toBeGreaterThan(0.15);
    expect(fit.gain!.mean).toBeLessThanOrEqual(0.2);
  });

  it('none where gains have nothing to do with the score', () => {
    const gains = [0.3, -0.3, 0.1, -0.2, 0.4, -0.4, 0.2, -0.1];
    const noise = rows(...Array.from({ length: 64 }, (_, i) => [i / 64, gains[(i * 5 + (i >> 3)) % 8]!] as const));
    for (const seed of [1, 2, 3, 4, 5]) expect(findThreshold(noise, seed).evidence).toBe(false);
  });

  it('one question alone is no evidence, however many its contexts', () => {
    const fit = findThreshold(
      clear(60).map((row) => ({ ...row, group: 'one' })),
      1,
    );
    expect(fit).toMatchObject({ threshold: 0.49, gain: null, evidence: false });
  });

  it('as few decimals as separate the scores', () => {
    expect(findThreshold(rows([0.12341, -1], [0.12349, 1]), 1).threshold).toBe(0.12345);
    expect(findThreshold(rows([0.1, -1], [0.8, 1]), 1).threshold).toBe(0.45);
  });
});

describe('thresholds of a config', () => {
  const condition = (soft: number, entropy: number) => ({ soft, entropy, hard: 0, f1: 0 });
  const figures = (change: Partial<SeperFigures>): SeperFigures => ({
    ...{ with: null, without: null, deltaSoft: null, deltaHard: null, deltaF1: null, entropyReduction: null },
    ...{ pseudoSeper: null, isRel: null, rerank: null, passages: [], samples: { with: 1, without: 1 }, gap: null },
    ...change,
  });
  const of = (list: readonly Partial<SeperFigures>[]) =>
    seperThresholds(
      list.map(figures),
      list.map((_, i) => `q${i}`),
      1,
    );
  /** Sure and right 0.9 up to entropy 1, above it 0.2. */
  const closed = Array.from({ length: 60 }, (_, i) => ({ without: condition(i < 30 ? 0.9 : 0.2, i / 30) }));

  it('relevance, and the entropy above which answers alone are wrong', () => {
    const found = of(clear(60).map(({ score, gain }, i) => ({ ...closed[i]!, isRel: score, deltaSoft: gain })));
    expect(found.by).toBe('isRel');
    expect(found.context!.threshold).toBe(0.49);
    expect(found.refuse).toMatchObject({ threshold: 0.98, n: 60, kept: 30, evidence: true });
    expect(found.refuse!.below).toBeCloseTo(-0.3, 12);
    expect(found.refuse!.above).toBeCloseTo(0.4, 12);
    const config = thresholdConfig(found);
    expect(config).toEqual({ isRel: { threshold: 0.49 }, gate: { maxEntropy: 0.98 } });
    expect(parseConfig(config)).toMatchObject(config);
  });

  it('rerank scores where nobody said P(relevant)', () => {
    const found = of(clear(60).map(({ score, gain }) => ({ rerank: 10 * score, deltaSoft: gain })));
    expect(found).toMatchObject({ by: 'rerank', refuse: null });
    const config = thresholdConfig(found);
    expect(config).toEqual({ gate: { when: 'always', measure: 'rerank', threshold: found.context!.threshold } });
    expect(parseConfig(config)).toMatchObject(config);
  });

  it('nothing without evidence', () => {
    const found = of([{ isRel: 0.2, deltaSoft: -1, without: condition(0.1, 1) }, { isRel: 0.9 }]);
    expect(found.context).toMatchObject({ threshold: null, n: 1 });
    expect(thresholdConfig(found)).toEqual({});
    expect(of([{}])).toEqual({ by: null, context: null, refuse: null });
  });
});
