import type { AnswerMetric } from '../metrics/registry.ts';
import type { Outcome, Surface } from '../tune/surface.ts';
import { COVERED, type Compared, compareOutcomes, findingOf } from './compared.ts';
import type { OptionRange } from './ranges.ts';

export interface SweepPoint extends Compared {
  readonly at: number;
}

/** One option moved alone, all others as recorded. */
export interface Sweep extends OptionRange {
  /** By rising value; the recorded value is one of them where it is a number. */
  readonly points: readonly SweepPoint[];
  /**
   * The values around the recorded one, without a gap, at which the paired interval holds 0 over nearly all questions; null
   * where the option was off. It says what these questions cannot tell apart, not that there is no difference.
   */
  readonly alike: readonly [low: number, high: number] | null;
  /** The value with the largest mean difference, whichever way; null where there is none but 0. */
  readonly largest: number | null;
}

/** Evenly spaced values of a range, both ends and the recorded value among them. */
export function sweptValues({ low, high, whole, base }: OptionRange, points: number): number[] {
  const steps = Math.max(1, points - 1);
  const spaced = Array.from({ length: steps + 1 }, (_, i) => low + ((high - low) * i) / steps);
  // Without the noise of the division: 0.15 and not 0.15000000000000002.
  const rounded = spaced.map((value) => (whole ? Math.round(value) : Number(value.toPrecision(12))));
  return [...new Set([...rounded, ...(base === null ? [] : [base])])].sort((a, b) => a - b);
}

export interface SweepOptions {
  readonly points: number;
  readonly seed: number;
  readonly better: AnswerMetric['better'];
}

/** Moves one option over its range. `before` is what the questions came to as recorded. */
export async function sweepOption(
  surface: Pick<Surface, 'at'>,
  range: OptionRange,
  before: readonly (Outcome | null)[],
  { points, seed, better }: SweepOptions,
): Promise<Sweep> {
  const swept: SweepPoint[] = [];
  for (const at of sweptValues(range, points)) {
    const after = at === range.base ? before : await surface.at({ [range.path]: at });
    swept.push({ at, ...compareOutcomes(before, after, seed) });
  }
  const size = ({ difference }: SweepPoint) => Math.abs(difference?.mean ?? 0);
  const largest = swept.reduce<SweepPoint | null>(
    (most, point) => (size(point) > (most === null ? 0 : size(most)) ? point : most),
    null,
  );
  return { ...range, points: swept, alike: alikeAround(swept, range.base, better), largest: largest?.at ?? null };
}

function alikeAround(
  points: readonly SweepPoint[],
  base: number | null,
  better: AnswerMetric['better'],
): Sweep['alike'] {
  const from = points.findIndex(({ at }) => at === base);
  if (from < 0) return null;
  const isAlike = (i: number): boolean => {
    const point = points[i];
    if (point === undefined || point.difference === null || point.coverage < COVERED) return false;
    return findingOf(point.difference, better) === 'none';
  };
  let [low, high] = [from, from];
  while (isAlike(low - 1)) low -= 1;
  while (isAlike(high + 1)) high += 1;
  return [points[low]!.at, points[high]!.at];
}
