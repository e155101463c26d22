import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Calibration, calibrated, firstLogOdds } from '../../src/calibration.ts';
import { fitPlatt, fitTemperature } from '../../src/evaluate/calibrate.ts';
import {
  CALIBRATION_METHODS,
  crossFitted,
  fitCalibration,
  type LabelledLogits,
  labelNll,
} from '../../src/evaluate/calibrate-labels.ts';
import { seededRandom } from '../../src/text/random.ts';

const logit = (p: number) => Math.log(p / (1 - p));

/** Rows whose labels come true as this calibration says of their logits; each third only says that it is not the first. */
function drawn(truth: Calibration, labels: number, n: number, coarse = false): LabelledLogits[] {
  const next = seededRandom(7);
  return Array.from({ length: n }, (_, i) => {
    const logits = Array.from({ length: labels }, () => 6 * next() - 3);
    const probs = calibrated(logits, truth);
    let [label, left] = [0, next()];
    while (label < labels - 1 && left >= probs[label]!) left -= probs[label++]!;
    return { logits, label: coarse && i % 3 === 0 && label > 0 ? ('notFirst' as const) : label };
  });
}

describe('known parameters are found again', () => {
  const platt = { method: 'platt', scale: 1.7, bias: [0.8, -0.5, 0] } as const;
  it.each([false, true])('Platt, three labels, some known only as not the first: %s', (coarse) => {
    const fit = fitCalibration('platt', drawn(platt, 3, 8000, coarse));
    if (fit.method !== 'platt') throw new Error(fit.method);
    expect(fit.scale).toBeCloseTo(1.7, 1);
    expect(Math.abs(fit.bias[0]! - 0.8)).toBeLessThan(0.15);
    expect(Math.abs(fit.bias[1]! + 0.5)).toBeLessThan(0.15);
    expect(fit.bias[2]).toBe(0);
  });
  it.each([false, true])('temperature, five labels, some known only as not the first: %s', (coarse) => {
    const fit = fitCalibration('temperature', drawn({ method: 'temperature', temperature: 2.5 }, 5, 8000, coarse));
    if (fit.method !== 'temperature') throw new Error(fit.method);
    expect(Math.abs(fit.temperature - 2.5)).toBeLessThan(0.15);
  });
});

describe('agreement with the fits of one score', () => {
  const rows = drawn({ method: 'platt', scale: 0.6, bias: [0.3, 0] }, 2, 300);
  const y = rows.map(({ label }) => label as number);
  it('temperature', () => {
    const fit = fitCalibration('temperature', rows);
    const logits = rows.map((row) => row.logits);
    expect(fit.method === 'temperature' && fit.temperature).toBeCloseTo(fitTemperature(logits, y), 5);
  });
  it('Platt of two labels is a logistic curve of the log-odds', () => {
    const fit = fitCalibration('platt', rows);
    const odds = rows.map(({ logits }) => firstLogOdds(logits));
    const { slope, intercept } = fitPlatt(
      odds,
      y.map((label) => 1 - label),
      'logistic',
    );
    if (fit.method !== 'platt') throw new Error(fit.method);
    expect(fit.scale).toBeCloseTo(slope, 4);
    expect(fit.bias[0]).toBeCloseTo(intercept, 4);
  });
});

describe('by hand', () => {
  const row = (first: number, label: LabelledLogits['label']): LabelledLogits => ({ logits: [first, 0], label });
  it('three of four true at one score: each method says 3/4', () => {
    const rows = [row(2, 0), row(2, 0), row(2, 0), row(2, 1)];
    for (const method of CALIBRATION_METHODS)
      expect(calibrated([2, 0], fitCalibration(method, rows))[0], method).toBeCloseTo(0.75, 4);
    expect(fitCalibration('temperature', rows)).toEqual({
      method: 'temperature',
      temperature: expect.closeTo(2 / logit(0.75), 6),
    });
  });
  it('isotonic keeps the ends of flat stretches only, and is never certain', () => {
    const rows = [row(-3, 1), row(-2, 1), row(-1, 1), row(0, 0), row(1, 1), row(2, 0), row(3, 0), row(4, 0)];
    // 0 and 1 pool to a half; eight rows: 1/10 and 9/10 are the ends.
    expect(fitCalibration('isotonic', rows)).toEqual({
      method: 'isotonic',
      x: [-3, -1, 0, 1, 2, 4].map((value) => expect.closeTo(value, 12)),
      y: [0.1, 0.1, 0.5, 0.5, 0.9, 0.9],
    });
  });
  it('negative log-likelihood: what is known of each row', () => {
    const rows: LabelledLogits[] = [row(0, 0), row(0, 'notFirst')];
    const probs = [
      [0.25, 0.75],
      [0.2, 0.8],
    ];
    expect(labelNll(rows, probs)).toBeCloseTo(-(Math.log(0.25) + Math.log(0.8)) / 2, 12);
    expect(labelNll([], [])).toBe(null);
  });
});

it('fits stay finite: separable rows, one label only, equal logits, logits far too large', () => {
  const Rows = fc.array(
    fc.record({
      logits: fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 3, maxLength: 3 }),
      label: fc.constantFrom(0, 1, 2, 'notFirst' as const),
    }),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(Rows, fc.constantFrom(...CALIBRATION_METHODS), (rows, method) => {
      const fit = fitCalibration(method, rows);
      for (const { logits } of rows) {
        const probs = calibrated(logits, fit);
        expect(probs.every((p) => p >= 0 && p <= 1)).toBe(true);
        expect(probs.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
      }
    }),
    { numRuns: 150 },
  );
});

it('a fit is never worse than the raw logits on its own rows', () => {
  const rows = drawn({ method: 'platt', scale: 0.2, bias: [-1, 1, 0] }, 3, 200, true);
  const nll = (use: Calibration | null) =>
    labelNll(
      rows,
      rows.map(({ logits }) => calibrated(logits, use)),
    )!;
  for (const method of ['temperature', 'platt'] as const)
    expect(nll(fitCalibration(method, rows))).toBeLessThan(nll(null));
});

it('cross-fitted: each row is judged by a fit that has not seen it', () => {
  // Alone in its class, a row is given by the others as if that class had never been.
  const rows: LabelledLogits[] = Array.from({ length: 10 }, (_, i) => ({ logits: [0, 0], label: i === 0 ? 0 : 1 }));
  const probs = crossFitted('platt', rows, { folds: 10, seed: 1 });
  expect(probs[0]![0]).toBeLessThan(0.01);
  expect(probs[1]![0]).toBeCloseTo(1 / 9, 3);
  expect(crossFitted('platt', rows, { folds: 10, seed: 1 })).toEqual(probs);
});
