import type { ChangedQuestion, ExperimentReport, QuestionReport } from './experiment-report.ts';
import { type Html, html } from './html.ts';
import { foreign, foreignBrief, numberText, traceLink } from './parts.ts';
import { answerText, goldText } from './tables.ts';
import { decimalsOf, othersThanBaseline } from './verdict.ts';

/** Most questions shown for one system; the rest stand in the list of all questions. */
const SHOWN = 10;

/** Changes of one system by question, in the order in which they are given. */
function byQuestion(changed: readonly ChangedQuestion[]): ReadonlyMap<string, readonly ChangedQuestion[]> {
  const found = new Map<string, ChangedQuestion[]>();
  for (const change of changed) found.set(change.id, [...(found.get(change.id) ?? []), change]);
  return found;
}

function change(report: ExperimentReport, { metric, before, after }: ChangedQuestion): Html {
  const better = report.metrics.find(({ name }) => name === metric)?.better ?? 'higher';
  const improved = after > before === (better === 'higher');
  const decimals = decimalsOf(report, metric);
  return html`<span class="nums">${metric} ${numberText(before, decimals)} → ${numberText(after, decimals)} <span class="${
    improved ? 'better' : 'worse'
  }">${improved ? '▲ better' : '▼ worse'}</span></span>`;
}

function answered(question: QuestionReport, system: string): Html {
  const result = question.results[system];
  if (!result) return html`<dt>${foreign(system)}</dt><dd>–</dd>`;
  return html`<dt>${foreign(system)}</dt><dd>${answerText(result, 600)} <small>${traceLink(result.trace)}</small></dd>`;
}

function card(
  report: ExperimentReport,
  system: string,
  question: QuestionReport,
  own: readonly ChangedQuestion[],
): Html {
  return html`<article>
<h4>${foreignBrief(question.question, 400)}</h4>
<p class="changes">${own.map((one) => change(report, one))}</p>
<dl><dt>gold</dt><dd>${goldText(question)}</dd>${answered(question, report.baseline)}${answered(question, system)}</dl>
</article>`;
}

/** For each system, the questions on which it differs most from the baseline. */
export function changedQuestions(report: ExperimentReport): Html {
  const questions = new Map(report.questions.map((question) => [question.id, question]));
  const parts = othersThanBaseline(report).map(({ name }) => {
    const own = [...byQuestion(report.changed.filter(({ system }) => system === name))].slice(0, SHOWN);
    const cards = own.flatMap(([id, changes]) => {
      const question = questions.get(id);
      return question ? [card(report, name, question, changes)] : [];
    });
    return html`<h3>${foreign(name)} against ${foreign(report.baseline)}</h3>${
      cards.length === 0 ? html`<p>No question changed.</p>` : html`<div class="cards">${cards}</div>`
    }`;
  });
  return html`<p class="fine">The largest changes first, ten questions a system at most. A single question shows what can happen, not what happens on the whole.</p>${parts}`;
}
