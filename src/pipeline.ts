import type { Config } from './config.ts';
import type { CallOptions } from './contracts.ts';
import { DiscernError, throwIfAborted } from './errors.ts';
import { gateEvidence } from './pipeline/gate-step.ts';
import { type Parts, recordParts, traceOf } from './pipeline/parts.ts';
import { castShadow } from './pipeline/shadow.ts';
import { watchCritics } from './pipeline/watch.ts';
import { assembleAnswer, shownSegments } from './stages/answer.ts';
import { advanceBeam, type BeamHypothesis, type BeamState, emptyBeam, isComplete } from './stages/beam.ts';
import { critiqueAll } from './stages/critique.ts';
import { chooseRetrieve, type Evidence, gatherEvidence } from './stages/evidence.ts';
import { extendLevel, type ScoredSegment } from './stages/generate.ts';
import { joinSegments } from './text/join.ts';
import { createFactLog, type FactLog, type FactSource, type SharedFacts } from './trace.ts';
import type { Answer, Cost, CritiqueRequest, Decision, TraceEvent, UnansweredReason } from './types.ts';

export type { Parts } from './pipeline/parts.ts';

export interface AnswerOptions extends CallOptions {
  readonly onEvent?: (event: TraceEvent) => void;
  /** Replays these facts; the models of the parts are then never asked. */
  readonly source?: FactSource;
  /** What other settings asked for the same question is not asked again. */
  readonly shared?: SharedFacts;
  /** Identifies the trace. */
  readonly id?: string;
  readonly now?: () => number;
}

type Hypothesis = BeamHypothesis<ScoredSegment>;

/** Longest accepted question, in characters. What the models cannot hold is cut by them, never the question's start. */
const MAX_QUESTION = 100_000;

/** Answers one question. The config must be complete; with the same facts and config the answer is the same. */
export async function answerQuestion(
  question: string,
  live: Parts,
  config: Config,
  options: AnswerOptions = {},
): Promise<Answer> {
  if (question.trim() === '') throw new DiscernError('INPUT_INVALID', 'the question is empty');
  if (question.length > MAX_QUESTION)
    throw new DiscernError(
      'INPUT_INVALID',
      `the question has ${question.length} characters; at most ${MAX_QUESTION} are taken`,
    );
  throwIfAborted(options.signal);
  const log = createFactLog(options);
  const decisions: Decision[] = [];
  const at = { level: 0 };
  const recorded = recordParts(live, log, options.source ?? options.shared);
  const shadow = live.shadow ? castShadow(live.shadow, log, options, () => at.level) : null;
  const critics = watchCritics(recorded.critics, shadow, log, () => at.level);
  const { values, reason, detail } = await findAnswer(
    question,
    { ...recorded, critics },
    config,
    log,
    decisions,
    at,
    options,
  );
  const aside = (await shadow?.ask()) ?? [];
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
  const trace = traceOf(question, live, config, log, options.id ?? 'trace', options.source?.memo);
  const cost: Cost = { ...log.spent, requests: log.facts.length };
  return { ...brief, segments, decisions, cost, trace: { ...trace, facts: [...trace.facts, ...aside], answer: brief } };
}

/** The segments of the best hypothesis, or the reason why there is no answer. */
interface Found {
  readonly values: readonly ScoredSegment[];
  readonly reason: UnansweredReason | null;
  readonly detail: string;
}

