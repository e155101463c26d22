import { seededRandom } from '../../text/random.ts';
import { fitPlatt } from '../calibrate.ts';

/** How a threshold of one critic becomes one of another. */
export const TRANSFERS = ['quantile', 'calibration'] as const;
export type Transfer = (typeof TRANSFERS)[number];

/** Two halves of the questions: what is fitted on one is measured on the other. */
export interface Halves {
  readonly fit: ReadonlySet<string>;
  readonly measure: ReadonlySet<string>;
}

/** Drawn by the seed; the half that is measured is never the smaller one. One question is measured and fits nothing. */
export function halvesOf(questions: readonly string[], seed: number): Halves {
  const next = seededRandom(seed);
  const order = [...new Set(questions)]
    .map((question) => ({ question, at: next() }))
    .sort((x, y) => x.at - y.at)
    .map(({ question }) => question);
  const middle = Math.floor(order.length / 2);
  return { fit: new Set(order.slice(0, middle)), measure: new Set(order.slice(middle)) };
}

/**
 * The threshold above which as many of the numbers stand as were kept before; where equal numbers make that
 * impossible, as nearly as many as can be, rather more than fewer. 0 keeps all, 1 none. Null without numbers.
 */
export function quantileThreshold(numbers: readonly number[], kept: number): number | null {
  if (numbers.length === 0) return null;
  const levels = [...new Set(numbers)].sort((x, y) => y - x);
  const options = [{ kept: 0, threshold: 1 }];
  for (const [i, level] of levels.entries()) {
    const below = levels[i + 1];
    const above = numbers.filter((number) => number >= level).length;
    if (below !== undefined) options.push({ kept: above, threshold: between(below, level) });
    else if (level > 0) options.push({ kept: above, threshold: 0 });
  }
  const miss = (option: { kept: number }) => Math.abs(option.kept - kept);
  return options.reduce((best, option) => (miss(option) <= miss(best) ? option : best)).threshold;
}

/** The middle of two numbers, written as short as it can be and still stand from the lower one up to below the higher. */
function between(low: number, high: number): number {
  const middle = (low + high) / 2;
  for (let digits = 3; digits <= 17; digits++) {
    const short = Number(middle.toPrecision(digits));
    if (short >= low && short < high) return short;
  }
  return low;
}

/** The numbers of both critics in a labelled state: 1 where it is positive. */
export interface LabelledNumbers {
  readonly a: number;
  readonly b: number;
  readonly positive: 0 | 1;
}

/** Keeps log-odds finite. */
const LEAST = 1e-6;
const logOdds = (p: number): number => {
  const inside = Math.min(1 - LEAST, Math.max(LEAST, p));
  return Math.log(inside / (1 - inside));
};

/**
 * The threshold of B that means the same probability as that of A, by a logistic curve of each critic's log-odds over
 * the labels. Null where the rows have one label only, or a critic whose number does not rise with the label.
 */
export function calibrationThreshold(rows: readonly LabelledNumbers[], threshold: number): number | null {
  if (threshold === 0 || threshold === 1) return threshold; // all and none, for any critic
  const labels = rows.map(({ positive }) => positive);
  if (new Set(labels).size < 2) return null;
  const a = fitPlatt(
    rows.map((row) => logOdds(row.a)),
    labels,
  );
  const b = fitPlatt(
    rows.map((row) => logOdds(row.b)),
    labels,
  );
  if (a.slope <= 0 || b.slope <= 0) return null;
  const wanted = a.slope * logOdds(threshold) + a.intercept;
  return Number((1 / (1 + Math.exp(-(wanted - b.intercept) / b.slope))).toPrecision(6));
}
