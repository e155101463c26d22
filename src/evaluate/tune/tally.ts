import { DiscernError } from '../../errors.ts';
import type { GroupGains } from './chance.ts';
import type { Folds } from './folds.ts';
import type { Outcome, Setting, Surface } from './surface.ts';

export type CostName = keyof Outcome['cost'];
export const COSTS: readonly CostName[] = ['calls', 'requests', 'tokens', 'ms'];

/** Outcomes of all questions under one setting, as numbers in rows. */
export interface Columns {
  /** A row of one number for each metric; NaN where it is undefined. */
  readonly values: Float64Array;
  /** 0 where a fact is missing; what stands in the other columns then means nothing. */
  readonly replayed: Uint8Array;
  /** A row of one number for each of COSTS. */
  readonly cost: Float64Array;
}

/** What a surface may also do, and then is asked for: fill columns instead of making objects. */
export interface ColumnSurface extends Surface {
  fill?(setting: Setting, into: Columns): Promise<void>;
}

export const newColumns = ({ ids, metrics }: Pick<Surface, 'ids' | 'metrics'>): Columns => ({
  values: new Float64Array(ids.length * metrics.length),
  replayed: new Uint8Array(ids.length),
  cost: new Float64Array(ids.length * COSTS.length),
});

/** What columns were filled with last; undefined: nothing that is known. */
export type Filled = readonly (Outcome | null)[] | undefined;

/**
 * Asks the surface. A surface that answers from memory gives the same object again: what `last` says is in the columns
 * already is not read again.
 */
export async function fillColumns(
  surface: ColumnSurface,
  setting: Setting,
  into: Columns,
  last?: Filled,
): Promise<Filled> {
  if (surface.fill) {
    await surface.fill(setting, into);
    return undefined;
  }
  const outcomes = await surface.at(setting);
  const width = surface.metrics.length;
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i]!;
    if (last !== undefined && outcome === last[i]) continue;
    into.replayed[i] = outcome === null ? 0 : 1;
    if (outcome === null) continue;
    for (let metric = 0; metric < width; metric++)
      into.values[i * width + metric] = outcome.values[metric] ?? Number.NaN;
    const { calls, requests, tokens, ms } = outcome.cost;
    into.cost[i * 4] = calls;
    into.cost[i * 4 + 1] = requests;
    into.cost[i * 4 + 2] = tokens;
    into.cost[i * 4 + 3] = ms;
  }
  return outcomes;
}

/** A setting against the base on the questions of some folds. */
export interface Figures {
  readonly questions: number;
  /** Questions that replay under both. */
  readonly replayed: number;
  /** Questions whose metric is defined under both: those that means are over. */
  readonly compared: number;
  /** Questions whose metric is defined under the base. */
  readonly defined: number;
  /** Means of the metric; NaN where nothing is compared. */
  readonly value: number;
  readonly base: number;
  /** How much better than the base, whichever way better is. */
  readonly gain: number;
  /** Means over what replays under both, in the order of COSTS. */
  readonly cost: readonly number[];
  readonly baseCost: readonly number[];
}

/** Settings whose gains are also kept by groups, at most. */
const SAMPLE = 256;

/** What was tried, summed by folds: nothing is kept for single questions. */
export interface Tally {
  /** Distinct settings, the base first. */
  readonly settings: readonly Setting[];
  /** The place of a setting, which is replayed where it is new. */
  add(setting: Setting): Promise<number>;
  figures(place: number, folds: readonly number[]): Figures;
  /** The base and an even sample of the other settings, in the order of `rank`; those left out whose rank is null. */
  groupGains(rank: (place: number) => number | null): GroupGains;
}

interface TallyOptions {
  readonly base: Setting;
  /** Place of the metric among those of the surface. */
  readonly metric: number;
  readonly better: 'higher' | 'lower';
  readonly folds: Folds;
  readonly keyOf: (setting: Setting) => string;
  /** Settings that will be added, at most. */
  readonly expected: number;
}

const [REPLAYED, COMPARED, VALUE, BASE, COST, BASE_COST, WIDTH] = [0, 1, 2, 3, 4, 8, 12];

