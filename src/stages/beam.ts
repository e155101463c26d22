/** A possible next segment of one hypothesis. `value` is carried along untouched. */
export interface BeamCandidate<T> {
  readonly id: string;
  /** Null: the hypothesis closes as it is, with nothing added. */
  readonly score: number | null;
  readonly noSupport: boolean;
  readonly end: boolean;
  readonly value: T | null;
}

export interface BeamHypothesis<T> {
  /** Ids of its segments, joined by `/`. */
  readonly path: string;
  readonly values: readonly T[];
  readonly scores: readonly number[];
  readonly score: number;
  readonly finished: boolean;
  /** Closed because the support filter left it nothing to go on with. */
  readonly deadEnd: boolean;
  /** When it was made; older ones win ties. */
  readonly order: number;
}

export interface BeamOptions {
  readonly width: number;
  readonly accumulate: 'mean' | 'sum' | 'product';
  readonly supportFilter: 'none' | 'search' | 'output';
}

export interface BeamState<T> {
  readonly kept: readonly BeamHypothesis<T>[];
  readonly created: number;
}

export const emptyBeam = <T>(): BeamState<T> => ({
  kept: [{ path: '', values: [], scores: [], score: 0, finished: false, deadEnd: false, order: 0 }],
  created: 1,
});

/** How the scores of segments make the score of a hypothesis. */
export function accumulate(scores: readonly number[], how: BeamOptions['accumulate']): number {
  if (how === 'product') return scores.reduce((product, score) => product * score, 1);
  const sum = scores.reduce((total, score) => total + score, 0);
  return how === 'mean' && scores.length > 0 ? sum / scores.length : sum;
}

/**
 * One level of segment-level beam search (Self-RAG, arXiv 2310.11511, section 3.3): unfinished hypotheses extend in
 * beam order, finished ones stay and compete, the best `width` are kept; ties go to the older one.
 * `expansions` holds the candidates of each unfinished hypothesis by its path; one without any closes as it is.
 */
export function advanceBeam<T>(
  state: BeamState<T>,
  expansions: ReadonlyMap<string, readonly BeamCandidate<T>[]>,
  options: BeamOptions,
): BeamState<T> {
  const pool: BeamHypothesis<T>[] = [];
  let created = state.created;
  for (const parent of state.kept) {
    if (parent.finished) {
      pool.push(parent);
      continue;
    }
    const offered = expansions.get(parent.path) ?? [];
    const candidates = options.supportFilter === 'search' ? offered.filter(({ noSupport }) => !noSupport) : offered;
    if (candidates.length === 0 && parent.values.length > 0)
      pool.push({ ...parent, finished: true, deadEnd: offered.length > 0 });
    for (const candidate of candidates) {
      if (candidate.score === null || candidate.value === null) {
        pool.push({ ...parent, finished: true, order: created++ });
        continue;
      }
      const scores = [...parent.scores, candidate.score];
      pool.push({
        path: parent.path === '' ? candidate.id : `${parent.path}/${candidate.id}`,
        values: [...parent.values, candidate.value],
        scores,
        score: accumulate(scores, options.accumulate),
        finished: candidate.end,
        deadEnd: false,
        order: created++,
      });
    }
  }
  pool.sort((a, b) => b.score - a.score || a.order - b.order);
  return { kept: pool.slice(0, options.width), created };
}

/** True when there is nothing left to extend. */
export const isComplete = <T>({ kept }: BeamState<T>): boolean => kept.every(({ finished }) => finished);
