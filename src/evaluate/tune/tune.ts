import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { AnswerMetric } from '../metrics/registry.ts';
import type { Axis } from './axes.ts';
import type { Budget } from './budget.ts';
import { type Chance, chanceOf } from './chance.ts';
import { bestPlace, coverageOf, type Limits, meets, type Run, runOf, searchScore } from './choose.ts';
import { clusteredError } from './clustered.ts';
import { dealFolds } from './folds.ts';
import { type AxisEffect, axisEffects, type FrontPoint, frontOf } from './front.ts';
import { type ColumnsOf, type HeldOut, heldOutOf, rememberedColumns } from './held-out.ts';
import { baseSetting, distanceOf, keyOfSetting } from './points.ts';
import { evolve, plannedSettings, type Strategy } from './search.ts';
import type { Setting } from './surface.ts';
import { COSTS, type ColumnSurface, type CostName, type Figures, openTally, type Tally } from './tally.ts';
import { type Verdict, verdictOf } from './verdict.ts';

export interface TuneOptions {
  readonly axes: readonly Axis[];
  readonly metric: Pick<AnswerMetric, 'name' | 'better'>;
  readonly strategy: Strategy;
  /** Settings that a search tries, about; `evolve` searches once for each fold and once for all questions. */
  readonly trials: number;
  readonly folds: number;
  readonly seed: number;
  /** Means over questions that a chosen setting must keep, on those it is chosen on. */
  readonly budgets?: readonly Budget[];
  /** Least share of questions that must replay under a setting, 0..1. */
  readonly minCoverage?: number;
  /** `nearest`: the setting nearest to the base of all whose gain is within one standard error of the best. */
  readonly ties?: 'equal' | 'nearest';
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What one fold came to. */
export interface FoldResult {
  /** The setting that was chosen on the other folds. */
  readonly setting: Setting;
  /** False: no setting met the coverage and the budget there, and the base stands in. */
  readonly found: boolean;
  /** (train) On the other folds. */
  readonly train: Summary;
  /** (held-out) On the questions of this fold. */
  readonly heldOut: Summary;
}

/** Means of a setting and of the base over the same questions; null where there are none. */
export interface Summary {
  readonly questions: number;
  /** Questions that the means of the metric are over. */
  readonly n: number;
  /** 0..1, see `HeldOut`. */
  readonly coverage: number;
  readonly base: number | null;
  readonly tuned: number | null;
  /** tuned - base. */
  readonly difference: number | null;
  readonly cost: Readonly<Record<CostName, { readonly base: number; readonly tuned: number }>> | null;
}

export interface TuneResult {
  readonly metric: Pick<AnswerMetric, 'name' | 'better'>;
  readonly axes: readonly Axis[];
  readonly strategy: Strategy;
  readonly trials: number;
  readonly seed: number;
  readonly ties: 'equal' | 'nearest';
  readonly minCoverage: number;
  readonly budgets: readonly Budget[];
  readonly questions: number;
  readonly groups: number;
  /** Distinct settings that were tried. */
  readonly tried: number;
  readonly base: Setting;
  /** The best on all questions; the base where none met the limits. */
  readonly chosen: Setting;
  /** What should be used: `chosen` where there is evidence for it, else the base. */
  readonly setting: Setting;
  readonly verdict: Verdict;
  /** Why, in a sentence. */
  readonly reason: string;
  /** (train) `chosen` on all questions, which it was also chosen on: flatters it. */
  readonly train: Summary;
  /** (held-out) What tuning gives on questions that it has not seen: the honest figure. */
  readonly heldOut: HeldOut;
  readonly folds: readonly FoldResult[];
  readonly front: { readonly cost: CostName; readonly points: readonly FrontPoint[] };
  readonly effects: readonly AxisEffect[];
  readonly replays: { readonly replayed: number; readonly remembered: number };
}

/**
 * Searches a surface for a better setting than the base, and says by cross-validation over groups what that search is
 * worth: each fold is judged under the setting chosen on the others. Pure but for the surface; the seed decides all.
 */
export async function tuneSurface(surface: ColumnSurface, options: TuneOptions): Promise<TuneResult> {
  const { axes, metric, strategy, trials, seed, budgets = [], minCoverage = 0.95, ties = 'equal' } = options;
  const place = surface.metrics.indexOf(metric.name);
  if (place < 0)
    throw new DiscernError('INPUT_INVALID', `the surface has ${surface.metrics.join(', ')}, not ${metric.name}`);
  if (axes.length === 0) throw new DiscernError('INPUT_INVALID', 'no options to tune are named');
  const before = { ...surface.counts };
  const base = baseSetting(axes, surface.base);
  const keyOf = (setting: Setting) => keyOfSetting(axes, setting);
  const folds = dealFolds(surface.groups, options.folds, seed);
  const expected = strategy === 'evolve' ? trials * (folds.count + 1) : trials;
  const tally = await openTally(surface, { base, metric: place, better: metric.better, folds, keyOf, expected });
  const columnsOf = rememberedColumns(surface, keyOf);
  const limits: Limits = { minCoverage, budgets };
  const whole = Array.from({ length: folds.count }, (_, i) => i);
  const without = (fold: number) => whole.filter((other) => other !== fold);

  const [all, ...others] = await search(tally, [whole, ...whole.map(without)], base, limits, options);
  const choose = async (run: Run, train: readonly number[]) => {
    const best = bestPlace(run, limits);
    if (best === null) return { setting: base, found: false };
    const questions = surface.ids.flatMap((_, i) => (train.includes(folds.of[i]!) ? [i] : []));
    const slack = ties === 'equal' ? 0 : await errorOf(run.settings[best]!, questions);
    const most = run.figures[best]!.gain;
    let setting = run.settings[bestPlace(run, limits, slack)!]!;
    // What decides nothing on these questions goes back to the base.
    for (const { path } of axes) {
      const simpler = { ...setting, [path]: base[path]! };
      const figures = tally.figures(await tally.add(simpler), train);
      if (figures.gain >= most - slack - 1e-12 && meets(figures, limits)) setting = simpler;
    }
    return { setting, found: true };
  };
  const errorOf = (setting: Setting, questions: readonly number[]) =>
    gainError(surface, columnsOf, [base, setting], place, questions);

  const chosen = await choose(all!, whole);
  const results: FoldResult[] = [];
  for (const [fold, run] of others.entries()) {
    const one = await choose(run, without(fold));
    const at = await tally.add(one.setting);
    results.push({
      ...one,
      train: summaryOf(tally.figures(at, without(fold))),
      heldOut: summaryOf(tally.figures(at, [fold])),
    });
  }
  const judge = (settings: readonly Setting[], chance: (seen: { gain: number; error: number }) => Chance) =>
    heldOutOf(surface, columnsOf, settings, { base, metric: place, better: metric.better, folds, seed, chance });
  const gains = tally.groupGains((at) =>
    meets(tally.figures(at, whole), limits) ? distanceOf(axes, base, tally.settings[at]!) : null,
  );
  // Points of the front are chosen alike: what choosing adds is asked for once.
  let chance: Chance = { p: 1, below: 1, above: 1 };
  const heldOut = await judge(
    results.map(({ setting }) => setting),
    (seen) => {
      chance = chanceOf(gains, seen, seed);
      return chance;
    },
  );
  const verdict = verdictOf({ metric, chosen, heldOut, limits, moved: keyOf(chosen.setting) !== keyOf(base) });
  const cost = budgets[0]?.cost ?? 'calls';
  return {
    metric: { name: metric.name, better: metric.better },
    ...{ axes, strategy, trials, seed, ties, minCoverage, budgets },
    ...{ questions: surface.ids.length, groups: folds.foldOfGroup.length, tried: tally.settings.length },
    ...{ base, chosen: chosen.setting, setting: verdict.verdict === 'no evidence' ? base : chosen.setting },
    ...verdict,
    train: summaryOf(tally.figures(await tally.add(chosen.setting), whole)),
    heldOut,
    folds: results,
    front: {
      cost,
      points: await frontOf(all!, others, cost, minCoverage, (settings) => judge(settings, () => chance)),
    },
    effects: axisEffects(axes, all!, minCoverage, metric.better),
    replays: {
      replayed: surface.counts.replayed - before.replayed,
      remembered: surface.counts.remembered - before.remembered,
    },
  };
}

function summaryOf(figures: Figures): Summary {
  const { questions, compared: n, value, base, replayed, cost, baseCost } = figures;
  const costs = COSTS.map((name, k) => [name, { base: baseCost[k]!, tuned: cost[k]! }] as const);
  return {
    ...{ questions, n, coverage: coverageOf(figures) },
    ...(n === 0 ? { base: null, tuned: null, difference: null } : { base, tuned: value, difference: value - base }),
    cost: replayed === 0 ? null : (Object.fromEntries(costs) as NonNullable<Summary['cost']>),
  };
}

/** What is tried on each set of folds. Only `evolve` looks at outcomes, and then at those of its own folds alone. */
async function search(
  tally: Tally,
  trains: readonly (readonly number[])[],
  base: Setting,
  limits: Limits,
  { axes, strategy, trials, seed, signal, onProgress }: TuneOptions,
): Promise<Run[]> {
  const distances = new Map<number, number>();
  const distance = (place: number) => {
    const known = distances.get(place) ?? distanceOf(axes, base, tally.settings[place]!);
    distances.set(place, known);
    return known;
  };
  const runAt = (places: readonly number[], train: readonly number[]): Run =>
    runOf(
      places.map((place) => tally.settings[place]!),
      places.map((place) => tally.figures(place, train)),
      places.map(distance),
    );
  if (strategy !== 'evolve') {
    const planned = plannedSettings(strategy, { axes, base }, trials, seed);
    for (const [i, setting] of planned.entries()) {
      throwIfAborted(signal);
      await tally.add(setting);
      onProgress?.(i + 1, planned.length);
    }
    const places = planned.map((_, i) => i);
    return trains.map((train) => runAt(places, train));
  }
  const runs: Run[] = [];
  let done = 0;
  for (const train of trains) {
    const places: number[] = [];
    await evolve({ axes, base }, trials, seed, async (setting) => {
      throwIfAborted(signal);
      const place = await tally.add(setting);
      places.push(place);
      onProgress?.(Math.min(++done, trials * trains.length), trials * trains.length);
      return searchScore(tally.figures(place, train), limits);
    });
    runs.push(runAt(places, train));
  }
  return runs;
}

/** Standard error of how much better a setting is than the base on some questions. */
async function gainError(
  { groups, metrics }: ColumnSurface,
  columnsOf: ColumnsOf,
  [base, setting]: readonly [Setting, Setting],
  metric: number,
  questions: readonly number[],
): Promise<number> {
  const [own, other] = [await columnsOf(base), await columnsOf(setting)];
  const at = (i: number) => i * metrics.length + metric;
  const rows = questions.flatMap((i) => {
    const difference = other.values[at(i)]! - own.values[at(i)]!;
    const both = own.replayed[i] === 1 && other.replayed[i] === 1;
    return both && !Number.isNaN(difference) ? [{ difference, group: groups[i]! }] : [];
  });
  return clusteredError(
    rows.map(({ difference }) => difference),
    rows.map(({ group }) => group),
  );
}
