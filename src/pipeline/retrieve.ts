import type { Config } from '../config.ts';
import { emptyBeam } from '../stages/beam.ts';
import type { Evidence } from '../stages/evidence.ts';
import type { FactLog } from '../trace.ts';
import type { Decision, Retrieved } from '../types.ts';
import { type AnswerOptions, openQuestion } from './asked.ts';
import { evidenceFor, usable } from './evidence-step.ts';
import type { Parts } from './parts.ts';

/**
 * The context for a question, as the first step of an answer would have it: whether to retrieve, recall, rerank, IsREL
 * and gate. Nothing is written.
 */
export async function retrieveEvidence(
  question: string,
  live: Parts,
  config: Config,
  options: AnswerOptions = {},
): Promise<Retrieved> {
  const asked = openQuestion(question, live, config, options);
  const found = asked.overBudget(0)
    ? null
    : (await evidenceFor(asked, emptyBeam<never>().kept, config, 0, options))[0]!;
  const evidence = usable(found);
  const passages = (evidence?.candidates ?? []).map((candidate) => ({
    ...candidate,
    isRel: evidence!.isRel.get(candidate.passage.id)?.probs.relevant ?? null,
  }));
  const empty = passages.length > 0 ? null : whyEmpty(found, asked.decisions, asked.log);
  const answer = { text: '', unanswered: empty, usedContext: passages.length > 0, citations: [] };
  return { passages, empty, ...(await asked.finish(answer, { type: 'retrieve' })) };
}

/** Pure: why nothing is left to answer from. */
function whyEmpty(
  evidence: Evidence | null,
  decisions: readonly Decision[],
  log: Pick<FactLog, 'events'>,
): NonNullable<Retrieved['empty']> {
  const unasked = decisions.find(({ about, outcome }) => about === 'retrieve' && outcome === 'none');
  if (unasked) return { reason: 'not-needed', detail: unasked.reason };
  if (evidence === null) return { reason: 'budget', detail: 'the budget was spent before anything was recalled' };
  if (evidence.gate === 'drop') return { reason: 'context-dropped', detail: 'the gate found that they do not help' };
  if (evidence.gate === 'refuse')
    return { reason: 'uncertain', detail: 'the passages do not help, and the answers without them are uncertain' };
  const recalled = log.events.some((event) => event.type === 'recall-end' && event.candidates.length > 0);
  return { reason: 'no-evidence', detail: recalled ? 'no passage was relevant enough' : 'nothing was recalled' };
}
