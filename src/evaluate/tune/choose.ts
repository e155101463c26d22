import { type Budget, overBudget } from './budget.ts';
import type { Setting } from './surface.ts';
import type { Figures } from './tally.ts';

/** What a setting must meet on the questions that it is chosen on. */
export interface Limits {
  /** Least share of questions that replay, and of those with a value under the base that have one, 0..1. */
  readonly minCoverage: number;
  readonly budgets: readonly Budget[];
}

/** Means nearer than this are one. */
const EQUAL = 1e-12;

/** Of the two shares that coverage bounds the smaller one, 0..1. */
export const coverageOf = ({ questions, replayed, compared, defined }: Figures): number =>
  Math.min(questions === 0 ? 0 : replayed / questions, defined === 0 ? 0 : compared / defined);

/**
 * One number to search by: the gain of a setting that meets the limits; below all of these, by how much one misses them.
 */
export function searchScore(figures: Figures, { minCoverage, budgets }: Limits): number {
  const missing = Math.max(0, minCoverage - coverageOf(figures));
  if (missing > EQUAL || figures.compared === 0) return -1e15 * (1 + missing);
  const over = overBudget(budgets, figures.cost);
  return over > 0 ? -1e9 * (1 + Math.min(over, 1e5)) : figures.gain;
}

export const meets = (figures: Figures, limits: Limits): boolean => searchScore(figures, limits) > -1e9;

/** What one search tried, on the questions that it was tried on. */
export interface Run {
  readonly settings: readonly Setting[];
  readonly figures: readonly Figures[];
  /** From the base, in axes. */
  readonly distances: readonly number[];
  /** Places by falling gain; those where nothing is compared are not among them. */
  readonly order: readonly number[];
}

export function runOf(settings: readonly Setting[], figures: readonly Figures[], distances: readonly number[]): Run {
  const known = figures.flatMap(({ compared }, place) => (compared > 0 ? [place] : []));
  const order = known.sort((a, b) => figures[b]!.gain - figures[a]!.gain || a - b);
  return { settings, figures, distances, order };
}

/**
 * The place of the best setting that meets the limits; null where none does. Among those whose gain is at most `slack`
 * below the best, it is the one nearest to the base, then the better one, then the one tried first.
 */
export function bestPlace({ figures, distances, order }: Run, limits: Limits, slack = 0): number | null {
  let least = Number.NEGATIVE_INFINITY;
  let best: number | null = null;
  for (const place of order) {
    const { gain } = figures[place]!;
    if (gain < least) break;
    if (!meets(figures[place]!, limits)) continue;
    if (best === null) least = gain - slack - EQUAL;
    if (best === null || isBetter(place, best, figures, distances)) best = place;
  }
  return best;
}

function isBetter(place: number, best: number, figures: readonly Figures[], distances: readonly number[]): boolean {
  const nearer = distances[best]! - distances[place]!;
  if (Math.abs(nearer) > EQUAL) return nearer > 0;
  const better = figures[place]!.gain - figures[best]!.gain;
  return Math.abs(better) > EQUAL ? better > 0 : place < best;
}

/** The place of the setting that covers enough and costs least; null where none covers enough. */
export function cheapestPlace(figures: readonly Figures[], cost: number, minCoverage: number): number | null {
  let best: number | null = null;
  for (let place = 0; place < figures.length; place++) {
    if (!meets(figures[place]!, { minCoverage, budgets: [] })) continue;
    if (best === null || figures[place]!.cost[cost]! < figures[best]!.cost[cost]!) best = place;
  }
  return best;
}

/** Places of settings than which no other is both as cheap and better, from cheap to dear. */
export function paretoPlaces(figures: readonly Figures[], cost: number, minCoverage: number): number[] {
  const limits: Limits = { minCoverage, budgets: [] };
  const order = figures
    .flatMap((one, place) => (meets(one, limits) ? [place] : []))
    .sort((a, b) => figures[a]!.cost[cost]! - figures[b]!.cost[cost]! || figures[b]!.gain - figures[a]!.gain || a - b);
  const front: number[] = [];
  for (const place of order) {
    const last = front.at(-1);
    if (last === undefined || figures[place]!.gain > figures[last]!.gain + EQUAL) front.push(place);
  }
  return front;
}
