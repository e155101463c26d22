import type { Said } from '../faults/blame.ts';
import type { BackendChange } from '../faults/facts.ts';
import type { ChangedAnswer, FaultReport, StageFaults, ValueChange } from '../faults/fault-report.ts';
import type { FaultStage } from '../faults/stages.ts';
import { type Chapter, type Html, html } from './html.ts';
import {
  type Cell,
  dataTable,
  details,
  differenceText,
  foreign,
  foreignBrief,
  intervalText,
  numberText,
  plural,
  pText,
  signedText,
} from './parts.ts';

/** Changed questions that are shown at once; the others are behind a click. */
const SHOWN = 10;
const LONGEST = 500;

const STATUS_WORDS: Readonly<Record<BackendChange['status'], string>> = {
  unchanged: 'the same',
  changed: 'other answers under the same id',
  unknown: 'not known: too few requests stand in both runs',
  new: 'in the second run only',
  gone: 'in the baseline only',
};

const stagesText = (stages: readonly FaultStage[]): string =>
  stages.length === 0 ? 'nothing found' : stages.join(' and ');

function intro(report: FaultReport): Html {
  const { a, b, pairs, onlyA, onlyB, changed, otherFactsSameAnswer } = report;
  const unmatched = [
    ...(onlyA.length > 0 ? [html`${numberText(onlyA.length)} only in ${foreign(a.name)}`] : []),
    ...(onlyB.length > 0 ? [html`${numberText(onlyB.length)} only in ${foreign(b.name)}`] : []),
  ];
  return html`<p>${foreign(b.name)} against the baseline ${foreign(a.name)}: ${plural(pairs, 'question')} in both${unmatched.map((part) => [', ', part])}.
${plural(changed, 'answer')} changed; for ${numberText(otherFactsSameAnswer)} more, models said something else and the
answer stayed.</p>
<p class="fine">No model was asked. For each changed answer the facts, parts and options of single stages, then of several,
were put back to those of the baseline; the first that brings its answer back is to blame. Where the facts for that were not
recorded, the first difference between the two runs is named instead. Settings: options alone decided otherwise. On them:
the mean difference on the questions that name a stage; of the whole: what they add to the difference of all questions.</p>
${warnings(report)}`;
}

/** What makes the comparison weaker than it looks; nothing where nothing does. */
function warnings({ notReplayed, notAsRecorded, editedPassages, stages }: FaultReport): Html {
  const lost = new Set([...notReplayed.a, ...notReplayed.b]).size;
  const other = notAsRecorded.a + notAsRecorded.b;
  const unchecked = stages.filter((stage) => stage.unchecked > 0);
  return html`${
    lost > 0 &&
    html`<p>${plural(lost, 'question')} cannot be answered again from the recorded facts: the recorded answers are compared, and no
metric is.</p>`
  }${
    other > 0 &&
    html`<p>${plural(other, 'recorded answer')} would be another one today from the same facts, since this version of the
package decides otherwise than the one that recorded them. What is compared is what this version answers.</p>`
  }${
    editedPassages > 0 &&
    html`<p>Passages of the same id with another text in the second run: ${numberText(editedPassages)}. What models say of
them follows from that, whichever stage is named.</p>`
  }${unchecked.map(
    ({ stage, unchecked: count }) =>
      html`<p>In ${plural(count, 'changed answer')} nothing but its id says that the ${stage} is the same in both
runs: it was asked nothing twice. It may share the blame.</p>`,
  )}`;
}

const metricsTable = ({ metrics }: FaultReport): Html =>
  dataTable(
    'Both runs on the same questions',
    ['metric', 'n', 'baseline', 'second run', 'difference', 'p'],
    metrics.map(({ name, better, a: before, b: after, difference }) => [
      html`${name} <small>${better} is better</small>`,
      difference?.n ?? 0,
      before && intervalText(before),
      after && intervalText(after),
      difference && differenceText(difference),
      difference && pText(difference.p),
    ]),
  );

function stageRow(report: FaultReport, faults: StageFaults): Cell[] {
  const { stage, blamed, alone, bySubstitution, byFirstDifference } = faults;
  return [
    ...[stage, blamed, alone, bySubstitution, byFirstDifference],
    ...report.metrics.flatMap(({ name }) => {
      const [effect, share] = [faults.effects[name] ?? null, faults.shares[name] ?? null];
      return [effect && differenceText(effect), share === null ? null : signedText(share)];
    }),
  ];
}

