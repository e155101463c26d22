import type { Said } from '../evaluate/faults/blame.ts';
import type { ChangedAnswer, FaultReport, StageFaults, ValueChange } from '../evaluate/faults/fault-report.ts';
import type { FaultStage } from '../evaluate/faults/stages.ts';
import { differenceText, intervalText, numberText, pText, signedText } from '../evaluate/report/parts.ts';
import { brief, columns, count, safe, style } from './terminal.ts';

/** Changed answers that are printed; all are in the JSON. */
const SHOWN = 20;

/** What `discern diff` prints. */
export function diffLines(report: FaultReport): string[] {
  const { changed, otherFactsSameAnswer, questions } = report;
  const more = questions.length - SHOWN;
  return [
    style.bold(`${safe(report.b.name)} against ${safe(report.a.name)}`),
    pairsLine(report),
    `${count(changed, 'answer')} changed; ${otherFactsSameAnswer} more with other facts and the same answer`,
    ...warningLines(report),
    ...(report.metrics.length > 0 ? ['', ...metricLines(report)] : []),
    ...(changed > 0 ? ['', ...stageLines(report)] : []),
    ...differenceLines(report),
    ...questions.slice(0, SHOWN).flatMap((answer) => ['', ...answerLines(answer)]),
    ...(more > 0 ? ['', `and ${more} more: --json has them all`] : []),
  ];
}

function pairsLine({ pairs, onlyA, onlyB }: FaultReport): string {
  const parts = [`${count(pairs, 'question')} in both`];
  if (onlyA.length > 0) parts.push(`${onlyA.length} only in the baseline`);
  if (onlyB.length > 0) parts.push(`${onlyB.length} only in the second`);
  return parts.join(', ');
}

/** What makes the comparison weaker than it looks. */
export function warningLines({ notReplayed, notAsRecorded, editedPassages, stages }: FaultReport): string[] {
  const lost = new Set([...notReplayed.a, ...notReplayed.b]).size;
  const other = notAsRecorded.a + notAsRecorded.b;
  return [
    ...(lost > 0 ? [`${count(lost, 'question')} lack facts to be answered again: recorded answers are compared`] : []),
    ...(other > 0
      ? [`${count(other, 'recorded answer')} would be another one today from the same facts: today's are compared`]
      : []),
    ...(editedPassages > 0
      ? [
          `${count(editedPassages, 'passage')} of the same id with another text: what models say of them follows from that`,
        ]
      : []),
    ...stages
      .filter(({ unchecked }) => unchecked > 0)
      .map(
        ({ stage, unchecked }) =>
          `in ${count(unchecked, 'changed answer')} the ${stage} may share the blame: it was asked nothing twice, only its id says that it is the same`,
      ),
  ];
}

const metricLines = ({ metrics }: FaultReport): string[] =>
  columns([
    ['metric', 'before', 'after', 'difference', '', ''].map(style.dim),
    ...metrics.map(({ name, a, b, difference }) => [
      ...[name, intervalText(a), intervalText(b), differenceText(difference)],
      ...[difference === null ? '' : pText(difference.p), `n ${difference?.n ?? 0}`],
    ]),
  ]);

function stageLines({ stages, metrics }: FaultReport): string[] {
  const row = ({ stage, blamed, alone, bySubstitution, byFirstDifference, effects, shares }: StageFaults) => [
    ...[
      stage,
      alone === blamed ? `${blamed}` : `${blamed} (${alone} alone)`,
      `${bySubstitution}`,
      `${byFirstDifference}`,
    ],
    ...metrics.flatMap(({ name }) => [differenceText(effects[name] ?? null), shareText(shares[name] ?? null)]),
  ];
  const heads = ['blamed', 'answers', 'by substitution', 'by first difference'];
  return columns([
    [...heads, ...metrics.flatMap(({ name }) => [`${name} of these`, 'of the whole'])].map(style.dim),
    ...stages.filter(({ blamed }) => blamed > 0).map(row),
  ]);
}

const shareText = (share: number | null): string => (share === null ? '' : signedText(share));

function differenceLines({ backends, parts, options }: FaultReport): string[] {
  const changed = backends.filter(({ status }) => status === 'changed');
  const value = (one: unknown) => brief(JSON.stringify(one) ?? 'none', 40);
  const rowOf = ({ name, stage, before, after, questions }: ValueChange) => [
    ...[safe(name), `${value(before)} -> ${value(after)}`, stage ?? '', count(questions, 'question')],
  ];
  const others = [...parts, ...options];
  return [
    ...(changed.length > 0 ? ['', style.bold('other answers under the same id')] : []),
    ...columns(
      changed.map(({ role, kind, backend, shared, differing }) => [
        ...[kind ?? role, safe(backend), `${numberText(differing)} of ${numberText(shared)} requests in both runs`],
      ]),
    ),
    ...(others.length > 0 ? ['', style.bold('other parts and options')] : []),
    ...columns(others.map(rowOf)),
  ];
}

export const stagesText = (stages: readonly FaultStage[]): string =>
  stages.length === 0 ? 'nothing found' : stages.join(' and ');

const saidText = ({ text, unanswered }: Said): string =>
  unanswered === null ? brief(text, 160) : style.dim(`not answered: ${safe(unanswered)}`);

function answerLines({ id, question, stages, by, untried, before, after, metrics }: ChangedAnswer): string[] {
  const how = by === 'substitution' ? '' : ` by ${by}`;
  const tried = untried.length === 0 ? '' : style.dim(` (not tried: ${untried.map(stagesText).join(', ')})`);
  const values = Object.entries(metrics).flatMap(([name, value]) =>
    value.before === null || value.after === null
      ? []
      : [`${name} ${numberText(value.before)} -> ${numberText(value.after)}`],
  );
  return [
    `${style.bold(safe(id))}  ${stagesText(stages)}${how}${tried}  ${values.join('  ')}`.trimEnd(),
    `  ${brief(question, 160)}`,
    `  - ${saidText(before)}`,
    `  + ${saidText(after)}`,
  ];
}
