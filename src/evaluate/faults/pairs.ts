import type { Trace } from '../../types.ts';

/** One question in two runs: `a` is the baseline. */
export interface TracePair {
  readonly a: Trace;
  readonly b: Trace;
}

export interface Paired {
  /** In the order of the baseline. */
  readonly pairs: readonly TracePair[];
  readonly onlyA: readonly Trace[];
  readonly onlyB: readonly Trace[];
}

/**
 * The questions that stand in both runs: by id where the question is the same too, else by the text of the question.
 * Each trace is in one pair at most.
 */
export function pairTraces(a: readonly Trace[], b: readonly Trace[]): Paired {
  const partner = new Map<Trace, Trace>();
  const taken = new Set<Trace>();
  for (const name of [({ id, question }: Trace) => JSON.stringify([id, question]), ({ question }: Trace) => question]) {
    const waiting = new Map<string, Trace[]>();
    for (const trace of b)
      if (!taken.has(trace)) waiting.set(name(trace), [...(waiting.get(name(trace)) ?? []), trace]);
    for (const trace of a) {
      const found = partner.has(trace) ? undefined : waiting.get(name(trace))?.shift();
      if (found === undefined) continue;
      partner.set(trace, found);
      taken.add(found);
    }
  }
  return {
    pairs: a.flatMap((trace) => (partner.has(trace) ? [{ a: trace, b: partner.get(trace)! }] : [])),
    onlyA: a.filter((trace) => !partner.has(trace)),
    onlyB: b.filter((trace) => !taken.has(trace)),
  };
}
