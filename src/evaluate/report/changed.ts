import type { ChangedQuestion, ExperimentReport } from './experiment-report.ts';
import { type Html, html } from './html.ts';
import { foreign, numberText } from './parts.ts';
import { comparisonCard } from './question-card.ts';
import { decimalsOf, othersThanBaseline } from './verdict.ts';

/** Most questions shown for one system; the rest stand in the list of all questions. */
const SHOWN = 10;

/** Changes of one system by question: the largest of every metric, then the second of every metric, and so on. */
function byQuestion(changed: readonly ChangedQuestion[]): ReadonlyMap<string, readonly ChangedQuestion[]> {
  const seen = new Map<string, number>();
  const ranked = changed.map((change) => {
    const rank = seen.get(change.metric) ?? 0;
    seen.set(change.metric, rank + 1);
    return { change, rank };
  });
  ranked.sort((a, b) => a.rank - b.rank);
  const found = new Map<string, ChangedQuestion[]>();
  for (const { change } of ranked) found.set(change.id, [...(found.get(change.id) ?? []), change]);
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

/** For each system, the questions on which it differs most from the baseline. */
export function changedQuestions(report: ExperimentReport): Html {
  const questions = new Map(report.questions.map((question) => [question.id, question]));
  const parts = othersThanBaseline(report).map(({ name }) => {
    const own = [...byQuestion(report.changed.filter(({ system }) => system === name))].slice(0, SHOWN);
    const cards = own.flatMap(([id, changes]) => {
      const question = questions.get(id);
      const lines = changes.map((one) => change(report, one));
      return question ? [comparisonCard(report, question, [report.baseline, name], lines)] : [];
    });
    return html`<h3>${foreign(name)} against ${foreign(report.baseline)}</h3>${
      cards.length === 0 ? html`<p>No question changed.</p>` : html`<div class="cards">${cards}</div>`
    }`;
  });
  return html`<p class="fine">The largest changes first, ten questions a system at most. A single question shows what can happen, not what happens on the whole.</p>${parts}`;
}
