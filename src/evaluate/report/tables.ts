import type { MetricStage } from '../metrics/registry.ts';
import type { ExperimentReport, SystemReport, TableCell } from './experiment-report.ts';
import { type Html, html } from './html.ts';
import {
  type Cell,
  dataTable,
  foreign,
  foreignBrief,
  hrefOf,
  numberText,
  pText,
  rangeText,
  signedText,
} from './parts.ts';
import { cellFinder, decimalsOf, type Metric, type Verdict, verdictOf } from './verdict.ts';

/** A sign and its word: neither needs colour. */
export const MARKS: Readonly<Record<Verdict, Html>> = {
  better: html`<span class="better"><span aria-hidden="true">▲</span><span class="heard">better:</span></span>`,
  worse: html`<span class="worse"><span aria-hidden="true">▼</span><span class="heard">worse:</span></span>`,
  unclear: html`<span class="unclear"><span aria-hidden="true">○</span><span class="heard">no difference shown:</span></span>`,
};

export const legend = (): Html =>
  html`<p class="fine">First line: the mean over n questions and its 95% interval. Below: the difference to the baseline on the same questions, its 95% interval, and p after Holm’s correction over all comparisons of quality; those of cost are corrected among themselves. ${MARKS.better} better and ${MARKS.worse} worse than the baseline: the interval excludes 0 and p is at most 0.05. ${MARKS.unclear} no difference that the data can show. A dash: not defined for any question.</p>`;

const systemHead = (name: string, baseline: string): Html =>
  name === baseline ? html`${foreign(name)} <small>baseline</small>` : html`${foreign(name)}`;

function figureCell(
  cell: TableCell | undefined,
  better: Metric['better'],
  decimals: number,
  withN: boolean,
): Html | null {
  if (!cell?.value) return null;
  const { value, difference, adjustedP } = cell;
  const verdict = verdictOf(cell, better);
  return html`<div class="nums">${numberText(value.mean, decimals)} <small>${rangeText(value.ci95, decimals)}</small>${
    withN && html` <small>n ${numberText(value.n)}</small>`
  }</div>${
    difference &&
    html`<div class="nums against">${verdict && MARKS[verdict]} ${signedText(difference.mean, decimals)} <small>${rangeText(difference.ci95, decimals, signedText)}</small></div>${
      adjustedP !== null && html`<div class="nums"><small>${pText(adjustedP)}</small></div>`
    }`
  }`;
}

/** Metrics of a stage against systems; null where the experiment has none. */
export function stageTable(report: ExperimentReport, stage: MetricStage): Html | null {
  const metrics = report.metrics.filter((metric) => metric.stage === stage);
  if (metrics.length === 0) return null;
  const find = cellFinder(report);
  const rows = metrics.map(({ name, better }): Cell[] => {
    const decimals = decimalsOf(report, name);
    const cells = report.systems.map((system) => find(name, system.name));
    const counts = [...new Set(cells.flatMap((cell) => (cell?.value ? [cell.value.n] : [])))];
    const oneN = counts.length === 1;
    return [
      html`${name} <small>${better} is better</small>${oneN && html`<small>n ${numberText(counts[0]!)}</small>`}`,
      ...cells.map((cell) => figureCell(cell, better, decimals, !oneN)),
    ];
  });
  const heads = ['Metric', ...report.systems.map(({ name }) => systemHead(name, report.baseline))];
  return html`<div class="figures-table">${dataTable(`${titleOf(stage)}: means, and differences to the baseline`, heads, rows)}</div>
<dl class="metrics">${metrics.map(({ name, description }) => html`<dt>${name}</dt><dd>${description}</dd>`)}</dl>`;
}

export const titleOf = (stage: MetricStage): string => stage.charAt(0).toUpperCase() + stage.slice(1);

const optionLines = (options: SystemReport['options']): Html | string => {
  const entries = Object.entries(options);
  if (entries.length === 0) return 'defaults';
  return html`<ul class="plain">${entries.map(
    ([path, value]) =>
      html`<li><code>${foreign(path)} = ${foreignBrief(JSON.stringify(value) ?? 'none', 200)}</code></li>`,
  )}</ul>`;
};

const backendLines = (backends: SystemReport['backends']): Html =>
  html`<ul class="plain">${Object.entries(backends).map(([role, id]) => html`<li>${foreign(role)}: <code>${foreign(id)}</code></li>`)}</ul>`;

const pathLink = (file: string): Html => html`<a href="${hrefOf(file)}">${foreign(file)}</a>`;

export function systemsTable({ systems, baseline }: ExperimentReport): Html {
  const rows = systems.map(({ name, options, backends, traces }) => [
    systemHead(name, baseline),
    optionLines(options),
    backendLines(backends),
    pathLink(traces),
  ]);
  return dataTable('Systems', ['System', 'Options other than the defaults', 'Backends', 'Traces'], rows);
}

/** Questions that ended in an error; null where there are none. */
export function failedTable({ systems }: ExperimentReport): Html | null {
  const rows = systems.flatMap(({ name, failed }) =>
    failed.map(({ id, code, message }) => [
      foreign(name),
      foreign(id),
      html`<code>${foreign(code)}</code>`,
      foreignBrief(message, 300),
    ]),
  );
  return rows.length === 0 ? null : dataTable('Questions that failed', ['System', 'Question', 'Code', 'Message'], rows);
}
