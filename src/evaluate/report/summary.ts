import type { ExperimentReport, SystemReport } from './experiment-report.ts';
import { type Html, html } from './html.ts';
import { differenceText, foreign, intervalText, plural, pText } from './parts.ts';
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

/** Differences of a system that can be computed, with their figures in words. */
function saidOf(report: ExperimentReport, system: string, metrics: readonly Metric[]): Said[] {
  const find = cellFinder(report);
  return metrics.flatMap((metric) => {
    const cell = find(metric.name, system);
    const verdict = verdictOf(cell, metric.better);
    if (verdict === null || !cell?.difference) return [];
    const decimals = decimalsOf(report, metric.name);
    const p = cell.adjustedP === null ? '' : `, ${pText(cell.adjustedP)}`;
    return [{ metric, verdict, figures: `${differenceText(cell.difference, decimals)}${p}` }];
  });
}

const listed = (items: readonly Html[]): Html[] =>
  items.flatMap((item, i) => [...(i === 0 ? [] : [i === items.length - 1 ? html` and ` : html`, `]), item]);

const named = (said: readonly Said[]): Html[] =>
  listed(
    said.map(({ metric, figures }) => html`<strong>${metric.name}</strong> (<span class="nums">${figures}</span>)`),
  );

const IS: Readonly<Record<Verdict, string>> = {
  better: 'is better than the baseline on ',
  worse: 'is worse than the baseline on ',
  unclear: 'shows no difference that the data can tell from chance on ',
};
const COSTS: Readonly<Record<Verdict, string>> = {
  better: 'lower in ',
  worse: 'higher in ',
  unclear: 'no difference that the data can show in ',
};

const VERDICTS = ['better', 'worse', 'unclear'] as const;

function clauses(said: readonly Said[], words: Readonly<Record<Verdict, string>>): Html[] {
  return listed(
    VERDICTS.flatMap((verdict) => {
      const own = said.filter((one) => one.verdict === verdict);
      return own.length === 0 ? [] : [html`${words[verdict]}${named(own)}`];
    }),
  );
}

function systemItem(report: ExperimentReport, { name, failed }: SystemReport): Html {
  const main = saidOf(report, name, mainMetrics(report));
  const costs = saidOf(
    report,
    name,
    report.metrics.filter(({ stage, better }) => stage === 'cost' && better === 'lower'),
  );
  return html`<li><strong>${foreign(name)}</strong> ${
    main.length === 0 ? 'has no figure of an answer that can be compared with the baseline' : clauses(main, IS)
  }.${costs.length === 0 ? null : html` Cost a question: ${clauses(costs, COSTS)}.`}${
    failed.length === 0 ? null : html` It failed on ${plural(failed.length, 'question')}.`
  }</li>`;
}

/** Means of the baseline, so that a difference can be seen against what it is a difference to. */
function baselineItem(report: ExperimentReport): Html | null {
  const find = cellFinder(report);
  const shown = mainMetrics(report).flatMap((metric) => {
    const value = find(metric.name, report.baseline)?.value ?? null;
    if (value === null) return [];
    const figures = intervalText(value, decimalsOf(report, metric.name));
    return [html`<strong>${metric.name}</strong> <span class="nums">${figures}</span>`];
  });
  const failed = report.systems.find(({ name }) => name === report.baseline)?.failed.length ?? 0;
  if (shown.length === 0 && failed === 0) return null;
  return html`<li><strong>${foreign(report.baseline)}</strong>, the baseline, ${
    shown.length === 0 ? 'has no figure of an answer' : html`has ${listed(shown)}`
  }.${failed === 0 ? null : html` It failed on ${plural(failed, 'question')}.`}</li>`;
}

/** What the figures say, in words; a difference is claimed only where its interval and its p allow it. */
export function summary(report: ExperimentReport): Html {
  const others = othersThanBaseline(report);
  return html`<p>${plural(report.systems.length, 'system')} answered ${plural(report.dataset.questions, 'question')} of ${foreign(report.dataset.name)}.${
    others.length === 0 ? ' There is none to compare it with.' : null
  }</p>
<ul>${baselineItem(report)}${others.map((system) => systemItem(report, system))}</ul>
${
  others.length === 0
    ? html`<p class="fine">In brackets: the 95% interval.</p>`
    : html`<p class="fine">In brackets: the difference to the baseline on the same questions, its 95% interval, and p after Holm’s correction for the number of comparisons. Better and worse are said only where the interval excludes 0 and p is at most 0.05. A difference that cannot be told from chance may still exist: more questions would be needed to see it.</p>`
}`;
}
