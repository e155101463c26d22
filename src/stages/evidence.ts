import type { Config } from '../config.ts';
import type { CallOptions, Recaller, Reranker, Rewriter } from '../contracts.ts';
import { topLabel } from '../reflection.ts';
import type { FactLog } from '../trace.ts';
import type { Candidate, Critique, CritiqueRequest, Decision, GateDecision, Passage } from '../types.ts';
import { type Critics, critiqueAll } from './critique.ts';
import { rerankCandidates } from './rerank.ts';
import { decideRetrieve } from './score.ts';

/** The passages that go to the generator, with what was said of their relevance. */
export interface Evidence {
  readonly passages: readonly Passage[];
  /** The same passages with their places and scores. */
  readonly candidates: readonly Candidate[];
  /** What the gate made of them; null where it was not asked. */
  readonly gate: GateDecision['action'] | null;
  readonly isRel: ReadonlyMap<string, Critique<'isRel'>>;
}

export interface EvidenceParts {
  readonly rewriter: Rewriter | null;
  readonly recaller: Recaller | null;
  readonly reranker: Reranker | null;
  readonly critics: Critics;
}

export interface RetrieveChoice {
  readonly action: 'retrieve' | 'reuse' | 'none';
  readonly reason: string;
  readonly value: number | null;
  readonly threshold: number | null;
}

/**
 * Pure: whether this step needs passages. Before the first segment there is nothing to reuse. Later `continue` reuses
 * the evidence at hand; a critic that cannot say `continue` reuses it while the last segment was supported.
 */
export function chooseRetrieve(input: {
  mode: Config['retrieve']['mode'];
  threshold: number;
  critique: Critique<'retrieve'> | null;
  predictsContinue: boolean;
  hasEvidence: boolean;
  lastSupport: Critique<'isSup'> | null;
  first: boolean;
}): RetrieveChoice {
  const { mode, threshold, critique, predictsContinue, hasEvidence, lastSupport, first } = input;
  const plain = (action: RetrieveChoice['action'], reason: string): RetrieveChoice => ({
    action,
    reason,
    value: null,
    threshold: null,
  });
  if (mode === 'never') return plain('none', 'mode never');
  const supported = lastSupport === null || topLabel(lastSupport) !== 'none';
  const carriesOn = !first && hasEvidence && supported;
  if (mode === 'always')
    return carriesOn ? plain('reuse', 'the last segment was supported') : plain('retrieve', 'mode always');
  if (critique === null) return plain('retrieve', 'no critic said otherwise');
  const { yes, no, continue: more } = critique.probs;
  const { probability, retrieve } = decideRetrieve({ yes, no }, threshold);
  if (critique.undecided) return { action: 'retrieve', reason: 'undecided', value: probability, threshold };
  if (!first && hasEvidence && predictsContinue && more > yes && more > no)
    return { action: 'reuse', reason: 'the critic says continue', value: probability, threshold };
  if (carriesOn && !predictsContinue)
    return { action: 'reuse', reason: 'the last segment was supported', value: probability, threshold };
  return retrieve
    ? { action: 'retrieve', reason: 'P(yes) is above the threshold', value: probability, threshold }
    : { action: 'none', reason: 'P(yes) is not above the threshold', value: probability, threshold };
}

export const evidenceOf = (candidates: readonly Candidate[], isRel: Evidence['isRel']): Evidence => ({
  passages: candidates.map(({ passage }) => passage),
  candidates,
  gate: null,
  isRel,
});

/** Pure: which passages stay. One without a critique, or with an undecided one, stays. */
export function keepRelevant(
  candidates: readonly Candidate[],
  critiques: readonly (Critique<'isRel'> | null)[],
  threshold: number,
): { passageId: string; value: number | null; kept: boolean }[] {
  return candidates.map(({ passage }, i) => {
    const critique = critiques[i] ?? null;
    const value = critique === null ? null : critique.probs.relevant;
    return {
      passageId: passage.id,
      value,
      kept: value === null || critique?.undecided !== undefined || value > threshold,
    };
  });
}

interface EvidenceRequest {
  readonly question: string;
  readonly answerSoFar: string;
}

/** What recall searches with: the question, reworded where a rewriter is asked, then the answer so far. */
async function searchQueries(
  requests: readonly EvidenceRequest[],
  { recaller, rewriter }: EvidenceParts,
  options: CallOptions,
): Promise<string[]> {
  const questions = requests.map(({ question }) => question);
  const reworded = recaller === null || rewriter === null ? questions : await rewriter.rewrite(questions, options);
  return requests.map(({ answerSoFar }, i) => (answerSoFar === '' ? reworded[i]! : `${reworded[i]!} ${answerSoFar}`));
}

/**
 * Recall, rerank and IsREL for several requests at once, one evidence for each; none where rewriting spent the budget.
 * Only recall searches with what the rewriter made of the question.
 */
export async function gatherEvidence(
  asked: readonly EvidenceRequest[],
  parts: EvidenceParts,
  config: Config,
  log: FactLog,
  level: number,
  mayAsk: () => boolean,
  options: CallOptions,
): Promise<{ evidence: Evidence; decisions: Decision[] }[]> {
  const { recaller, reranker, critics } = parts;
  const queries = await searchQueries(asked, parts, options);
  if (!mayAsk()) return [];
  const lists =
    recaller === null
      ? queries.map(() => [])
      : await recaller.recall(queries, { ...options, topK: config.recall.topK });
  const { topN, mix } = config.rerank;
  const kept: Candidate[][] = [];
  for (const [i, list] of lists.entries()) {
    log.emit({
      type: 'recall-end',
      level,
      query: queries[i]!,
      candidates: list.map(({ passage, recallScore }) => ({ passageId: passage.id, score: recallScore })),
    });
    const top = await rerankCandidates(
      asked[i]!.question,
      list,
      mayAsk() ? reranker : null,
      { topN, mix: mix ?? 1 },
      options,
    );
    log.emit({
      type: 'rerank-end',
      level,
      kept: top.map(({ passage, recallRank, rerankScore }) => ({
        passageId: passage.id,
        recallRank,
        score: rerankScore,
      })),
    });
    kept.push(top);
  }
  const requests = kept.flatMap((list, i) =>
    list.map(({ passage }): CritiqueRequest<'isRel'> => ({ kind: 'isRel', question: asked[i]!.question, passage })),
  );
  const critiques = mayAsk() ? await critiqueAll<'isRel'>(requests, critics, options) : requests.map(() => null);
  const threshold = config.isRel.threshold ?? 0;
  return kept.map((list) => {
    const mine = critiques.splice(0, list.length);
    const judged = keepRelevant(list, mine, threshold);
    log.emit({ type: 'relevance-decided', level, passages: judged, threshold });
    const decisions = judged.map(
      ({ passageId, value, kept: stays }): Decision => ({
        about: 'isRel',
        outcome: stays ? 'kept' : 'dropped',
        value,
        threshold: value === null ? null : threshold,
        reason: value === null ? 'no critic was asked' : 'P(relevant) against the threshold',
        passageId,
        level,
      }),
    );
    const isRel = new Map(
      list.flatMap(({ passage }, i) => (mine[i] && !mine[i].undecided ? [[passage.id, mine[i]] as const] : [])),
    );
    return {
      evidence: evidenceOf(
        list.filter((_, i) => judged[i]!.kept),
        isRel,
      ),
      decisions,
    };
  });
}
