import type { MeanInterval } from '../metrics/mean.ts';
import type { Axis, Leaf } from './axes.ts';
import { bestPlace, cheapestPlace, type Limits, meets, paretoPlaces, type Run } from './choose.ts';
import type { HeldOut } from './held-out.ts';
import type { Setting } from './surface.ts';
import { COSTS, type CostName } from './tally.ts';

/** Points that a front shows at most, evenly spread along it. */
const POINTS = 10;

/** One place on the front of quality against cost: no setting that was tried is both as cheap and better. */
export interface FrontPoint {
  readonly setting: Setting;
  /** (train) On all questions, which the point was also picked on: flatters it. */
  readonly train: {
    readonly value: number;
    /** tuned - base, on the questions that replay under both. */
    readonly difference: number;
    readonly cost: number;
    readonly n: number;
  };
  /**
   * (held-out) What comes of tuning for at most this cost, on questions that were not tuned on. The setting may be
   * another one in each fold. Null where nothing can be compared.
   */
  readonly heldOut: {
    readonly difference: MeanInterval;
    readonly cost: MeanInterval;
    readonly coverage: number;
  } | null;
}

export async function frontOf(
  all: Run,
  folds: readonly Run[],
  cost: CostName,
  minCoverage: number,
  judge: (chosen: readonly Setting[]) => Promise<HeldOut>,
): Promise<FrontPoint[]> {
  const k = COSTS.indexOf(cost);
  const places = paretoPlaces(all.figures, k, minCoverage);
  const shown = places.filter((_, i) => i === spread(i, places.length));
  const points: FrontPoint[] = [];
  for (const place of shown) {
    const { value, base, cost: costs, compared } = all.figures[place]!;
    const limits: Limits = { minCoverage, budgets: [{ cost, most: costs[k]! }] };
    const chosen = folds.map((run) => {
      const found = bestPlace(run, limits) ?? cheapestPlace(run.figures, k, minCoverage) ?? 0;
      return run.settings[found]!;
    });
    const { metric, cost: taken, coverage } = await judge(chosen);
    points.push({
      setting: all.settings[place]!,
      train: { value, difference: value - base, cost: costs[k]!, n: compared },
      heldOut: metric && taken && { difference: metric.difference, cost: taken[cost].tuned, coverage },
    });
  }
  return points;
}

/** The place that stands for this one where only POINTS of so many are shown. */
function spread(place: number, count: number): number {
  if (count <= POINTS) return place;
  const step = (count - 1) / (POINTS - 1);
  return Math.round(Math.round(place / step) * step);
}

/** What the settings at one part of an axis came to, whatever their other options. (train) */
export interface AxisLevel {
  /** A value, or the ends of a part of a range. */
  readonly value: Leaf | readonly [low: number, high: number];
  readonly settings: number;
  /** Of them, those that met the coverage; means are over these. */
  readonly covered: number;
  /** tuned - base in the units of the metric; null where none is covered. */
  readonly best: number | null;
  readonly mean: number | null;
}

export interface AxisEffect {
  readonly path: string;
  readonly levels: readonly AxisLevel[];
}

const PARTS = 10;

/** How settings differ along each axis. */
export function axisEffects(
  axes: readonly Axis[],
  { settings, figures }: Run,
  minCoverage: number,
  better: 'higher' | 'lower',
): AxisEffect[] {
  const sign = better === 'higher' ? 1 : -1;
  return axes.map(({ path, values }) => {
    const parts = new Map<string, { value: AxisLevel['value']; places: number[] }>();
    for (const [place, setting] of settings.entries()) {
      const value = levelOf(values, setting[path]!);
      const key = JSON.stringify(value);
      const part = parts.get(key) ?? { value, places: [] };
      parts.set(key, part);
      part.places.push(place);
    }
    const levels = [...parts.values()].map(({ value, places }): AxisLevel => {
      const gains = places.flatMap((place) =>
        meets(figures[place]!, { minCoverage, budgets: [] }) ? [figures[place]!.gain] : [],
      );
      return {
        ...{ value, settings: places.length, covered: gains.length },
        best: gains.length === 0 ? null : sign * gains.reduce((most, gain) => Math.max(most, gain)),
        mean: gains.length === 0 ? null : (sign * gains.reduce((sum, gain) => sum + gain, 0)) / gains.length,
      };
    });
    const rank = ({ value }: AxisLevel) =>
      'low' in values ? (typeof value === 'object' ? (value?.[0] ?? 0) : Number(value)) : values.indexOf(value as Leaf);
    return { path, levels: levels.sort((a, b) => rank(a) - rank(b)) };
  });
}

/** The part of the axis that a value is in; a value beside a range stands alone. */
function levelOf(values: Axis['values'], value: Leaf): AxisLevel['value'] {
  if (!('low' in values) || typeof value !== 'number' || value < values.low || value > values.high) return value;
  const { low, high, step } = values;
  if (step !== null && (high - low) / step <= 2 * PARTS) return value;
  const part = Math.min(PARTS - 1, Math.floor((PARTS * (value - low)) / (high - low) + 1e-9));
  const end = (i: number) => Number((low + (i * (high - low)) / PARTS).toPrecision(12));
  return [end(part), end(part + 1)];
}
