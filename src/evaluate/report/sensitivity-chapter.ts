import type { CriticSensitivity } from '../sensitivity/critics.ts';
import type { FlipSummary } from '../sensitivity/flip-summary.ts';
import type { QuestionFlips, SensitivityReport } from '../sensitivity/sensitivity.ts';
import { type Chapter, type Html, html } from './html.ts';
import { dataTable, foreignBrief, intervalText, numberText, percentText, plural } from './parts.ts';
import { flipChart, noiseCharts, sweepCharts } from './sensitivity-charts.ts';
import { criticsTable, noiseTables, pointTables, sweepsTable, valueText } from './sensitivity-tables.ts';
import { boundsText, droppedWords, noiseWords, shareText, uniformWords } from './sensitivity-words.ts';

/** Questions that are listed by name. */
const LISTED = 12;

function intro({ base, metric, leastCoverage }: SensitivityReport): Html {
  const all = base.replayed === base.questions;
  return html`<p>How wrong may a critic be, and how exact must a threshold be, before the end result suffers? Each question
was answered again from recorded facts, without models, with one thing changed at a time and all else as recorded.
${plural(base.questions, 'question')}${!all && html`, of which ${numberText(base.replayed)} can be replayed`};
${metric.name} as recorded ${intervalText(base.value)}${base.calls !== null && html`, with ${numberText(base.calls, 2)} calls to models a question`}.</p>
<p class="fine">Differences are to the recorded settings on the same questions, with their 95% intervals, not corrected for
their number; ${metric.better} is better. Where a change asks for facts that were not recorded, the question is left out
and counted: coverage is the share that is left, and nothing is estimated. Those that are left are the ones that the change
hardly touches, so a small difference says little where coverage is low; below ${percentText(leastCoverage, 0)} nothing is said to
make no difference. A value that looks better here is no tuned value: it was chosen on the questions that it is measured
on.</p>`;
}

async function optionsPart(report: SensitivityReport): Promise<Html> {
  if (report.sweeps.length === 0) return html``;
  return html`<h3>Each threshold and weight moved alone</h3>
${sweepsTable(report)}
${await sweepCharts(report)}
${pointTables(report)}`;
}

async function criticsPart(report: SensitivityReport): Promise<Html> {
  const { critics, metric, seeds } = report;
  if (critics.length === 0) return html``;
  const item = (critic: CriticSensitivity) =>
    html`<li><strong>${critic.kind}</strong>: ${noiseWords(critic, metric.name)} ${uniformWords(critic)}
${droppedWords(critic, metric)}</li>`;
  return html`<h3>Each critic knowing nothing, erring, or not asked</h3>
<p>Knowing nothing: every label is equally likely. Not asked: the token is left out, and its calls with it. Erring: in the
given share of its critiques, drawn ${plural(seeds, 'time')} by a seed, the likeliest label and another one change their
probabilities. Noise is counted against what the critic said, not against what is true: some of that was wrong already.</p>
<ul>${critics.map(item)}</ul>
${criticsTable(report)}
${await noiseCharts(report)}
${noiseTables(report)}`;
}

function flipRow(summary: FlipSummary): (string | number | null)[] {
  const { path, base, compared, decision, answer, found, never, unknown, near } = summary;
  const close = near.find(({ distance }) => distance === 0.05)!;
  return [
    ...[path, valueText(base), compared, decision && boundsText(decision.median)],
    ...[close.decision === null ? null : percentText(close.decision), shareText(close.answer)],
    ...[answer.median.atLeast === null ? null : boundsText(answer.median), found, never, unknown],
  ];
}

/** The questions whose answer changes first, one row for each question and option. */
function nearestRows(questions: readonly QuestionFlips[]) {
  const found = questions.flatMap(({ question, flips }) =>
    Object.entries(flips).flatMap(([path, { answer }]) =>
      answer.is === 'found' ? [{ question, path, distance: answer.distance, at: answer.at }] : [],
    ),
  );
  return found.sort((a, b) => a.distance - b.distance).slice(0, LISTED);
}

async function flipsPart({ flips, base }: SensitivityReport): Promise<Html> {
  if (flips.options.length === 0) return html``;
  const nearest = nearestRows(flips.questions);
  return html`<h3>How near each question is to another answer</h3>
<p>For each question the smallest change of one option that changes the words of the answer, or whether there is one. For
thresholds it is exact: the answer is replayed behind each value that was compared. For weights it is the nearest change that
a search over the range of the weight saw; one that is undone within a step of it is missed. ${
    flips.options.some(({ path }) => path === 'gate.threshold') &&
    'Where the gate stops sampling early, one that depends on the number of samples is missed too. '
  }The distance of a decision is that of its number to the threshold; a decision that changes may leave the answer as it
is.</p>
${dataTable(
  `Distance to another decision and to another answer; ${plural(base.questions, 'question')}`,
  [
    ...['option', 'recorded', 'questions decided', 'decisions, median', 'decisions within 0.05'],
    ...['answers within 0.05', 'answers, median', 'change', 'never', 'not known'],
  ],
  flips.options.map(flipRow),
)}
${await flipChart(flips.options)}
${
  nearest.length > 0 &&
  dataTable(
    'The answers that change first',
    ['question', 'option', 'distance', 'changes at'],
    nearest.map(({ question, path, distance, at }) => [
      foreignBrief(question, 160),
      path,
      numberText(distance, 3),
      numberText(at, 3),
    ]),
  )
}`;
}

function idlePart({ idle }: SensitivityReport): Html | false {
  const rows = [
    ...idle.critics.map(({ kind, reason }) => [`critic ${kind}`, reason]),
    ...idle.options.map(({ path, reason }) => [path, reason]),
  ];
  return rows.length > 0 && dataTable('Not looked at, since it decides nothing in these traces', ['', 'why'], rows);
}

/** How much the end result hangs on each threshold, each weight and each critic. */
export async function sensitivityChapter(report: SensitivityReport): Promise<Chapter> {
  return {
    id: 'sensitivity',
    title: 'Sensitivity',
    body: html`${intro(report)}
${await criticsPart(report)}
${await optionsPart(report)}
${await flipsPart(report)}
${idlePart(report)}`,
  };
}
