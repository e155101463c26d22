import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyIsotonic,
  applyPlatt,
  applyTemperature,
  fitIsotonic,
  fitPlatt,
  fitTemperature,
  temperatureNll,
} from '../../src/evaluate/calibrate.ts';
import { balancedAccuracy, confusionOf, kappa, matthews, perClass } from '../../src/evaluate/metrics/confusion.ts';
import {
  averagePrecisionScore,
  bestF1,
  brier,
  brierMulticlass,
  expectedLevel,
  logLoss,
  rocAuc,
  rocAucOvr,
  scoresAt,
  topClass,
  topLabelEce,
} from '../../src/evaluate/metrics/critics.ts';
import { calibrationError, equalCountBins, reliabilityBins } from '../../src/evaluate/metrics/reliability.ts';

const logit = (p: number) => Math.log(p / (1 - p));
const Labelled = fc.array(
  fc.record({ x: fc.integer({ min: -50, max: 50 }).map((tenths) => tenths / 10), y: fc.integer({ min: 0, max: 1 }) }),
  { minLength: 1, maxLength: 30 },
);

describe('temperature', () => {
  // Of four items at 3 to 1, three are right: these logits are calibrated.
  const rows = (scale: number) => Array.from({ length: 4 }, () => [scale * Math.log(3), 0]);
  const y = [0, 0, 0, 1];
  it('is 1 for calibrated logits, and the factor by which others are too large', () => {
    expect(fitTemperature(rows(1), y)).toBeCloseTo(1, 9);
    expect(fitTemperature(rows(2.5), y)).toBeCloseTo(2.5, 9);
    expect(applyTemperature([2.5 * Math.log(3), 0], 2.5)[0]).toBeCloseTo(0.75, 12);
    expect(temperatureNll(rows(1), y, 1)).toBeCloseTo(-0.75 * Math.log(0.75) - 0.25 * Math.log(0.25), 12);
  });
  it('is 1 where it makes no difference, and stays finite where the best is at an end', () => {
    expect(fitTemperature([[2, 2]], [0])).toBe(1);
    const [sure, wrong] = [fitTemperature([[5, 0]], [0]), fitTemperature([[5, 0]], [1])];
    expect(sure).toBeLessThan(0.01);
    expect(wrong).toBeGreaterThan(1e4);
    expect(applyTemperature([5, 0], sure)[1]).toBeCloseTo(0, 12);
    expect(temperatureNll([], [], 1)).toBe(null);
  });
});

describe('Platt', () => {
  it('by hand: two scores with three of four and one of four positive', () => {
    const scores = [1, 1, 1, 1, -1, -1, -1, -1];
    const y = [1, 1, 1, 0, 1, 0, 0, 0];
    const plain = fitPlatt(scores, y, 'logistic');
    expect(plain.slope).toBeCloseTo(logit(0.75), 9);
    expect(plain.intercept).toBeCloseTo(0, 9);
    // Smoothed: 5/6 for a positive, 1/6 for a negative.
    expect(applyPlatt(fitPlatt(scores, y), 1)).toBeCloseTo((3 * (5 / 6) + 1 / 6) / 4, 9);
  });
  it('is finite on separable data, on one class and on equal scores', () => {
    const separable = fitPlatt([-1, 1], [0, 1]);
    expect(applyPlatt(separable, 1)).toBeCloseTo(2 / 3, 9);
    expect(applyPlatt(fitPlatt([-1, 1], [0, 1], 'logistic'), 1)).toBeGreaterThan(0.999);
    expect(applyPlatt(fitPlatt([3, 4], [1, 1]), 9)).toBeCloseTo(3 / 4, 6);
    expect(applyPlatt(fitPlatt([2, 2, 2], [1, 1, 0], 'logistic'), 2)).toBeCloseTo(2 / 3, 9);
    expect(applyPlatt(fitPlatt([], []), 1)).toBe(0.5);
  });
  it('does not care for the scale or the origin of the scores', () => {
    fc.assert(
      fc.property(Labelled, (items) => {
        const y = items.map((item) => item.y);
        const near = fitPlatt(
          items.map(({ x }) => x),
          y,
        );
        const far = fitPlatt(
          items.map(({ x }) => 1000 * x + 7),
          y,
        );
        for (const { x } of items) expect(applyPlatt(far, 1000 * x + 7)).toBeCloseTo(applyPlatt(near, x), 6);
      }),
    );
  });
});

