import { differenceText, intervalText, numberText, percentText, rangeText } from '../evaluate/report/parts.ts';
import { bySize, coverageText, valueText } from '../evaluate/report/sensitivity-tables.ts';
import { boundsText, noiseWords, shareText, uniformWords } from '../evaluate/report/sensitivity-words.ts';
import type { Compared } from '../evaluate/sensitivity/compared.ts';
import type { FlipSummary } from '../evaluate/sensitivity/flip-summary.ts';
import type { SensitivityReport } from '../evaluate/sensitivity/sensitivity.ts';
import { columns, count, style } from './terminal.ts';

/** What `discern sensitivity` prints. */
export function sensitivityLines(report: SensitivityReport): string[] {
  const { base, metric, idle } = report;
  const lost = base.questions - base.replayed;
  const left = [
    ...idle.critics.map(({ kind, reason }) => [`critic ${kind}`, reason]),
    ...idle.options.map(({ path, reason }) => [path, reason]),
  ];
  return [
    `${style.bold(metric.name)} of ${count(base.replayed, 'question')} as recorded: ${intervalText(base.value)}, ${numberText(base.calls ?? 0, 2)} calls`,
    ...(lost > 0 ? [`${count(lost, 'question')} left out: facts are missing even for the recorded settings`] : []),
    'In brackets 95% intervals of the difference on the same questions; coverage is the share that could be replayed.',
    ...criticLines(report),
    ...optionLines(report),
    ...flipLines(report.flips.options),
    ...(left.length > 0 ? ['', 'not looked at', ...columns(left as string[][])] : []),
  ];
}

const comparedCells = ({ difference, coverage }: Compared): string[] => [
  differenceText(difference),
  percentText(coverage, 0),
];

function criticLines({ critics, metric }: SensitivityReport): string[] {
  if (critics.length === 0) return [];
  const calls = ({ callsSaved }: Compared) => (callsSaved === null ? '–' : numberText(callsSaved, 2));
  const rows = critics.flatMap(({ kind, ablated, dropped }) => [
    [kind, 'knowing nothing', ...comparedCells(ablated), calls(ablated)],
    ['', 'not asked', ...comparedCells(dropped), calls(dropped)],
  ]);
  return [
    '',
    ...columns([[style.bold('critic'), '', 'difference', 'coverage', 'calls saved'], ...rows]),
    ...critics.flatMap((critic) => {
      const also = uniformWords(critic);
      return [`  ${critic.kind}: ${noiseWords(critic, metric.name)}${also === '' ? '' : ` ${also}`}`];
    }),
  ];
}

function optionLines(report: SensitivityReport): string[] {
  if (report.sweeps.length === 0) return [];
  const rows = bySize(report).map(({ path, base, alike, largest, points }) => {
    const most = points.find(({ at }) => at === largest);
    return [
      ...[path, base === null ? 'none' : valueText(base), alike === null ? '–' : rangeText(alike, 2, valueText)],
      ...[most ? valueText(most.at) : '–', differenceText(most?.difference ?? null), coverageText(points, 0)],
    ];
  });
  const heads = ['recorded', 'no difference shown', 'largest at', 'difference', 'coverage'];
  return ['', ...columns([[style.bold('option moved alone'), ...heads], ...rows])];
}

function flipLines(options: readonly FlipSummary[]): string[] {
  if (options.length === 0) return [];
  const rows = options.map(({ path, answer, found, never, unknown, near }) => {
    const close = near.find(({ distance }) => distance === 0.05)!;
    return [
      path,
      shareText(close.answer),
      close.decision === null ? '–' : percentText(close.decision),
      boundsText(answer.median),
      ...[found, never, unknown].map((number) => numberText(number)),
    ];
  });
  const heads = ['answers within 0.05', 'decisions', 'median of answers', 'change', 'never', 'not known'];
  return ['', ...columns([[style.bold('distance to another answer'), ...heads], ...rows])];
}
