import type { Leaf } from '../tune/axes.ts';
import type { AxisEffect, AxisLevel } from '../tune/front.ts';
import type { Compared } from '../tune/held-out.ts';
import { COSTS } from '../tune/tally.ts';
import type { TuneResult } from '../tune/tune.ts';
import { bars, lineBand, type ScatterPoint, scatter } from './charts.ts';
import { type Chapter, type Html, html } from './html.ts';
import {
  type Cell,
  dataTable,
  details,
  differenceText,
  figure,
  figures,
  foreign,
  intervalText,
  numberText,
  percentText,
  plural,
  pText,
  signedText,
} from './parts.ts';

const leafCell = (value: Leaf | undefined): Cell =>
  value === null || value === undefined ? 'none' : typeof value === 'number' ? String(value) : foreign(String(value));

const VERDICTS: Readonly<Record<TuneResult['verdict'], string>> = {
  promoted: 'Promoted: the tuned setting is better on held-out questions',
  'within budget': 'Within the budget: the tuned setting replaces a base that takes too much',
  'no evidence': 'No evidence: the base stays',
};

function intro(result: TuneResult): Html {
  const { metric, questions, groups, strategy, tried, folds, seed, budgets, minCoverage, verdict, reason } = result;
  const budget = budgets.map(({ cost, most }) => `${cost} of at most ${most}`).join(' and ');
  return html`<p><strong>${VERDICTS[verdict]}</strong> (${reason}).</p>
<p>${plural(questions, 'question')} in ${plural(groups, 'group')} were answered again from recorded facts, without models,
under ${plural(tried, 'setting')} (search: ${strategy}, seed ${seed}); ${metric.name}, ${metric.better} is better. For each of
${plural(folds.length, 'fold')} the best setting of the other folds was chosen${budget !== '' && html`, within a mean of ${budget}`},
and judged on the questions of this one. Groups are never parted. A setting counts where at least ${percentText(minCoverage, 0)}
of the questions replay under it; settings are compared with the base on the same questions, and nothing is estimated.</p>
<p class="fine">What is marked train was measured on questions that the setting was also chosen on, and flatters it.
Held-out figures do not; their intervals of 95% draw groups together. The interval of the difference is
${numberText(result.heldOut.widening, 2)} times as wide as it would be for a setting that nobody chose: held-out questions of one
fold have helped to choose for the others, so chance alone would look like a gain too often.</p>`;
}

function optionsTable({ axes, base, chosen, folds }: TuneResult): Html {
  const heads = ['option', 'base', 'best on all', ...folds.map((_, i) => `without fold ${i + 1}`)];
  return dataTable(
    'What was chosen: where the folds disagree, the choice hangs on the questions at hand',
    heads,
    axes.map(({ path }) => [
      ...[path, leafCell(base[path]), leafCell(chosen[path])],
      ...folds.map(({ setting }) => leafCell(setting[path])),
    ]),
  );
}

function heldOutTable({ heldOut, metric }: TuneResult): Html {
  const row = (name: string, of: Compared, decimals: number): Cell[] => [
    ...[name, intervalText(of.base, decimals), intervalText(of.tuned, decimals)],
    ...[differenceText(of.difference, decimals), pText(of.difference.p), of.difference.n],
  ];
  const costs = COSTS.flatMap((name) => {
    const cost = heldOut.cost?.[name];
    return cost && (cost.base.mean > 0 || cost.tuned.mean > 0) ? [row(`${name} a question`, cost, 2)] : [];
  });
  if (heldOut.metric === null) return html`<p>No held-out question can be compared.</p>`;
  return dataTable(
    `Held-out: base and tuned on the same questions; coverage ${percentText(heldOut.coverage)}`,
    ['', 'base', 'tuned', 'tuned − base', 'p', 'n'],
    [row(metric.name, heldOut.metric, 3), ...costs],
  );
}

function foldsTable({ folds, metric, front }: TuneResult): Html {
  const signed = (value: number | null) => (value === null ? null : signedText(value));
  const text = (value: number | null | undefined, decimals: number) =>
    value === null || value === undefined ? null : numberText(value, decimals);
  const heads = ['fold', 'difference (train)', `${metric.name} base`, 'tuned', 'difference', 'n', 'coverage'];
  return dataTable(
    'Each fold: the setting chosen on the others, on them (train) and on the fold itself (held-out)',
    [...heads, `${front.cost} base`, `${front.cost} tuned`],
    folds.map(({ train, heldOut, found }, i) => [
      `${i + 1}${found ? '' : ' (base: none met the limits)'}`,
      ...[signed(train.difference), text(heldOut.base, 3), text(heldOut.tuned, 3), signed(heldOut.difference)],
      ...[heldOut.n, percentText(heldOut.coverage)],
      ...[text(heldOut.cost?.[front.cost].base, 2), text(heldOut.cost?.[front.cost].tuned, 2)],
    ]),
  );
}

