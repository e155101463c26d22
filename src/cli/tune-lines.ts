import {
  differenceText,
  intervalText,
  numberText,
  percentText,
  plural,
  pText,
  signedText,
} from '../evaluate/report/parts.ts';
import type { Axis, Leaf } from '../evaluate/tune/axes.ts';
import type { Compared } from '../evaluate/tune/held-out.ts';
import { COSTS } from '../evaluate/tune/tally.ts';
import type { TuneResult } from '../evaluate/tune/tune.ts';
import { columns, safe, style } from './terminal.ts';

export const leafText = (value: Leaf | undefined): string =>
  value === null || value === undefined ? 'none' : typeof value === 'number' ? String(value) : safe(String(value));

const valuesText = ({ values }: Axis): string =>
  'low' in values
    ? `${values.low}..${values.high}${values.step === null || values.integer ? '' : `:${values.step}`}`
    : values.map(leafText).join('|');

/** What `discern tune` prints. */
export function tuneLines(result: TuneResult, { seconds, out }: { seconds: number; out: string | null }): string[] {
  const { metric, questions, groups, strategy, tried, folds, seed, replays, verdict, reason } = result;
  return [
    `${style.bold(metric.name)} of ${plural(questions, 'question')} in ${plural(groups, 'group')}: ${strategy}, ${plural(tried, 'setting')} tried, ${folds.length} folds, seed ${seed}`,
    '',
    ...optionLines(result),
    '',
    ...heldOutLines(result),
    '',
    ...trainLines(result),
    ...budgetLines(result),
    `${style.bold(verdict)}: ${reason}`,
    ...(out === null ? [] : [`${verdict === 'no evidence' ? 'the base' : 'the tuned setting'} is in ${safe(out)}`]),
    style.dim(
      `${numberText(seconds, 1)} s, ${plural(replays.replayed, 'replay')}, ${plural(replays.remembered, 'answer')} from memory, no model calls`,
    ),
  ];
}

/** Where folds disagree, the choice hangs on the questions at hand. */
function optionLines({ axes, base, chosen, folds }: TuneResult): string[] {
  const rows = axes.map((axis) => [
    axis.path,
    valuesText(axis),
    leafText(base[axis.path]),
    leafText(chosen[axis.path]),
    folds.map(({ setting }) => leafText(setting[axis.path])).join('  '),
  ]);
  return columns([['option', 'tried', 'base', 'best on all', 'best without each fold'].map(style.dim), ...rows]);
}

function heldOutLines({ heldOut, metric }: TuneResult): string[] {
  const row = (name: string, of: Compared, decimals: number) => [
    ...[name, intervalText(of.base, decimals), intervalText(of.tuned, decimals)],
    `${differenceText(of.difference, decimals)} ${pText(of.difference.p)}`,
    ...[numberText(of.difference.n), percentText(heldOut.coverage)],
  ];
  const costs = COSTS.flatMap((name) => {
    const cost = heldOut.cost?.[name];
    return cost && (cost.base.mean > 0 || cost.tuned.mean > 0) ? [row(name, cost, 2)] : [];
  });
  return [
    'held-out: each question under the setting that was chosen without its fold; 95% intervals over groups',
    ...columns([
      ['', 'base', 'tuned', 'tuned - base', 'n', 'coverage'].map(style.dim),
      ...(heldOut.metric === null ? [[metric.name, '–', '–', '–', '0', '–']] : [row(metric.name, heldOut.metric, 3)]),
      ...costs,
    ]),
    ...(heldOut.widening > 1
      ? [
          style.dim(
            `  the interval of ${metric.name} is ${numberText(heldOut.widening, 2)} times as wide as without the choosing`,
          ),
        ]
      : []),
  ];
}

const trainLines = ({ train, metric }: TuneResult): string[] =>
  train.difference === null
    ? []
    : [
        `train: ${metric.name} ${numberText(train.base!, 3)} -> ${numberText(train.tuned!, 3)} (${signedText(train.difference)}) of ${plural(train.n, 'question')}, coverage ${percentText(train.coverage)}; chosen on these, so it flatters`,
      ];

function budgetLines({ budgets, heldOut }: TuneResult): string[] {
  return budgets.map(({ cost, most }) => {
    const taken = heldOut.cost?.[cost].tuned ?? null;
    const kept = taken !== null && taken.mean <= most + 1e-9;
    return `budget ${cost}<=${most}: held-out mean ${intervalText(taken, 2)}, ${kept ? 'kept' : 'not kept'}`;
  });
}
