import type { ExperimentReport, SystemReport } from './experiment-report.ts';
import { type Html, html } from './html.ts';
import { differenceText, foreign, intervalText, plural, pText } from './parts.ts';
import { MARKS } from './tables.ts';
import {
  cellFinder,
  decimalsOf,
  type Metric,
  mainMetrics,
  othersThanBaseline,
  type Verdict,
  verdictOf,
} from './verdict.ts';

interface Said {
  readonly metric: Metric;
  readonly verdict: Verdict;
  readonly figures: string;
}

/** Differences of a system that can be computed, with their figures. */
function saidOf(report: ExperimentReport, system: string, metrics: readonly Metric[]): Said[] {
  const find = cellFinder(report);
  return metrics.flatMap((metric) => {
    const cell = find(metric.name, system);
    const verdict = verdictOf(cell, metric.better);
    if (verdict === null || !cell?.difference) return [];
    const p = cell.adjustedP === null ? '' : `, ${pText(cell.adjustedP)}`;
    const figures = `${differenceText(cell.difference, decimalsOf(report, metric.name))}${p}`;
    return [{ metric, verdict, figures }];
  });
}

const listed = (items: readonly (Html | string)[], last = ' and '): Html =>
  html`${items.map((item, i) => [i === 0 ? '' : i === items.length - 1 ? last : ', ', item])}`;

const QUALITY: Readonly<Record<Verdict, string>> = {
  better: 'better than the baseline on ',
  worse: 'worse than the baseline on ',
  unclear: 'no difference that the data can show on ',
};
const COST: Readonly<Record<Verdict, string>> = {
  better: 'lower in ',
  worse: 'higher in ',
  unclear: 'no difference that the data can show in ',
};

/** Its differences in one sentence, without figures. */
function sentence(said: readonly Said[], words: Readonly<Record<Verdict, string>>): Html {
  const parts = (['better', 'worse', 'unclear'] as const).flatMap((verdict) => {
    const own = said.filter((one) => one.verdict === verdict);
    return own.length === 0 ? [] : [html`${words[verdict]}${listed(own.map(({ metric }) => metric.name))}`];
  });
  return html`${parts.map((part, i) => [i > 0 && '; ', part])}`;
}

const line = (mark: Html | null, name: string, figures: string): Html =>
  html`<li><span>${mark}</span>${name} <span class="nums">${figures}</span></li>`;

const failures = (count: number): Html | null =>
  count === 0 ? null : html` It failed on ${plural(count, 'question')}.`;

function systemItem(report: ExperimentReport, { name, failed }: SystemReport): Html {
  const main = saidOf(report, name, mainMetrics(report));
  const lower = report.metrics.filter(({ stage, better }) => stage === 'cost' && better === 'lower');
  const costs = saidOf(report, name, lower);
  const claim = main.length === 0 ? 'no answers that can be compared with the baseline' : sentence(main, QUALITY);
  return html`<li><p><strong>${foreign(name)}</strong>: ${claim}.${
    costs.length > 0 && html` Cost: ${sentence(costs, COST)}.`
  }${failures(failed.length)}</p>
<ul class="figured">${[...main, ...costs].map(({ metric, verdict, figures }) => line(MARKS[verdict], metric.name, figures))}</ul></li>`;
}

/** Means of the baseline, so that a difference can be seen against what it is a difference to. */
function baselineItem(report: ExperimentReport): Html {
  const find = cellFinder(report);
  const lines = mainMetrics(report).flatMap(({ name }) => {
    const value = find(name, report.baseline)?.value ?? null;
    return value === null ? [] : [line(null, name, intervalText(value, decimalsOf(report, name)))];
  });
  const failed = report.systems.find(({ name }) => name === report.baseline)?.failed.length ?? 0;
  return html`<li><p><strong>${foreign(report.baseline)}</strong> is the baseline.${failures(failed)}</p>
<ul class="figured">${lines}</ul></li>`;
}

/** What the figures say, in words; a difference is claimed only where its interval and its p allow it. */
export function summary(report: ExperimentReport): Html {
  const others = othersThanBaseline(report);
  const alone = others.length === 0;
  return html`<p>${plural(report.systems.length, 'system')} answered ${plural(report.dataset.questions, 'question')} of the dataset ${foreign(report.dataset.name)}.${
    alone && ' There is no other to compare with.'
  }</p>
<ul class="systems">${baselineItem(report)}${others.map((system) => systemItem(report, system))}</ul>
<p class="fine">${
    alone
      ? 'A mean with its 95% interval in brackets.'
      : 'Of the baseline: the mean with its 95% interval. Of the others: the difference to the baseline on the same questions, its 95% interval, and p after Holm’s correction for the number of comparisons. Better, worse, lower and higher are said only where the interval excludes 0 and p is at most 0.05. A difference that the data cannot show may still exist: more questions would be needed to see it.'
  }</p>`;
}