async function frontPart({ front, metric, axes, heldOut }: TuneResult): Promise<Html | null> {
  const { cost, points } = front;
  if (points.length < 2) return null;
  const shown: ScatterPoint[] = points.flatMap(({ train, heldOut: judged }) => [
    { x: train.cost, y: train.difference, series: 'train', front: true },
    ...(judged === null
      ? []
      : [
          {
            ...{ x: judged.cost.mean, y: judged.difference.mean, series: 'held-out' },
            ...{ xInterval: judged.cost.ci95, yInterval: judged.difference.ci95 },
          },
        ]),
  ]);
  const base = heldOut.cost && { x: heldOut.cost[cost].base.mean, y: 0, series: 'base', label: 'base' };
  const svg = await scatter({
    title: `${metric.name} against ${cost}`,
    x: `${cost} a question`,
    // A long title would be measured as higher than the chart, and push its heading out of sight.
    y: 'difference',
    points: [...(base ? [base] : []), ...shown],
  });
  const caption = `Difference of ${metric.name} to the base. Settings than which no other one is both as cheap and better, on all questions (train), and what tuning for at most their cost gives on held-out questions, with 95% intervals.`;
  const rows = points.map(({ setting, train, heldOut: judged }) => [
    ...[numberText(train.cost, 2), signedText(train.difference)],
    ...[judged && intervalText(judged.cost, 2), judged && differenceText(judged.difference)],
    judged && percentText(judged.coverage),
    ...axes.map(({ path }) => leafCell(setting[path])),
  ]);
  const heads = [`${cost} (train)`, 'difference (train)', `${cost} (held-out)`, 'difference (held-out)', 'coverage'];
  return html`<h3>Quality against cost</h3>
${figure(caption, svg)}
${details('The points of the front', dataTable('The front, from cheap to dear', [...heads, ...axes.map(({ path }) => path)], rows))}`;
}

const levelText = (value: AxisLevel['value']): string =>
  Array.isArray(value) ? `${value[0]} to ${value[1]}` : value === null ? 'none' : String(value);

/** Where a level stands on a line; null for what has no place there. */
const middleOf = (value: AxisLevel['value']): number | null =>
  Array.isArray(value) ? (value[0]! + value[1]!) / 2 : typeof value === 'number' ? value : null;

async function effectChart({ path, levels }: AxisEffect, metric: string): Promise<Html[]> {
  const known = levels.filter(({ best }) => best !== null);
  if (known.length < 2) return [];
  const title = { title: path, x: path, y: 'difference' };
  const caption = `${path}: difference of ${metric} to the base, the best and the mean of all settings with such a value, whatever their other options. Train: no proof of anything.`;
  const [best, mean] = ['best setting', 'mean of settings'];
  if (known.every(({ value }) => middleOf(value) !== null)) {
    const points = known.flatMap((level) => {
      const x = middleOf(level.value)!;
      return [
        { x, y: level.best!, low: level.best!, high: level.best!, series: best },
        { x, y: level.mean!, low: level.mean!, high: level.mean!, series: mean },
      ];
    });
    return [figure(caption, await lineBand({ ...title, points }))];
  }
  const drawn = known.flatMap(({ value, best: most, mean: middle }) => [
    { label: levelText(value), value: most!, series: best },
    { label: levelText(value), value: middle!, series: mean },
  ]);
  return [figure(caption, await bars({ title: path, x: title.y, bars: drawn }))];
}

async function effectsPart({ effects, metric }: TuneResult): Promise<Html> {
  const charts = (await Promise.all(effects.map((effect) => effectChart(effect, metric.name)))).flat();
  const rows = effects.flatMap(({ path, levels }) =>
    levels.map(({ value, settings, covered, best, mean }): Cell[] => [
      ...[path, foreign(levelText(value)), settings, covered],
      ...[best === null ? null : signedText(best), mean === null ? null : signedText(mean)],
    ]),
  );
  const heads = ['option', 'value', 'settings', 'enough coverage', 'best difference', 'mean difference'];
  return html`<h3>Along each option</h3>
${charts.length > 0 && figures(...charts)}
${details('All parts of all options', dataTable('Differences to the base on all questions (train)', heads, rows))}`;
}

/** What tuning came to: the verdict, its held-out figures, every fold, the front, and how each option matters. */
export async function tuneChapter(result: TuneResult): Promise<Chapter> {
  const body = html`${intro(result)}
${optionsTable(result)}
${heldOutTable(result)}
${foldsTable(result)}
${await frontPart(result)}
${await effectsPart(result)}`;
  return { id: 'tuning', title: 'Tuning', body };
}
