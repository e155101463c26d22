/** `ranked`: ids of what was found, best first, each once. `relevant`: ids of what should be found. */
type Measure = (ranked: readonly string[], relevant: ReadonlySet<string>, k: number) => number;

const found: Measure = (ranked, relevant, k) => ranked.slice(0, k).filter((id) => relevant.has(id)).length;

/** Share of the relevant ids among the first k; 0 where nothing is relevant. */
export const recallAt: Measure = (ranked, relevant, k) =>
  relevant.size === 0 ? 0 : found(ranked, relevant, k) / relevant.size;

/** 1 when a relevant id is among the first k, else 0. */
export const hitAt: Measure = (ranked, relevant, k) => (found(ranked, relevant, k) > 0 ? 1 : 0);

/** One over the rank of the first relevant id among the first k; 0 when there is none. */
export const reciprocalRankAt: Measure = (ranked, relevant, k) => {
  const rank = ranked.slice(0, k).findIndex((id) => relevant.has(id)) + 1;
  return rank === 0 ? 0 : 1 / rank;
};
