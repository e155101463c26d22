import type { MeanInterval } from '../metrics/mean.ts';
import type { PairedDifference } from '../metrics/paired.ts';
import type { Chance } from './chance.ts';
import { clusteredError, clusteredMeans, signFlipP } from './clustered.ts';
import type { Folds } from './folds.ts';
import type { Setting, Surface } from './surface.ts';
import { COSTS, type ColumnSurface, type Columns, type CostName, fillColumns, newColumns } from './tally.ts';

/** A tuned setting beside the base: means over the same questions. */
export interface Compared {
  readonly base: MeanInterval;
  readonly tuned: MeanInterval;
  /** tuned - base. */
  readonly difference: PairedDifference;
}

/** What settings come to on questions that they were not chosen on. */
export interface HeldOut {
  readonly questions: number;
  /** Questions that replay under both. */
  readonly replayed: number;
  /** Questions whose metric is defined under both, of those where it is under the base. */
  readonly compared: number;
  readonly defined: number;
  /** The smaller one of replayed / questions and compared / defined, 0..1. */
  readonly coverage: number;
  /** Null where nothing can be compared. The interval and p of the difference know that settings were chosen. */
  readonly metric: Compared | null;
  /** How many times as wide that interval is as the plain one over resampled groups; at least 1. */
  readonly widening: number;
  /** Over the questions that replay under both; null where there are none. */
  readonly cost: Readonly<Record<CostName, Compared>> | null;
}

/** Outcomes of single questions, asked for once for each setting. */
export type ColumnsOf = (setting: Setting) => Promise<Columns>;

export function rememberedColumns(surface: ColumnSurface, keyOf: (setting: Setting) => string): ColumnsOf {
  const known = new Map<string, Columns>();
  return async (setting) => {
    const key = keyOf(setting);
    const found = known.get(key) ?? newColumns(surface);
    if (!known.has(key)) await fillColumns(surface, setting, found);
    known.set(key, found);
    return found;
  };
}

interface HeldOutOptions {
  readonly base: Setting;
  /** Place of the metric among those of the surface. */
  readonly metric: number;
  readonly folds: Folds;
  readonly seed: number;
  readonly better: 'higher' | 'lower';
  /** What choosing adds to chance, for a gain and its standard error. */
  readonly chance: (seen: { readonly gain: number; readonly error: number }) => Chance;
}

/** Each question under the setting that was chosen without its fold, against the base. */
export async function heldOutOf(
  { ids, groups, metrics }: Pick<Surface, 'ids' | 'groups' | 'metrics'>,
  columnsOf: ColumnsOf,
  chosen: readonly Setting[],
  { base, metric, better, folds, seed, chance }: HeldOutOptions,
): Promise<HeldOut> {
  const own = await columnsOf(base);
  const others: Columns[] = [];
  for (const setting of chosen) others.push(await columnsOf(setting));
  const figureOf = ({ values }: Columns, i: number): number | null => {
    const value = values[i * metrics.length + metric]!;
    return Number.isNaN(value) ? null : value;
  };
  const both = ids.flatMap((_, i) => (own.replayed[i] === 1 && others[folds.of[i]!]!.replayed[i] === 1 ? [i] : []));
  const defined = ids.filter((_, i) => own.replayed[i] === 1 && figureOf(own, i) !== null).length;
  const rows = both.flatMap((i) => {
    const [before, after] = [figureOf(own, i), figureOf(others[folds.of[i]!]!, i)];
    return before === null || after === null ? [] : [{ before, after, group: groups[i]! }];
  });
  const costRows = (k: number) =>
    both.map((i) => ({
      before: own.cost[i * 4 + k]!,
      after: others[folds.of[i]!]!.cost[i * 4 + k]!,
      group: groups[i]!,
    }));
  const costs = COSTS.map((name, k) => [name, comparedOf(costRows(k), seed)] as const);
  const plain = comparedOf(rows, seed);
  const sign = better === 'higher' ? 1 : -1;
  const found = plain && chance({ gain: sign * plain.difference.mean, error: errorOf(rows) });
  const difference = plain && found && widened(plain.difference, found, better);
  return {
    ...{ questions: ids.length, replayed: both.length, compared: rows.length, defined },
    coverage: Math.min(both.length / ids.length, defined === 0 ? 0 : rows.length / defined),
    metric: plain && difference && { ...plain, difference },
    widening: plain && difference ? widthOf(difference) / widthOf(plain.difference) || 1 : 1,
    cost: both.length === 0 ? null : (Object.fromEntries(costs) as Record<CostName, Compared>),
  };
}

/** A question under the base and under the chosen setting. */
interface Pair {
  readonly before: number;
  readonly after: number;
  readonly group: string;
}

const errorOf = (rows: readonly Pair[]): number =>
  clusteredError(
    rows.map(({ before, after }) => after - before),
    rows.map(({ group }) => group),
  );

function widened(
  { mean, ci95: [low, high], n }: PairedDifference,
  { p, below, above }: Chance,
  better: 'higher' | 'lower',
): PairedDifference {
  const [down, up] = better === 'higher' ? [below, above] : [above, below];
  return { mean, ci95: [mean - (mean - low) * down, mean + (high - mean) * up], n, p };
}

const widthOf = ({ ci95: [low, high] }: MeanInterval): number => high - low;

function comparedOf(rows: readonly Pair[], seed: number): Compared | null {
  if (rows.length === 0) return null;
  const groups = rows.map(({ group }) => group);
  const differences = rows.map(({ before, after }) => after - before);
  const columns = [rows.map(({ before }) => before), rows.map(({ after }) => after), differences];
  const [base, tuned, difference] = clusteredMeans(columns, groups, seed);
  return { base: base!, tuned: tuned!, difference: { ...difference!, p: signFlipP(differences, groups, seed) } };
}