describe('isotonic', () => {
  it('by hand: a violator is pooled, equal x are averaged, lines between, ends outside', () => {
    const curve = fitIsotonic([1, 2, 3, 5, 5], [0, 1, 0, 1, 0.5]);
    expect([1, 2, 3, 4, 5, 9, -9].map((x) => applyIsotonic(curve, x))).toEqual([0, 0.5, 0.5, 0.625, 0.75, 0.75, 0]);
    expect(applyIsotonic(fitIsotonic([], []), 1)).toBe(null);
  });
  it('never falls, stays within the data and keeps their mean', () => {
    fc.assert(
      fc.property(Labelled, (items) => {
        const curve = fitIsotonic(
          items.map(({ x }) => x),
          items.map(({ y }) => y),
        );
        const sorted = items.map(({ x }) => x).sort((a, b) => a - b);
        const fitted = sorted.map((x) => applyIsotonic(curve, x)!);
        for (let i = 1; i < fitted.length; i++) expect(fitted[i]!).toBeGreaterThanOrEqual(fitted[i - 1]! - 1e-12);
        const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
        expect(sum(fitted)).toBeCloseTo(sum(items.map(({ y }) => y)), 9);
      }),
    );
  });
});

describe('measures of critics', () => {
  const y = [1, 1, 0, 0];
  const p = [0.9, 0.4, 0.4, 0.1];
  it('by hand', () => {
    expect(brier(y, p)).toBeCloseTo((0.01 + 0.36 + 0.16 + 0.01) / 4, 12);
    expect(logLoss([1], [1])).toBeCloseTo(0, 12);
    expect(logLoss([1], [0])).toBeCloseTo(-Math.log(1e-15), 9);
    expect(rocAuc(y, p)).toBe(3.5 / 4);
    expect(averagePrecisionScore(y, p)).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
    expect(brierMulticlass([0], [[0.5, 0.5]])).toBe(0.5);
    expect(expectedLevel([0, 0, 0, 0.5, 0.5])).toBe(4.5);
    expect(topClass([0.2, 0.4, 0.4])).toBe(1);
    expect(
      topLabelEce(
        [0, 1],
        [
          [0.8, 0.2],
          [0.8, 0.2],
        ],
        10,
      ),
    ).toBeCloseTo(0.3, 12);
    expect(scoresAt(y, p, 0.4)).toMatchObject({ recall: 0.5, precision: 1, accuracy: 0.75, positiveRate: 0.25 });
    expect(bestF1(y, p, [0.95, 0.3, 0.2])).toEqual({ threshold: 0.2, f1: 0.8 });
  });
  it('are null where they are undefined', () => {
    expect([
      rocAuc([1, 1], [0.1, 0.2]),
      averagePrecisionScore([0], [0.1]),
      rocAucOvr(
        [0, 1],
        [
          [1, 0, 0],
          [0, 1, 0],
        ],
      ),
    ]).toEqual([null, null, null]);
    expect([
      brier([], []),
      bestF1(y, p, []),
      kappa([
        [2, 0],
        [0, 0],
      ]),
      balancedAccuracy([
        [2, 0],
        [0, 0],
      ]),
    ]).toEqual([null, null, null, null]);
    expect(calibrationError(reliabilityBins([], [], 10))).toEqual({ ece: null, mce: null, rmsce: null });
  });
  it('kappa and correlation of a table, by hand', () => {
    const table = confusionOf([0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 2, 0], 3);
    expect(table).toEqual([
      [2, 0, 0],
      [0, 1, 1],
      [1, 0, 1],
    ]);
    expect(perClass(table).f1[1]).toBeCloseTo(2 / 3, 12);
    expect(kappa(table)).toBeCloseTo((4 / 6 - 1 / 3) / (2 / 3), 12);
    // Observed 1 + 4; by chance (9 + 5 + 13) * 2 / 6.
    expect(kappa(table, 'quadratic')).toBeCloseTo(1 - 5 / 9, 12);
    expect(
      matthews([
        [2, 0],
        [0, 3],
      ]),
    ).toBe(1);
    expect(
      matthews([
        [2, 0],
        [3, 0],
      ]),
    ).toBe(0);
  });
  it('bins are closed above: 0.2 and 0.6 stand below the edge, 0 in the first', () => {
    const counts = (values: number[]) =>
      reliabilityBins(
        values.map(() => 1),
        values,
        5,
      ).map(({ count }) => count);
    expect(counts([0, 0.2, 0.6, 0.6000001, 1])).toEqual([2, 0, 1, 1, 1]);
    expect(equalCountBins([1, 0, 1], [0.3, 0.1, 0.2], 2)).toEqual([
      { count: 2, meanPredicted: 0.15000000000000002, fractionPositive: 0.5 },
      { count: 1, meanPredicted: 0.3, fractionPositive: 1 },
    ]);
  });
  it('AUROC falls to its complement when the scores are turned round', () => {
    fc.assert(
      fc.property(Labelled, (items) => {
        const [labels, scores] = [items.map((item) => item.y), items.map(({ x }) => x)];
        const area = rocAuc(labels, scores);
        if (area === null) return;
        expect(
          rocAuc(
            labels,
            scores.map((x) => -x),
          ),
        ).toBeCloseTo(1 - area, 12);
      }),
    );
  });
});