export async function openTally(
  surface: ColumnSurface,
  { base, metric, better, folds, keyOf, expected }: TallyOptions,
): Promise<Tally> {
  const n = surface.ids.length;
  const width = surface.metrics.length;
  const own = newColumns(surface);
  await fillColumns(surface, base, own);
  const questions = new Float64Array(folds.count);
  const defined = new Float64Array(folds.count);
  for (let i = 0; i < n; i++) {
    const fold = folds.of[i]!;
    questions[fold]! += 1;
    if (own.replayed[i] === 1 && !Number.isNaN(own.values[i * width + metric]!)) defined[fold]! += 1;
  }
  if (!defined.some((count) => count > 0))
    throw new DiscernError(
      'INPUT_INVALID',
      `${surface.metrics[metric]} is defined for none of ${n} questions under the base setting`,
    );
  const into = newColumns(surface);
  let last: Filled;
  const settings: Setting[] = [];
  const rows: Float64Array[] = [];
  const places = new Map<string, number>();
  const sign = better === 'higher' ? 1 : -1;
  const every = Math.max(1, Math.ceil(expected / SAMPLE));
  const sampled = new Map<number, { readonly sums: Float32Array; readonly sizes: Uint16Array }>();

  const sum = (columns: Columns): Float64Array => {
    const row = new Float64Array(folds.count * WIDTH);
    for (let i = 0; i < n; i++) {
      if (columns.replayed[i] === 0 || own.replayed[i] === 0) continue;
      const at = folds.of[i]! * WIDTH;
      row[at + REPLAYED]! += 1;
      for (let k = 0; k < 4; k++) {
        row[at + COST + k]! += columns.cost[i * 4 + k]!;
        row[at + BASE_COST + k]! += own.cost[i * 4 + k]!;
      }
      const value = columns.values[i * width + metric]!;
      const before = own.values[i * width + metric]!;
      if (Number.isNaN(value) || Number.isNaN(before)) continue;
      row[at + COMPARED]! += 1;
      row[at + VALUE]! += value;
      row[at + BASE]! += before;
    }
    return row;
  };
  const byGroups = (columns: Columns) => {
    const sums = new Float32Array(folds.foldOfGroup.length);
    const sizes = new Uint16Array(folds.foldOfGroup.length);
    for (let i = 0; i < n; i++) {
      const gain = sign * (columns.values[i * width + metric]! - own.values[i * width + metric]!);
      if (columns.replayed[i] === 0 || own.replayed[i] === 0 || Number.isNaN(gain)) continue;
      sums[folds.group[i]!]! += gain;
      sizes[folds.group[i]!]! += 1;
    }
    return { sums, sizes };
  };
  const keep = (setting: Setting, columns: Columns): number => {
    const place = settings.length;
    places.set(keyOf(setting), place);
    settings.push(setting);
    rows.push(sum(columns));
    if (place % every === 0) sampled.set(place, byGroups(columns));
    return place;
  };
  keep(base, own);

  return {
    settings,
    groupGains(rank) {
      const ranked = [...sampled].flatMap(([place, gains]) => {
        const at = place === 0 ? Number.NEGATIVE_INFINITY : rank(place);
        return at === null ? [] : [{ at, gains }];
      });
      ranked.sort((a, b) => a.at - b.at);
      return {
        ...{ sums: ranked.map(({ gains }) => gains.sums), sizes: ranked.map(({ gains }) => gains.sizes) },
        ...{ foldOf: folds.foldOfGroup, folds: folds.count },
      };
    },
    async add(setting) {
      const known = places.get(keyOf(setting));
      if (known !== undefined) return known;
      last = await fillColumns(surface, setting, into, last);
      return keep(setting, into);
    },
    figures(place, chosen) {
      const row = rows[place]!;
      const all = new Float64Array(WIDTH);
      let [total, known] = [0, 0];
      for (const fold of chosen) {
        for (let k = 0; k < WIDTH; k++) all[k]! += row[fold * WIDTH + k]!;
        total += questions[fold]!;
        known += defined[fold]!;
      }
      const [replayed, compared] = [all[REPLAYED]!, all[COMPARED]!];
      const difference = (all[VALUE]! - all[BASE]!) / compared;
      return {
        ...{ questions: total, replayed, compared, defined: known },
        ...{ value: all[VALUE]! / compared, base: all[BASE]! / compared },
        gain: sign * difference,
        cost: [0, 1, 2, 3].map((k) => all[COST + k]! / replayed),
        baseCost: [0, 1, 2, 3].map((k) => all[BASE_COST + k]! / replayed),
      };
    },
  };
}