async function findAnswer(
  question: string,
  parts: Parts,
  config: Config,
  log: FactLog,
  decisions: Decision[],
  at: { level: number },
  options: CallOptions,
): Promise<Found> {
  const finish = (values: readonly ScoredSegment[], reason: UnansweredReason | null, detail: string): Found => ({
    values,
    reason,
    detail,
  });
  const overBudget = (level: number): boolean => {
    const limit = spentLimit(log, config);
    if (limit === null) return false;
    if (!decisions.some(({ about }) => about === 'budget')) {
      log.emit({ type: 'budget-spent', level, limit, value: log.spent[limit] });
      decisions.push({
        about: 'budget',
        outcome: 'stopped',
        value: log.spent[limit],
        threshold: config.budget[limit],
        reason: `budget.${limit} is spent`,
        passageId: null,
        level,
      });
    }
    return true;
  };

  let state: BeamState<ScoredSegment> = emptyBeam();
  let committed = 0;
  for (let level = 0; level < config.beam.maxSegments && !isComplete(state); level++) {
    throwIfAborted(options.signal);
    at.level = level;
    if (overBudget(level)) break;
    const mayAsk = () => !overBudget(level);
    const open = state.kept.filter(({ finished }) => !finished);
    const evidence = await evidenceFor(question, open, parts, config, log, level, mayAsk, decisions, options);
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

const spentLimit = (log: FactLog, { budget }: Config): 'calls' | 'tokens' | 'ms' | null =>
  (['calls', 'tokens', 'ms'] as const).find((limit) => budget[limit] !== null && log.spent[limit] >= budget[limit]!) ??
  null;

/** Evidence without a passage, or that the gate did not keep, is no evidence: the answer goes on without context. */
const usable = (evidence: Evidence | null): Evidence | null =>
  evidence === null || evidence.passages.length === 0 || isDropped(evidence) ? null : evidence;

const isDropped = ({ gate }: Evidence): boolean => gate === 'drop' || gate === 'refuse';

/** For each open hypothesis: nothing, the evidence at hand, or a new recall with question and answer so far. */
async function evidenceFor(
  question: string,
  open: readonly Hypothesis[],
  parts: Parts,
  config: Config,
  log: FactLog,
  level: number,
  mayAsk: () => boolean,
  decisions: Decision[],
  options: CallOptions,
): Promise<(Evidence | null)[]> {
  const answers = open.map(({ values }) => joinSegments(values.map(({ segment }) => segment.text)));
  const adaptive = config.retrieve.mode === 'adaptive';
  const requests = answers.map(
    (answerSoFar): CritiqueRequest<'retrieve'> => ({ kind: 'retrieve', question, answerSoFar }),
  );
  const critiques = adaptive
    ? await critiqueAll<'retrieve'>(requests, parts.critics, options)
    : requests.map(() => null);
  const choices = open.map(({ values }, i) => {
    const last = values.at(-1);
    const choice = chooseRetrieve({
      mode: config.retrieve.mode,
      threshold: config.retrieve.threshold,
      critique: critiques[i] ?? null,
      predictsContinue: parts.critics.retrieve?.predictsContinue ?? false,
      hasEvidence: last?.evidence != null,
      lastSupport: last?.segment.critiques.isSup ?? null,
      first: values.length === 0,
    });
    const { action, reason, value, threshold } = choice;
    log.emit({ type: 'retrieve-decided', level, retrieve: action === 'retrieve', reason, value, threshold });
    decisions.push({ about: 'retrieve', outcome: action, value, threshold, reason, passageId: null, level });
    return choice;
  });
  const places = choices.flatMap(({ action }, i) => (action === 'retrieve' ? [i] : []));
  const asked = places.map((place) => ({ question, answerSoFar: answers[place]! }));
  const gathered =
    places.length > 0 && mayAsk() ? await gatherEvidence(asked, parts, config, log, level, mayAsk, options) : [];
  const chosen: (Evidence | null)[] = [];
  for (const [i, choice] of choices.entries()) {
    const atHand = open[i]!.values.at(-1)?.evidence ?? null;
    const found = choice.action === 'retrieve' ? gathered[places.indexOf(i)] : undefined;
    if (found === undefined) {
      chosen.push(choice.action === 'reuse' ? atHand : null);
      continue;
    }
    decisions.push(...found.decisions);
    const { evidence } = found;
    const gated = await gateEvidence(question, evidence, choice, parts, config, log, level, mayAsk, decisions, options);
    // A later recall that does not help leaves the evidence at hand.
    chosen.push(isDropped(gated) && atHand !== null ? atHand : gated);
  }
  return chosen;
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
