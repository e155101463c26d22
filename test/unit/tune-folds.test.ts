import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meanInterval } from '../../src/evaluate/metrics/mean.ts';
import { pairedDifference } from '../../src/evaluate/metrics/paired.ts';
import { chanceOf } from '../../src/evaluate/tune/chance.ts';
import { clusteredError, clusteredMeans, signFlipP } from '../../src/evaluate/tune/clustered.ts';
import { dealFolds } from '../../src/evaluate/tune/folds.ts';
import { seededRandom } from '../../src/text/random.ts';

const groupsOf = fc.array(fc.integer({ min: 0, max: 8 }).map(String), { minLength: 2, maxLength: 60 });

describe('folds', () => {
  it('never part a group, use every fold, and are as equal as groups allow', () => {
    fc.assert(
      fc.property(groupsOf, fc.integer({ min: 2, max: 6 }), fc.integer(), (groups, count, seed) => {
        fc.pre(new Set(groups).size > 1);
        const folds = dealFolds(groups, count, seed);
        const foldOf = new Map<string, number>();
        const sizes = new Array<number>(folds.count).fill(0);
        groups.forEach((group, i) => {
          expect(foldOf.get(group) ?? folds.of[i]).toBe(folds.of[i]);
          expect(folds.foldOfGroup[folds.group[i]!]).toBe(folds.of[i]);
          foldOf.set(group, folds.of[i]!);
          sizes[folds.of[i]!]! += 1;
        });
        expect(folds.count).toBe(Math.min(count, new Set(groups).size));
        expect(Math.min(...sizes)).toBeGreaterThan(0);
        const largest = Math.max(...[...foldOf.keys()].map((group) => groups.filter((one) => one === group).length));
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(largest);
      }),
    );
  });

  it('are the same for the same seed, and others for another', () => {
    const groups = Array.from({ length: 40 }, (_, i) => `g${i}`);
    expect(dealFolds(groups, 5, 1).of).toEqual(dealFolds(groups, 5, 1).of);
    expect(dealFolds(groups, 5, 1).of).not.toEqual(dealFolds(groups, 5, 2).of);
  });

  it('need two groups', () => {
    expect(() => dealFolds(['a', 'a', 'a'], 5, 0)).toThrow('at least two groups (documents), got 1 with 3 questions');
  });
});

describe('means over groups', () => {
  it('are those over questions where each is alone', () => {
    const a = [0, 0.5, 1, 0.2];
    const b = [0.4, 0.5, 0.6, 0.7];
    const differences = b.map((value, i) => value - a[i]!);
    const alone = ['a', 'b', 'c', 'd'];
    const [before, own] = clusteredMeans([a, differences], alone, 7);
    const paired = pairedDifference(a, b, 7)!;
    expect(own!.mean).toBeCloseTo(0.125, 12);
    expect(own).toMatchObject({ ci95: paired.ci95, n: 4 });
    expect(before).toEqual(meanInterval(a, 7));
    // The same test, of fewer draws.
    expect(Math.abs(signFlipP(differences, alone, 7) - paired.p)).toBeLessThan(0.03);
  });

  it('know that questions of one group do not vote each', () => {
    const differences = Array.from({ length: 40 }, (_, i) => (i < 20 ? 0.4 : -0.1));
    const alone = differences.map((_, i) => `q${i}`);
    const halves = differences.map((_, i) => (i < 20 ? 'a' : 'b'));
    const [apart] = clusteredMeans([differences], alone, 1);
    const [together] = clusteredMeans([differences], halves, 1);
    expect(apart!.ci95[0]).toBeGreaterThan(0);
    expect(together!.mean).toBeCloseTo(0.15, 12);
    // Two groups: drawn together, or one of them twice.
    expect(together!.ci95[0]).toBeCloseTo(-0.1, 12);
    expect(together!.ci95[1]).toBeCloseTo(0.4, 12);
    // (8, -2) has a sum of 6; all four patterns of signs are as far from 0, or farther.
    expect(signFlipP(differences, alone, 1)).toBeLessThan(0.01);
    expect(signFlipP(differences, halves, 1)).toBe(1);
  });

  it('standard error of hand: groups of 1 and 3 with sums 2 and 2', () => {
    // mean 1; residuals 2 - 1 and 2 - 3: sqrt(1 + 1) / 4
    expect(clusteredError([2, 1, 1, 0], ['a', 'b', 'b', 'b'])).toBeCloseTo(Math.SQRT2 / 4, 12);
    expect(clusteredError([], [])).toBe(0);
    expect(clusteredMeans([[0.3, 0.3]], ['a', 'b'], 0)).toEqual([{ mean: 0.3, ci95: [0.3, 0.3], n: 2 }]);
  });
});

describe('what choosing adds to chance', () => {
  const GROUPS = 100;
  const ones = new Uint16Array(GROUPS).fill(1);
  const foldOf = Array.from({ length: GROUPS }, (_, i) => i % 5);
  /** So many settings whose gains have nothing to do with one another; the base is the first. */
  const settings = (count: number, mean: number, seed: number) => {
    const next = seededRandom(seed);
    return Array.from({ length: count }, () => Float32Array.from({ length: GROUPS }, () => mean + next() - 0.5));
  };
  const gainsOf = (sums: readonly Float32Array[]) => {
    const all = [new Float32Array(GROUPS), ...sums];
    return { sums: all, sizes: all.map(() => ones), foldOf, folds: 5 };
  };

  it('is nothing where nothing can be chosen', () => {
    expect(chanceOf(gainsOf([]), { gain: 0, error: 0 }, 1)).toEqual({ p: 1, below: 1, above: 1 });
  });

  it('grows with settings that differ, and not with copies or with ones that nobody would choose', () => {
    const below = (sums: readonly Float32Array[]) => chanceOf(gainsOf(sums), { gain: 0.01, error: 0.03 }, 1).below;
    const [one, many] = [below(settings(1, 0, 1)), below(settings(40, 0, 1))];
    expect(one).toBeLessThan(1.2);
    expect(many).toBeGreaterThan(one + 0.2);
    const [alone] = settings(1, 0, 1);
    expect(below(Array.from({ length: 40 }, () => alone!))).toBeCloseTo(one, 12);
    expect(below([...settings(1, 0, 1), ...settings(40, -0.4, 2)])).toBeCloseTo(one, 1);
  });

  it('gives a clear difference a small p, on either side, and none to a small one', () => {
    const gains = gainsOf(settings(10, 0, 3));
    expect(chanceOf(gains, { gain: 0.2, error: 0.03 }, 1).p).toBe(2 / 2001);
    expect(chanceOf(gains, { gain: -0.2, error: 0.03 }, 1).p).toBe(2 / 2001);
    expect(chanceOf(gains, { gain: 0.01, error: 0.03 }, 1).p).toBeGreaterThan(0.5);
  });
});
