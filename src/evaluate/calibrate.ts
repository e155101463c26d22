import { type Isotonic, softmax } from '../calibration.ts';
import { logSumExp } from '../text/math.ts';

export { applyIsotonic, type Isotonic } from '../calibration.ts';

/** Calibration: what turns a critic's raw scores into probabilities that come true. Fits are deterministic. */

/** Softmax of logits divided by a temperature, in log space. */
export const applyTemperature = (logits: readonly number[], temperature: number): number[] =>
  softmax(logits.map((logit) => logit / temperature));

/** Mean negative log-likelihood of the true classes at a temperature. Null without items. */
export function temperatureNll(
  logits: readonly (readonly number[])[],
  y: readonly number[],
  temperature: number,
): number | null {
  if (logits.length === 0) return null;
  const losses = logits.map((row, i) => logSumExp(row.map((logit) => logit / temperature)) - row[y[i]!]! / temperature);
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

const LOG_SCALE_LIMIT = 12;
const BISECTIONS = 60;

/**
 * The temperature with the smallest negative log-likelihood (Guo et al., arXiv 1706.04599). That is convex in 1/T, so
 * its slope has one change of sign, which is found by bisection between e^-12 and e^12. Where all are right, or worse
 * than chance, there is no minimum: the nearer end stands for it, or the first point at which the slope is no more than 0.
 */
export function fitTemperature(logits: readonly (readonly number[])[], y: readonly number[]): number {
  if (slopeAt(logits, y, 1) === 0) return 1;
  let [low, high] = [-LOG_SCALE_LIMIT, LOG_SCALE_LIMIT];
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2;
    if (slopeAt(logits, y, Math.exp(middle)) < 0) low = middle;
    else high = middle;
  }
  return Math.exp(-(low + high) / 2);
}

/** Derivative of the negative log-likelihood by the scale 1/T: how far the expected logit is above the true one. */
function slopeAt(logits: readonly (readonly number[])[], y: readonly number[], scale: number): number {
  return logits.reduce((sum, row, i) => {
    const lead = (j: number) => row[j]! - row[y[i]!]!;
    return sum + applyTemperature(row, 1 / scale).reduce((total, p, j) => (p === 0 ? total : total + p * lead(j)), 0);
  }, 0);
}

/** Probability 1 / (1 + exp(-(slope * score + intercept))). */
export interface Platt {
  readonly slope: number;
  readonly intercept: number;
}

export const applyPlatt = ({ slope, intercept }: Platt, score: number): number => sigmoid(slope * score + intercept);

const sigmoid = (value: number): number =>
  value >= 0 ? 1 / (1 + Math.exp(-value)) : Math.exp(value) / (1 + Math.exp(value));

/**
 * Platt scaling: a logistic curve. `platt` aims at Platt's smoothed targets, (positives + 1) / (positives + 2) and
 * 1 / (negatives + 2), which keep separable data finite; `logistic` is plain maximum likelihood.
 */
export function fitPlatt(
  scores: readonly number[],
  y: readonly number[],
  targets: 'platt' | 'logistic' = 'platt',
): Platt {
  const positives = y.filter((label) => label === 1).length;
  const [high, low] =
    targets === 'platt' ? [(positives + 1) / (positives + 2), 1 / (y.length - positives + 2)] : [1, 0];
  return fitLogistic(
    scores,
    y.map((label) => (label === 1 ? high : low)),
  );
}

const NEWTON_STEPS = 100;
/** Keeps the Hessian invertible: all scores equal, or a fit that has become certain. */
const RIDGE = 1e-12;

/** Newton's method with halved steps (Lin, Lin and Weng, 2007), on scores scaled to mean 0 and deviation 1. */
function fitLogistic(scores: readonly number[], targets: readonly number[]): Platt {
  const n = scores.length;
  const centre = scores.reduce((sum, score) => sum + score, 0) / Math.max(1, n);
  const spread = Math.sqrt(scores.reduce((sum, score) => sum + (score - centre) ** 2, 0) / Math.max(1, n)) || 1;
  const x = scores.map((score) => (score - centre) / spread);
  const lossAt = (a: number, b: number) =>
    x.reduce((sum, value, i) => {
      const f = a * value + b;
      return sum + Math.max(f, 0) - targets[i]! * f + Math.log1p(Math.exp(-Math.abs(f)));
    }, 0);
  let [a, b] = [0, 0];
  let loss = lossAt(a, b);
  for (let step = 0; step < NEWTON_STEPS; step++) {
    let [ga, gb, haa, hab, hbb] = [0, 0, RIDGE, 0, RIDGE];
    for (const [i, value] of x.entries()) {
      const p = sigmoid(a * value + b);
      ga += (p - targets[i]!) * value;
      gb += p - targets[i]!;
      haa += p * (1 - p) * value * value;
      hab += p * (1 - p) * value;
      hbb += p * (1 - p);
    }
    const determinant = haa * hbb - hab * hab;
    const [da, db] = [(hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant];
    let size = 1;
    while (size > 1e-10 && !(lossAt(a - size * da, b - size * db) < loss)) size /= 2;
    if (size <= 1e-10) break;
    [a, b] = [a - size * da, b - size * db];
    loss = lossAt(a, b);
  }
  return { slope: a / spread, intercept: b - (a * centre) / spread };
}

/** The closest rising curve (least squares): values at equal x are averaged, then adjacent violators are pooled. */
export function fitIsotonic(x: readonly number[], y: readonly number[]): Isotonic {
  const groups = new Map<number, { sum: number; weight: number }>();
  for (const [i, value] of x.entries()) {
    const group = groups.get(value) ?? { sum: 0, weight: 0 };
    groups.set(value, { sum: group.sum + y[i]!, weight: group.weight + 1 });
  }
  const points = [...groups].sort(([a], [b]) => a - b);
  const pools: { sum: number; weight: number; size: number }[] = [];
  for (const [, { sum, weight }] of points) {
    let pool = { sum, weight, size: 1 };
    for (let last = pools.at(-1); last && last.sum / last.weight >= pool.sum / pool.weight; last = pools.at(-1)) {
      pool = { sum: last.sum + pool.sum, weight: last.weight + pool.weight, size: last.size + pool.size };
      pools.pop();
    }
    pools.push(pool);
  }
  return {
    x: points.map(([value]) => value),
    y: pools.flatMap(({ sum, weight, size }) => Array.from({ length: size }, () => sum / weight)),
  };
}
