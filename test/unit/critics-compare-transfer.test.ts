import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrationThreshold, halvesOf, quantileThreshold } from '../../src/evaluate/critics/transfer.ts';

describe('the threshold that keeps as many', () => {
  it.each([
    ['between the last that stays and the first that goes', [0.9, 0.8, 0.3, 0.1], 2, 0.55],
    ['of close numbers: as short as it can be', [0.1234567, 0.1234568], 1, 0.12345675],
    ['all', [0.9, 0.2], 2, 0],
    ['none', [0.9, 0.2], 0, 1],
    ['equal numbers: rather one more than one fewer', [0.9, 0.5, 0.5, 0.1], 2, 0.3],
    ['equal numbers: the nearer count', [0.9, 0.5, 0.5, 0.5, 0.1], 2, 0.7],
    ['a number of 0 is never above a threshold', [0, 0, 0.4], 3, 0.2],
  ])('%s', (_what, numbers, kept, threshold) => expect(quantileThreshold(numbers, kept)).toBeCloseTo(threshold, 12));

  it('is null without numbers', () => expect(quantileThreshold([], 0)).toBe(null));

  it('keeps exactly as many of different numbers', () => {
    const numbers = fc.uniqueArray(fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, fc.nat(), (values, some) => {
        const kept = some % (values.length + 1);
        const threshold = quantileThreshold(values, kept)!;
        expect(values.filter((value) => value > threshold).length).toBe(kept);
      }),
    );
  });
});

describe('the threshold of the same probability', () => {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  /** Log-odds of A from -2 to 2, and those of B as a function of them; labels that overlap. */
  const rows = (ofB: (x: number) => number) =>
    Array.from({ length: 21 }, (_, i) => {
      const x = i / 5 - 2;
      return { a: sigmoid(x), b: sigmoid(ofB(x)), positive: (i % 3 === 0) === i < 10 ? (1 as const) : (0 as const) };
    });

  it.each([0.2, 0.5, 0.8])('follows the line between the log-odds, from %d', (threshold) => {
    const x = Math.log(threshold / (1 - threshold));
    expect(
      calibrationThreshold(
        rows((own) => 3 * own - 1),
        threshold,
      ),
    ).toBeCloseTo(sigmoid(3 * x - 1), 5);
    expect(
      calibrationThreshold(
        rows((own) => own),
        threshold,
      ),
    ).toBeCloseTo(threshold, 5);
  });

  it('is null with one label, and for a critic that says the opposite', () => {
    const same = rows((x) => x).map((row) => ({ ...row, positive: 1 as const }));
    expect(calibrationThreshold(same, 0.5)).toBe(null);
    expect(
      calibrationThreshold(
        rows((x) => -x),
        0.5,
      ),
    ).toBe(null);
  });

  it('all and none stay so', () => {
    const line = rows((x) => x + 1);
    expect([calibrationThreshold(line, 0), calibrationThreshold(line, 1)]).toEqual([0, 1]);
  });
});

describe('halves of the questions', () => {
  const questions = Array.from({ length: 11 }, (_, i) => `q${i}`);
  it('are disjoint, hold every question once, and follow from the seed', () => {
    const { fit, measure } = halvesOf([...questions, ...questions], 1);
    expect([fit.size, measure.size]).toEqual([5, 6]);
    expect([...fit, ...measure].sort()).toEqual([...questions].sort());
    expect(halvesOf(questions, 1)).toEqual({ fit, measure });
    expect(halvesOf(questions, 2)).not.toEqual({ fit, measure });
  });
  it('one question is measured', () => expect(halvesOf(['q'], 1)).toEqual({ fit: new Set(), measure: new Set(['q']) }));
});
