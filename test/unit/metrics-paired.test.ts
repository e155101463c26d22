import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holm, pairedDifference } from '../../src/evaluate/metrics/paired.ts';

describe('pairedDifference', () => {
  it('is the mean of b - a over the questions where both are defined', () => {
    const found = pairedDifference([0, 1, null, 0.5], [1, 1, 1, null], 1)!;
    expect(found.mean).toBe(0.5);
    expect(found.n).toBe(2);
    expect(pairedDifference([null], [1], 1)).toBeNull();
  });

  it('says nothing where nothing differs', () => {
    expect(pairedDifference([1, 0, 1], [1, 0, 1], 1)).toEqual({ mean: 0, ci95: [0, 0], n: 3, p: 1 });
  });

  it('gives the exact p of three equal differences: two of eight sign patterns are as far', () => {
    const { p } = pairedDifference([0, 0, 0], [1, 1, 1], 1)!;
    expect(p).toBeGreaterThan(0.24);
    expect(p).toBeLessThan(0.26);
  });

  it('turns its sign with the order of the two', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ noNaN: true, min: 0, max: 1 }), fc.double({ noNaN: true, min: 0, max: 1 })), {
          minLength: 1,
          maxLength: 20,
        }),
        (pairs) => {
          const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
          expect(pairedDifference(a, b, 3)!.mean).toBeCloseTo(-pairedDifference(b, a, 3)!.mean, 12);
          expect(pairedDifference(a, b, 3)!.p).toBeCloseTo(pairedDifference(b, a, 3)!.p, 12);
        },
      ),
    ));
});

describe('holm', () => {
  it('gives the worked values of three', () => {
    expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
    expect(holm([0.6, 0.9])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});
