import type { Config } from './config.ts';
import type { CallOptions } from './contracts.ts';
import { throwIfAborted } from './errors.ts';
import { type AnswerOptions, type AskedQuestion, openQuestion } from './pipeline/asked.ts';
import { evidenceFor, usable } from './pipeline/evidence-step.ts';
import type { Parts } from './pipeline/parts.ts';
import { assembleAnswer, shownSegments } from './stages/answer.ts';
import { advanceBeam, type BeamState, emptyBeam, isComplete } from './stages/beam.ts';
import type { Evidence } from './stages/evidence.ts';
import { extendLevel, type ScoredSegment } from './stages/generate.ts';
import type { FactLog } from './trace.ts';
import type { Answer, UnansweredReason } from './types.ts';

export type { AnswerOptions } from './pipeline/asked.ts';
export { type CheckInput, checkAnswer } from './pipeline/check.ts';
export { givenPassages, givenRecaller } from './pipeline/given.ts';
export type { Parts } from './pipeline/parts.ts';
export { retrieveEvidence } from './pipeline/retrieve.ts';

/** Answers one question. The config must be complete; with the same facts and config the answer is the same. */
export async function answerQuestion(
  question: string,
  live: Parts,
  config: Config,
  options: AnswerOptions = {},
): Promise<Answer> {
  const asked = openQuestion(question, live, config, options);
  const { values, reason, detail } = await findAnswer(asked, config, options);
  const { log } = asked;
  const shown = reason === null ? shownSegments(values, config.beam.supportFilter) : [];
  const { text, segments, citations } = assembleAnswer(shown, log.passages);
  const leftOut = reason === null && shown.length === 0;
  const brief = {
    text,
    unanswered: leftOut
      ? { reason: 'no-support' as const, detail: 'every segment was left out as unsupported' }
      : reason && { reason, detail },
    usedContext: segments.some(({ passageId }) => passageId !== null),
    citations,
  };
  return { ...brief, segments, ...(await asked.finish(brief)) };
}

/** The segments of the best hypothesis, or the reason why there is no answer. */
interface Found {
  readonly values: readonly ScoredSegment[];
  readonly reason: UnansweredReason | null;
  readonly detail: string;
}

async function findAnswer(asked: AskedQuestion, config: Config, options: CallOptions): Promise<Found> {
  const { question, parts, log, at, overBudget } = asked;
  const finish = (values: readonly ScoredSegment[], reason: UnansweredReason | null, detail: string): Found => ({
    values,
    reason,
    detail,
  });
  let state: BeamState<ScoredSegment> = emptyBeam();
  let committed = 0;
  for (let level = 0; level < config.beam.maxSegments && !isComplete(state); level++) {
    throwIfAborted(options.signal);
    at.level = level;
    if (overBudget(level)) break;
    const mayAsk = () => !overBudget(level);
    const open = state.kept.filter(({ finished }) => !finished);
    const evidence = await evidenceFor(asked, open, config, level, options);
    if (level === 0 && (evidence[0] != null || !overBudget(level))) {
      const stop = nothingToGoOn(evidence[0]!, parts, config, log);
      if (stop !== null) return finish([], stop.reason, stop.detail);
    }
    if (overBudget(level)) break;
    const extensions = open.map(({ path, values }, i) => ({
      path,
      segments: values.map(({ segment }) => segment.text),
      evidence: usable(evidence[i]!),
    }));
    const candidates = await extendLevel(
      question,
      extensions,
      parts.generators,
      parts.critics,
      config,
      log,
      level,
      mayAsk,
      options.signal,
    );
    state = advanceBeam(state, candidates, config.beam);
    if (state.kept.length === 0) {
      const offered = [...candidates.values()].some((list) => list.length > 0);
      return finish(
        [],
        offered ? 'no-support' : 'no-segment',
        offered ? 'no candidate was supported by its passage' : 'the generator offered nothing',
      );
    }
    log.emit({
      type: 'beam-pruned',
      level,
      kept: state.kept.map(({ path, score, finished }) => ({ path, score, finished })),
    });
    committed = commit(state, config, log, committed);
  }
  const best = state.kept[0];
  if (best === undefined || best.values.length === 0)
    return finish([], 'budget', 'the budget was spent before the first segment');
  commit({ ...state, kept: [best] }, config, log, committed);
  return finish(best.values, null, '');
}

/** Before the first segment: is there evidence, or a generator that does without? */
function nothingToGoOn(
  evidence: Evidence | null,
  parts: Parts,
  config: Config,
  log: FactLog,
): { reason: UnansweredReason; detail: string } | null {
  const { withContext, closedBook } = parts.generators;
  if (evidence?.gate === 'refuse')
    return { reason: 'uncertain', detail: 'the passages do not help, and the answers without them are uncertain' };
  if (evidence?.gate === 'drop') {
    if (withContext?.abilities.quotes === true && !config.gate.closedBook)
      return { reason: 'context-dropped', detail: 'the gate dropped them, and gate.closedBook is off' };
    return closedBook === null ? { reason: 'no-generator', detail: 'generate.closedBook is none' } : null;
  }
  if (evidence !== null && evidence.passages.length > 0)
    return withContext === null ? { reason: 'no-generator', detail: 'generate.withContext is none' } : null;
  if (evidence !== null && config.isRel.whenNoEvidence === 'unanswered') {
    const recalled = log.events.some((event) => event.type === 'recall-end' && event.candidates.length > 0);
    return { reason: 'no-evidence', detail: recalled ? 'no passage was relevant enough' : 'nothing was recalled' };
  }
  return closedBook === null
    ? { reason: 'no-generator', detail: 'generate.closedBook is none, and there are no passages to answer from' }
    : null;
}

/** Tells of the segments that every kept hypothesis shares: they can no longer change. Returns how many are out. */
function commit(state: BeamState<ScoredSegment>, config: Config, log: FactLog, from: number): number {
  const [first, ...others] = state.kept.map(({ values }) => values);
  let shared = from;
  while (first![shared] !== undefined && others.every((values) => values[shared] === first![shared])) shared += 1;
  const shown = (count: number) => shownSegments(first!.slice(0, count), config.beam.supportFilter);
  const { segments } = assembleAnswer(shown(shared), log.passages);
  for (let index = shown(from).length; index < segments.length; index++)
    log.emit({ type: 'segment-committed', index, text: segments[index]!.text, citation: segments[index]!.citation });
  return shared;
}
