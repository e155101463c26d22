import type { Config } from '../config.ts';
import type { CallOptions } from '../contracts.ts';
import type { BeamHypothesis } from '../stages/beam.ts';
import { critiqueAll } from '../stages/critique.ts';
import { chooseRetrieve, type Evidence, gatherEvidence } from '../stages/evidence.ts';
import type { ScoredSegment } from '../stages/generate.ts';
import { joinSegments } from '../text/join.ts';
import type { CritiqueRequest } from '../types.ts';
import type { AskedQuestion } from './asked.ts';
import { gateEvidence } from './gate-step.ts';

type Hypothesis = BeamHypothesis<ScoredSegment>;

/** Evidence without a passage, or that the gate did not keep, is no evidence: the answer goes on without context. */
export const usable = (evidence: Evidence | null): Evidence | null =>
  evidence === null || evidence.passages.length === 0 || isDropped(evidence) ? null : evidence;

export const isDropped = ({ gate }: Evidence): boolean => gate === 'drop' || gate === 'refuse';

/** For each open hypothesis: nothing, the evidence at hand, or a new recall with question and answer so far. */
export async function evidenceFor(
  asked: AskedQuestion,
  open: readonly Hypothesis[],
  config: Config,
  level: number,
  options: CallOptions,
): Promise<(Evidence | null)[]> {
  const { question, parts, log, decisions } = asked;
  const mayAsk = () => !asked.overBudget(level);
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
  const queries = places.map((place) => ({ question, answerSoFar: answers[place]! }));
  const gathered =
    places.length > 0 && mayAsk() ? await gatherEvidence(queries, parts, config, log, level, mayAsk, options) : [];
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
