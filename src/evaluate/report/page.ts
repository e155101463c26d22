import { changedQuestions } from './changed.ts';
import { chaptersPage, type Section } from './chapters-page.ts';
import type { ExperimentReport } from './experiment-report.ts';
import { type Chapter, type Html, html } from './html.ts';
import { details, foreign, numberText, plural } from './parts.ts';
import { allQuestions } from './question-card.ts';
import { costCharts, differenceCharts } from './result-charts.ts';
import { summary } from './summary.ts';
import { failedTable, legend, stageTable, systemsTable, titleOf } from './tables.ts';
import { othersThanBaseline, STAGES } from './verdict.ts';

const terms = (pairs: readonly (readonly [string, Html | string | null])[]): Html =>
  html`<dl class="facts">${pairs.map(([name, value]) => value !== null && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

/** `2026-03-09 14:05 UTC` of what `toISOString` gives. */
const dateText = (iso: string): string => iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):.*Z$/, '$1 $2 UTC');

function runSection(report: ExperimentReport): Section {
  const { dataset, run } = report;
  const facts = terms([
    ['Dataset', foreign(dataset.name)],
    ['SHA-256', html`<code>${dataset.sha256}</code>`],
    ['Questions', numberText(dataset.questions)],
    ['Documents', dataset.documents === null ? null : numberText(dataset.documents)],
    ['Made', html`<time datetime="${report.made}">${dateText(report.made)}</time>`],
    ['Version', `discern-rag ${report.packageVersion}`],
    ['Wall time', `${numberText(run.seconds, 1)} s`],
    ['Requests to models', numberText(run.requests)],
    ['Requests saved by sharing', numberText(run.sharedRequests)],
  ]);
  const body = html`${facts}${systemsTable(report)}${failedTable(report)}`;
  return { id: 'run', title: 'What was run', body };
}

async function resultsSection(report: ExperimentReport): Promise<Section> {
  const stages = await Promise.all(
    STAGES.map(async (stage) => {
      const table = stageTable(report, stage);
      if (table === null) return [];
      const id = `stage-${stage.replaceAll(' ', '-')}`;
      const body = html`<h3 id="${id}">${titleOf(stage)}</h3>${table}${await differenceCharts(report, stage)}`;
      return [{ id, title: titleOf(stage), body }];
    }),
  );
  const parts = stages.flat();
  return {
    ...{ id: 'results', title: 'Results, stage by stage', parts },
    body: html`${legend()}${parts.map(({ body }) => body)}`,
  };
}

function questionSection(report: ExperimentReport): Section {
  const count = report.questions.length;
  return {
    ...{ id: 'questions', title: 'All questions' },
    body: html`${details(`${plural(count, 'question')} with all answers`, allQuestions(report))}
<p class="paper">The list is left out on paper; it stands in this page and in the JSON of the experiment.</p>`,
  };
}

async function sectionsOf(report: ExperimentReport, chapters: readonly Chapter[]): Promise<Section[]> {
  const costs = await costCharts(report);
  return [
    runSection(report),
    await resultsSection(report),
    ...(costs === null ? [] : [{ id: 'cost', title: 'Quality against cost', body: costs }]),
    ...(othersThanBaseline(report).length === 0
      ? []
      : [{ id: 'changed', title: 'What changed most', body: changedQuestions(report) }]),
    ...chapters,
    questionSection(report),
  ];
}

/** The report of an experiment as one page: no scripts, nothing from elsewhere; what it shows comes from the report and the chapters. */
export async function experimentPage(report: ExperimentReport, chapters: readonly Chapter[]): Promise<string> {
  const first: Section = { id: 'summary', title: 'Summary', body: summary(report) };
  const sections = await sectionsOf(report, chapters);
  return chaptersPage('Experiment', report.name, [first, ...sections], 'experiment');
}
