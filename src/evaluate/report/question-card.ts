import type { ExperimentReport, QuestionReport } from './experiment-report.ts';
import { type Html, html } from './html.ts';
import { foreign, foreignBrief, numberText, traceLink } from './parts.ts';
import { decimalsOf, type Metric, mainMetrics } from './verdict.ts';

function goldText({ answers }: QuestionReport): Html {
  if (answers === null) return html`<em>unknown</em>`;
  if (answers.length === 0) return html`<em>none: declining is right</em>`;
  return html`${answers.map((answer, i) => html`${i > 0 && html`<span class="or"> or </span>`}${foreignBrief(answer, 300)}`)}`;
}

type Result = QuestionReport['results'][string];

function answerText({ text, unanswered }: Result, length: number): Html {
  if (unanswered !== null) return html`<em>not answered: ${foreign(unanswered)}</em>`;
  return text.trim() === '' ? html`<em>empty</em>` : foreignBrief(text, length);
}

function valuesText(report: ExperimentReport, metrics: readonly Metric[], { values }: Result): Html[] {
  return metrics.flatMap(({ name }) => {
    const value = values[name] ?? null;
    return value === null
      ? []
      : [html`<span class="one">${name} ${numberText(value, decimalsOf(report, name))}</span> · `];
  });
}

/** What each system said, with its trace. */
function answered(
  report: ExperimentReport,
  system: string,
  question: QuestionReport,
  metrics: readonly Metric[],
): Html {
  const result = question.results[system];
  return html`<dt>${foreign(system)}</dt><dd>${
    result
      ? html`${answerText(result, 600)} <small class="nums">${valuesText(report, metrics, result)}${traceLink(result.trace)}</small>`
      : '–'
  }</dd>`;
}

/** A question with its gold answers and what systems said; `about` stands between. */
function card(heading: Html, about: Html, question: QuestionReport, answers: readonly Html[]): Html {
  return html`<article>${heading}${about}<dl><dt>gold</dt><dd>${goldText(question)}</dd>${answers}</dl></article>
`;
}

const asked = ({ question }: QuestionReport): Html => foreignBrief(question, 400);

/** A question on which two systems differ. */
export const comparisonCard = (
  report: ExperimentReport,
  question: QuestionReport,
  systems: readonly string[],
  changes: readonly Html[],
): Html =>
  card(
    html`<h4>${asked(question)}</h4>`,
    html`<p class="changes">${changes}</p>`,
    question,
    systems.map((system) => answered(report, system, question, [])),
  );

/** Every question, with what every system said and the main metrics of it. */
export function allQuestions(report: ExperimentReport): Html {
  const metrics = mainMetrics(report);
  return html`<div class="cards all">${report.questions.map((question) =>
    card(
      html`<p><strong>${asked(question)}</strong> <small>${foreign(question.id)}</small></p>`,
      html``,
      question,
      report.systems.map(({ name }) => answered(report, name, question, metrics)),
    ),
  )}</div>`;
}
