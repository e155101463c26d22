import {
  ANSWERED_CELLS,
  type AnsweredCell,
  type AnsweredExample,
  type AnsweredPoint,
  type AnsweredTable,
  type Share,
} from '../answered.ts';
import { type Chapter, type Html, html } from './html.ts';
import { dataTable, details, foreign, foreignBrief, numberText, percentText, plural, rangeText } from './parts.ts';

const POINTS: Readonly<Record<AnsweredPoint['point'], string>> = {
  recall: 'after recall',
  rerank: 'after rerank',
  evidence: 'after critics and gate',
};

const STAGES: Readonly<Record<AnsweredTable['flow']['stages'][number]['stage'], string>> = {
  retrieve: 'Retrieve: nothing was searched',
  recall: 'Recall: not among the first topK',
  rerank: 'Rerank: not among the first topN',
  critics: 'IsREL: dropped',
  gate: 'Gate: dropped with its context',
};

const CELLS: Readonly<Record<AnsweredCell, string>> = {
  retrievedRight: 'Found, answered rightly',
  retrievedWrong: 'Found, not answered rightly',
  missedRight: 'Not found, answered rightly',
  missedWrong: 'Not found, not answered rightly',
};

/** Characters of an answer that are shown. */
const LONGEST = 300;

const COLUMNS = ['', 'answer right', 'answer wrong', 'of these declined', 'all', 'share right'];

/** `12.5% [8.0%, 19.0%]`; a dash without any. */
const shareText = ({ share, ci95 }: Share): string =>
  share === null || ci95 === null ? '–' : `${percentText(share)} ${rangeText(ci95, 1, percentText)}`;

/** `19, 31.7%` of all questions. */
const counted = ({ count, share }: Share): string =>
  `${numberText(count)}, ${share === null ? '–' : percentText(share)}`;

function square(system: string, { point, shares, right, declined }: AnsweredPoint): Html {
  const row = (name: string, rights: Share, wrongs: Share, gaveUp: number, all: Share) => [
    ...[name, counted(rights), counted(wrongs), gaveUp, all.n, shareText(all)],
  ];
  return dataTable(`${system}, ${POINTS[point]}: relevant passage found or not, answer right or not`, COLUMNS, [
    row('found', shares.retrievedRight, shares.retrievedWrong, declined.retrieved, right.retrieved),
    row('not found', shares.missedRight, shares.missedWrong, declined.missed, right.missed),
  ]);
}

/** Questions of each cell, for a reader to look at. */
function examplesOf({ questions }: AnsweredTable, point: AnsweredPoint): Html | null {
  const cells = ANSWERED_CELLS.filter((cell) => point.examples[cell].length > 0);
  if (cells.length === 0) return null;
  const lists = cells.map((cell) => {
    const ids = point.examples[cell];
    return html`<h4>${CELLS[cell]}: ${numberText(ids.length)} of ${plural(point[cell], 'question')}</h4>
<ul>${ids.map((id) => exampleOf(id, questions[id]!))}</ul>`;
  });
  return details(`Examples, ${POINTS[point.point]}`, html`${lists}`);
}

const nothing = html`<em>nothing</em>`;

const exampleOf = (id: string, { question, answers, said }: AnsweredExample): Html => html`
<li><code>${foreign(id)}</code> ${foreign(question)}<br>
said: ${said === '' ? nothing : foreignBrief(said, LONGEST)}<br>
right: ${answers.length === 0 ? nothing : answers.map((gold, i) => [i > 0 && ' | ', foreignBrief(gold, LONGEST)])}</li>`;

const flow = ({ system, flow: { relevant, stages } }: AnsweredTable): Html =>
  dataTable(
    `${system}: where ${plural(relevant, 'relevant document')} went`,
    ['stage', 'lost', 'left'],
    stages.map(({ stage, lost, left }) => [STAGES[stage], lost, left]),
  );

function section(table: AnsweredTable): Html {
  const { system, metric, threshold, points } = table;
  const { n, undefined: leftOut } = points[0]!;
  return html`<h3>${foreign(system)}</h3>
<p>${plural(n, 'question')}; ${numberText(leftOut)} left out, where no document is judged relevant or ${metric} is
undefined. An answer is right where ${metric} is at least ${numberText(threshold)}.</p>
${points.map((point) => [square(system, point), examplesOf(table, point)])}
${flow(table)}`;
}

/** The gap between what was found and what was answered, point by point, with examples. */
export const answeredChapter = (tables: readonly AnsweredTable[]): Chapter => ({
  id: 'answered',
  title: 'Retrieved is not answered',
  body: html`<p>A relevant passage that was found is not yet an answer, and an answer may be right without one. Counts
stand with their share of all questions. Brackets: 95% interval of the share right (Wilson).</p>
${tables.map(section)}`,
});
