import type { MeanInterval } from '../evaluate/metrics/mean.ts';
import type { ExperimentReport } from '../evaluate/report/experiment-report.ts';
import { numberText, pText, signedText } from '../evaluate/report/parts.ts';
import { cellFinder, decimalsOf, type Metric, STAGES, verdictOf } from '../evaluate/report/verdict.ts';
import { columns, count, safe, style } from './terminal.ts';

type Text = (value: number, decimals: number) => string;

const withInterval = ({ mean, ci95: [low, high] }: MeanInterval, decimals: number, text: Text): string =>
  `${text(mean, decimals)} [${text(low, decimals)}, ${text(high, decimals)}]`;

/** What `discern eval run` prints: every metric of every config, stage by stage. */
export function experimentLines(report: ExperimentReport): string[] {
  const { dataset, systems, baseline, metrics, run } = report;
  const others = systems.length > 1 ? `, against ${safe(baseline)}` : '';
  const failed = systems.filter((system) => system.failed.length > 0);
  return [
    style.bold(safe(report.name)),
    `${count(dataset.questions, 'question')} of ${safe(dataset.name)}; means with 95% intervals${others}`,
    ...STAGES.flatMap((stage) => {
      const own = metrics.filter((metric) => metric.stage === stage);
      const title = stage === 'cost' ? 'cost of a question' : stage;
      return own.length === 0 ? [] : ['', style.bold(title), ...stageLines(report, own)];
    }),
    '',
    ...failed.map(({ name, failed: list }) => {
      const codes = [...new Set(list.map(({ code }) => code))].join(', ');
      return `${safe(name)}: ${count(list.length, 'question')} failed, and count in no mean: ${codes}`;
    }),
    savedLine(run),
  ];
}

function stageLines(report: ExperimentReport, metrics: readonly Metric[]): string[] {
  const cellOf = cellFinder(report);
  const rows = metrics.flatMap(({ name, better }) =>
    report.systems.map(({ name: system }, i) => {
      const cell = cellOf(name, system);
      const decimals = decimalsOf(report, name);
      const { value = null, difference = null, adjustedP = null } = cell ?? {};
      return [
        i === 0 ? name : '',
        safe(system),
        value === null ? '-' : withInterval(value, decimals, numberText),
        `n ${value?.n ?? 0}`,
        difference === null ? '' : withInterval(difference, decimals, signedText),
        adjustedP === null ? '' : `${pText(adjustedP)}${MARKS[verdictOf(cell, better) ?? 'unclear']}`,
      ];
    }),
  );
  return columns(rows);
}

const MARKS = { better: ' * better', worse: ' * worse', unclear: '' } as const;

function savedLine({ requests, sharedRequests, seconds }: ExperimentReport['run']): string {
  const share = requests === 0 ? 0 : (100 * sharedRequests) / requests;
  return `${count(requests, 'request')} to models, ${sharedRequests} (${share.toFixed(0)}%) saved by sharing; ${seconds.toFixed(1)} s`;
}
