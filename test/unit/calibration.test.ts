import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyIsotonic, type Calibration, calibrated, firstLogOdds, softmax } from '../../src/calibration.ts';

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const close = (actual: readonly number[], expected: readonly number[]) => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 9);
};

describe('softmax', () => {
  it('by hand: ln 1, ln 2, ln 5 are an eighth, a quarter and five eighths', () => {
    close(softmax([0, Math.log(2), Math.log(5)]), [0.125, 0.25, 0.625]);
  });
  it('of one output and 0 is the logistic curve', () => {
    close(softmax([1, 0]), [0.7310585786, 0.2689414214]);
  });
  it('holds where exp would not: -800 and 800', () => {
    close(softmax([-800, -801]), [0.7310585786, 0.2689414214]);
    close(softmax([800, 799]), [0.7310585786, 0.2689414214]);
    close(softmax([800, -800]), [1, 0]);
    close(softmax([-800, -800, -800]), [1 / 3, 1 / 3, 1 / 3]);
  });
});

describe('log-odds of the first label', () => {
  it('against all others together: ln(1 / (2 + 5))', () => {
    expect(firstLogOdds([0, Math.log(2), Math.log(5)])).toBeCloseTo(-Math.log(7), 12);
    expect(firstLogOdds([3, 0])).toBe(3);
    expect(firstLogOdds([-800, 0, 0])).toBeCloseTo(-800 - Math.log(2), 9);
  });
});

describe('no calibration', () => {
  it('is the softmax', () => {
    expect(calibrated([2, 1, 0], null)).toEqual(softmax([2, 1, 0]));
  });
});

describe('temperature', () => {
  const at = (temperature: number): Calibration => ({ method: 'temperature', temperature });
  it('divides the logits: ln 9 at 2 is ln 3, three quarters', () => {
    close(calibrated([Math.log(9), 0], at(2)), [0.75, 0.25]);
  });
  it('of 1 changes nothing, a very high one leaves nothing but chance', () => {
    close(calibrated([2, 1, 0], at(1)), softmax([2, 1, 0]));
    close(calibrated([2, 1, 0], at(1e12)), [1 / 3, 1 / 3, 1 / 3]);
  });
});

describe('Platt', () => {
  it('of two labels is the logistic curve of scale and bias', () => {
    const use: Calibration = { method: 'platt', scale: 0.6, bias: [-0.3, 0.2] };
    for (const x of [-4, -0.5, 0, 1.7, 30]) expect(calibrated([x, 0], use)[0]).toBeCloseTo(logistic(0.6 * x - 0.5), 12);
  });
  it('of three labels lifts each by its bias', () => {
    const use: Calibration = { method: 'platt', scale: 1, bias: [0, Math.log(2), Math.log(5)] };
    close(calibrated([0, 0, 0], use), [0.125, 0.25, 0.625]);
  });
});

describe('isotonic', () => {
  const curve = { x: [-1, 0, 2], y: [0.1, 0.3, 0.9] };
  const use: Calibration = { method: 'isotonic', ...curve };

  it('is a straight line between its points', () => {
    expect(applyIsotonic(curve, -0.5)).toBeCloseTo(0.2, 12);
    expect(applyIsotonic(curve, 1)).toBeCloseTo(0.6, 12);
    expect(applyIsotonic(curve, 0)).toBe(0.3);
  });
  it('is flat outside of them', () => {
    expect(applyIsotonic(curve, -800)).toBe(0.1);
    expect(applyIsotonic(curve, 800)).toBe(0.9);
    expect(applyIsotonic({ x: [1], y: [0.4] }, 5)).toBe(0.4);
  });
  it('of nothing is null, and leaves the softmax', () => {
    expect(applyIsotonic({ x: [], y: [] }, 1)).toBe(null);
    close(calibrated([2, 1, 0], { method: 'isotonic', x: [], y: [] }), softmax([2, 1, 0]));
  });
  it('sets the first label; the others share the rest as before', () => {
    // log-odds of the first: 0 - ln(1 + 3) is below the curve: 0.1; the rest, 0.9, is shared as 1 to 3
    close(calibrated([0, 0, Math.log(3)], use), [0.1, 0.225, 0.675]);
    close(calibrated([1, 0], use), [0.6, 0.4]);
  });
  it('shares evenly where the others had nothing at all', () => {
    close(calibrated([800, -800, -800], use), [0.9, 0.05, 0.05]);
  });
});

describe('whatever the logits', () => {
  const Logits = fc.integer({ min: 2, max: 5 }).chain((labels) =>
    fc.array(
      fc.integer({ min: -8000, max: 8000 }).map((tenths) => tenths / 10),
      {
        minLength: labels,
        maxLength: labels,
      },
    ),
  );
  const Ascending = fc
    .array(fc.tuple(fc.integer({ min: -300, max: 300 }), fc.integer({ min: 0, max: 100 })), {
      minLength: 1,
      maxLength: 8,
    })
    .map((points) => ({
      x: [...new Set(points.map(([x]) => x / 10))].sort((a, b) => a - b),
      y: points.map(([, y]) => y / 100).sort((a, b) => a - b),
    }))
    .map(({ x, y }) => ({ x, y: y.slice(0, x.length) }));
  const Use = fc.oneof(
    fc.constant(null),
    fc
      .double({ min: 0.05, max: 20, noNaN: true })
      .map((temperature) => ({ method: 'temperature' as const, temperature })),
    fc
      .tuple(
        fc.double({ min: 0.05, max: 5, noNaN: true }),
        fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 5, maxLength: 5 }),
      )
      .map(([scale, bias]) => ({ method: 'platt' as const, scale, bias })),
    Ascending.map((points) => ({ method: 'isotonic' as const, ...points })),
  );

  it('the probabilities are in 0..1 and sum to one', () => {
    fc.assert(
      fc.property(Logits, Use, (logits, use) => {
        const values = calibrated(logits, use);
        for (const value of values) expect(value >= 0 && value <= 1, `${value}`).toBe(true);
        expect(sum(values)).toBeCloseTo(1, 9);
      }),
    );
  });
  it('a higher logit of the first label never lowers its probability', () => {
    fc.assert(
      fc.property(Logits, Use, fc.integer({ min: 0, max: 500 }), ([first, ...rest], use, more) => {
        const before = calibrated([first!, ...rest], use)[0]!;
        expect(calibrated([first! + more / 10, ...rest], use)[0]).toBeGreaterThanOrEqual(before - 1e-12);
      }),
    );
  });
  it('temperature keeps the order of the labels', () => {
    fc.assert(
      fc.property(Logits, fc.double({ min: 0.05, max: 20, noNaN: true }), (logits, temperature) => {
        const values = calibrated(logits, { method: 'temperature', temperature });
        for (const [i, a] of logits.entries())
          for (const [j, b] of logits.entries()) if (a > b) expect(values[i]).toBeGreaterThanOrEqual(values[j]!);
      }),
    );
  });
});