const stagesTable = (report: FaultReport): Html =>
  dataTable(
    `Who is to blame for ${plural(report.changed, 'changed answer')}`,
    [
      ...['stage', 'blamed', 'alone', 'by substitution', 'by first difference'],
      ...report.metrics.flatMap(({ name }) => [`${name} on them`, 'of the whole']),
    ],
    report.stages.map((faults) => stageRow(report, faults)),
  );

const setsTable = ({ sets }: FaultReport): Html | false =>
  sets.some(({ stages }) => stages.length !== 1) &&
  dataTable(
    'Stages that are to blame together',
    ['stages', 'changed answers'],
    sets.map(({ stages, questions }) => [stagesText(stages), questions]),
  );

const backendsTable = ({ backends }: FaultReport): Html =>
  dataTable(
    'Models by what they said to the same requests in both runs',
    ['stage', 'asked for', 'model', 'found', 'requests in both', 'answered otherwise'],
    backends.map(({ stage, role, kind, backend, status, shared, differing }) => [
      ...[stage, kind === null ? role : `${role}, ${kind}`, foreign(backend), STATUS_WORDS[status]],
      ...[shared, differing],
    ]),
  );

const valueText = (value: unknown): Html => html`<code>${foreign(JSON.stringify(value) ?? 'none')}</code>`;

const valuesTable = (caption: string, head: string, changes: readonly ValueChange[]): Html | false =>
  changes.length > 0 &&
  dataTable(
    caption,
    [head, 'stage', 'before', 'after', 'questions'],
    changes.map(({ name, stage, before, after, questions }) => [
      ...[foreign(name), stage, valueText(before), valueText(after), questions],
    ]),
  );

const saidText = ({ text, unanswered }: Said): Html =>
  unanswered === null ? foreignBrief(text, LONGEST) : html`<em>not answered: ${foreign(unanswered)}</em>`;

function blameText({ stages, by, untried, unchecked }: ChangedAnswer): string {
  const how = stages.length === 0 ? '' : `, by ${by}`;
  const smaller = untried.length === 0 ? '' : `; not tried for missing facts: ${untried.map(stagesText).join(', ')}`;
  return `${stagesText(stages)}${how}${smaller}${unchecked.length === 0 ? '' : `; not checked: ${stagesText(unchecked)}`}`;
}

const changesText = ({ metrics }: ChangedAnswer): string[] =>
  Object.entries(metrics).flatMap(([name, { before, after }]) =>
    before === null || after === null ? [] : [`${name} ${numberText(before)} → ${numberText(after)}`],
  );

const card = (answer: ChangedAnswer): Html => html`<article>
<h4>${foreignBrief(answer.question, LONGEST)}</h4>
<p class="changes"><span>${foreign(answer.id)}</span> <strong>${blameText(answer)}</strong>${changesText(answer).map((text) => html` <span class="nums">${text}</span>`)}</p>
<dl><dt>before</dt><dd>${saidText(answer.before)}</dd><dt>after</dt><dd>${saidText(answer.after)}</dd></dl>
</article>`;

const cards = (answers: readonly ChangedAnswer[]): Html => html`<div class="cards">${answers.map(card)}</div>`;

function questionsPart({ questions, metrics }: FaultReport): Html | false {
  const [first, rest] = [questions.slice(0, SHOWN), questions.slice(SHOWN)];
  const order = metrics.length === 0 ? '' : `, the largest loss of ${metrics[0]!.name} first`;
  return (
    questions.length > 0 &&
    html`<h3>Changed answers${order}</h3>
${cards(first)}${rest.length > 0 && details(`${plural(rest.length, 'more changed answer')}`, cards(rest))}`
  );
}

/** What changed between two runs, and which stage is to blame. */
export const faultsChapter = (report: FaultReport): Chapter => ({
  id: 'faults',
  title: 'What changed, and where',
  body: html`${intro(report)}
${report.metrics.length > 0 && metricsTable(report)}
${stagesTable(report)}
${setsTable(report)}
${questionsPart(report)}
<h3>What is not the same in both runs</h3>
${backendsTable(report)}
${valuesTable('Parts', 'role', report.parts)}
${valuesTable('Options', 'option', report.options)}`,
});
