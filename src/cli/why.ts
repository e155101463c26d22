import type { Answer, Citation, Decision, Passage, SegmentScore } from '../types.ts';
import { brief, columns, count, safe, style } from './terminal.ts';
import { eventsOf, number } from './why-events.ts';
import { gateLines } from './why-gate.ts';

const place = ({
  docId,
  page,
  heading,
  start,
  end,
}: Pick<Citation, 'docId' | 'page' | 'heading' | 'start' | 'end'>): string =>
  [
    safe(docId),
    page === null ? null : `page ${page}`,
    heading === null ? null : brief(heading, 60),
    `characters ${start}-${end}`,
  ]
    .filter((part) => part !== null)
    .join(', ');

/** The numbered sources below an answer, with the words that were found there. */
export function citationLines(answer: Pick<Answer, 'citations'>): string[] {
  return answer.citations.flatMap((citation) => {
    // What stands there word for word is supported by construction, whatever a critic makes of it.
    const support =
      citation.quote !== null ? ', word for word' : citation.isSup === null ? '' : `, support: ${citation.isSup}`;
    const quote = citation.quote === null ? [] : [style.dim(`      "${brief(citation.quote, 160)}"`)];
    return [`  [${citation.number}] ${place(citation)}${support}`, ...quote];
  });
}

const unansweredText: Record<NonNullable<Answer['unanswered']>['reason'], string> = {
  'no-evidence': 'No answer: the documents hold no evidence for it',
  'no-generator': 'No answer: there is no generator for it',
  'no-segment': 'No answer: the generator wrote nothing',
  'no-support': 'No answer: nothing that was written is supported',
  budget: 'No answer: the budget was spent',
  'context-dropped': 'No answer: the passages that were found do not help',
  uncertain: 'No answer: there is none to trust, with or without the passages',
  'not-needed': 'No passages: none is needed',
};

export const unansweredLine = ({ unanswered }: Pick<Answer, 'unanswered'>): string =>
  unanswered === null ? '' : `${unansweredText[unanswered.reason]} (${unanswered.detail}).`;

function scoreText({ total, parts }: SegmentScore, { weights }: Answer['trace']['config']): string {
  const terms = (['isRel', 'isSup', 'isUse'] as const).flatMap((kind) =>
    parts[kind] === null ? [] : [`${weights[kind]} x ${kind} ${number(parts[kind])}`],
  );
  return `${number(total)} = ${[...(weights.lm === 'none' ? [] : [`lm ${number(parts.lm)}`]), ...terms].join(' + ') || 'no critic was asked'}`;
}

/** Why this answer: each step with its numbers and thresholds. */
export function whyLines(answer: Answer): string[] {
  const { passages, config, backends, facts } = answer.trace;
  const lines: string[] = [style.bold('Why')];
  for (const { level, retrieve, reason, value, threshold } of eventsOf(answer, 'retrieve-decided').filter(
    ({ level }) => level === 0,
  )) {
    const numbers = value === null ? '' : `: P(retrieve) ${number(value)}, threshold ${number(threshold)}`;
    lines.push(
      `  retrieve${level === 0 ? '' : ` at segment ${level + 1}`}: ${retrieve ? 'yes' : 'no'}, ${reason}${numbers}`,
    );
  }
  lines.push(...candidateLines(answer, passages), ...gateLines(answer));
  const segments = answer.segments.map((segment, i) => [
    `  segment ${i + 1}`,
    scoreText(segment.score, config),
    brief(segment.text, 70),
  ]);
  if (segments.length > 0) lines.push(...columns(segments, ''));
  const others = eventsOf(answer, 'segment-scored');
  const rejected = others.filter(({ text }) => !answer.segments.some((segment) => segment.text === text));
  if (rejected.length > 0)
    lines.push(`  ${count(others.length, 'segment')} scored, ${rejected.length} not in the answer; the best of those:`);
  for (const { text, score } of rejected.sort((a, b) => b.score.total - a.score.total).slice(0, 2))
    lines.push(style.dim(`    ${number(score.total)}  ${brief(text, 90)}`));
  for (const { about, outcome, reason, value, threshold } of answer.decisions.filter(isNotable))
    lines.push(
      `  ${about}: ${outcome}, ${reason}${value === null ? '' : ` (${number(value)} of ${number(threshold)})`}`,
    );
  const ms = facts.reduce((sum, fact) => sum + fact.ms, 0);
  const names = [...new Set(Object.values(backends))].join(', ');
  lines.push(
    style.dim(`  ${count(facts.length, 'fact')} in ${(ms / 1000).toFixed(2)} s of model time: ${safe(names)}`),
  );
  return lines;
}

const isNotable = ({ about }: Decision): boolean => about === 'budget';

function candidateLines(answer: Answer, passages: Readonly<Record<string, Passage>>): string[] {
  const recalled = eventsOf(answer, 'recall-end')[0];
  const kept = eventsOf(answer, 'rerank-end')[0];
  const judged = eventsOf(answer, 'relevance-decided')[0];
  if (recalled === undefined || kept === undefined || judged === undefined) return [];
  const scores = new Map(recalled.candidates.map(({ passageId, score }) => [passageId, score]));
  const rows = kept.kept.map(({ passageId, recallRank, score }, i) => {
    const verdict = judged.passages[i];
    const passage = passages[passageId];
    return [
      `  ${i + 1}`,
      `recall ${number(scores.get(passageId))} (#${recallRank})`,
      `rerank ${number(score)}`,
      `isRel ${number(verdict?.value)}`,
      verdict?.kept === false ? style.yellow('dropped') : style.green('kept'),
      passage === undefined ? passageId : `${safe(passage.docId)}: ${brief(passage.text, 60)}`,
    ];
  });
  const dropped = judged.passages.filter(({ kept: stays }) => !stays).length;
  const rule = `P(relevant) above ${number(judged.threshold)}`;
  const mix = answer.trace.config.rerank.mix ?? 1;
  const order = `  ordered by ${number(mix)} x rerank + ${number(1 - mix)} x recall, each standardised over the recalled`;
  const { question } = answer.trace;
  return [
    ...(recalled.query === question ? [] : [`  searched for: "${brief(recalled.query, 160)}"`]),
    `  recalled ${count(recalled.candidates.length, 'passage')}, ${kept.kept.length} went to the critic, ${dropped} dropped (kept: ${rule})`,
    ...(kept.kept.some(({ score }) => score !== null) && mix < 1 ? [order] : []),
    ...columns(rows),
  ];
}
