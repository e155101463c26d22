import { DiscernError } from '../../errors.ts';
import { byUtility } from '../../stages/gate.ts';
import type { Answer, GateDecision, TraceEvent } from '../../types.ts';

type EventOf<T extends TraceEvent['type']> = Extract<TraceEvent, { readonly type: T }>;
type LevelEvent = Extract<TraceEvent, { readonly level: number }>['type'];

/** The event of the search before the first segment, which there is at most one of; null where it did not come to it. */
export function firstEvent<T extends LevelEvent>({ trace }: Answer, type: T): EventOf<T> | null {
  const found = trace.events.find((event) => event.type === type && (event as EventOf<LevelEvent>).level === 0);
  return (found as EventOf<T> | undefined) ?? null;
}

/** The document that a passage is from. */
export function docIdOf({ trace }: Answer, passageId: string): string {
  const passage = trace.passages[passageId];
  if (passage === undefined)
    throw new DiscernError('TRACE_INVALID', `the trace names passage ${passageId} and does not hold it`);
  return passage.docId;
}

/** What one search came to, as ids of passages; each list is part of the one before. */
export interface Search {
  /** The first topK, best first. */
  readonly recalled: readonly string[];
  /** The first topN of them. */
  readonly reranked: readonly string[];
  /** What IsREL left. */
  readonly relevant: readonly string[];
  /** What the gate left: the passages that the generator was given. */
  readonly evidence: readonly string[];
}

/** All searches of a question in order; none where retrieval was declined. */
export function searchesOf(answer: Answer): Search[] {
  const searches: Search[] = [];
  for (const events of byLevel(answer.trace.events).values()) {
    const of = <T extends TraceEvent['type']>(...types: T[]) =>
      events.filter((event) => types.includes(event.type as T)) as EventOf<T>[];
    const [recalled, reranked, judged] = [of('recall-end'), of('rerank-end'), of('relevance-decided')];
    const gates = of('gate-decided', 'gate-skipped');
    // A gate is asked of contexts with passages only, in the order of the searches.
    let asked = 0;
    for (const [i, { candidates }] of recalled.entries()) {
      const relevant = judged[i]?.passages.flatMap(({ passageId, kept }) => (kept ? [passageId] : [])) ?? [];
      const gate = relevant.length > 0 ? gates[asked++] : undefined;
      searches.push({
        recalled: candidates.map(({ passageId }) => passageId),
        reranked: reranked[i]?.kept.map(({ passageId }) => passageId) ?? [],
        relevant,
        evidence: gate?.type === 'gate-decided' ? leftBy(gate, relevant, answer) : relevant,
      });
    }
  }
  return searches;
}

function byLevel(events: readonly TraceEvent[]): Map<number, TraceEvent[]> {
  const levels = new Map<number, TraceEvent[]>();
  for (const event of events) {
    if (!('level' in event)) continue;
    const list = levels.get(event.level);
    if (list === undefined) levels.set(event.level, [event]);
    else list.push(event);
  }
  return levels;
}

function leftBy({ action, utilities }: GateDecision, passages: readonly string[], { trace }: Answer): string[] {
  if (action !== 'keep') return [];
  if (trace.config.rerank.by !== 'utility') return [...passages];
  const candidates = passages.map((id) => ({
    ...{ passage: trace.passages[id]!, recallRank: 1, recallScore: 0, rerankScore: null },
  }));
  return byUtility(candidates, utilities).map(({ passage }) => passage.id);
}
