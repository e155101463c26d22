import type { HierarchicalNSW } from 'hnswlib-node';
import { seededRandom } from '../../text/random.ts';
import { plain, type Rows, scanRange, topRows, type View } from './hnsw-rows.ts';

/** Hits that the self-check compares: the default of recall.topK. */
export const CHECK_K = 50;
const QUERIES = 200;
/**
 * Of the misses that the target allows, the share that the sample may have: vectors held out were missed up to 1.5 times
 * as often (100,000 unclustered vectors at ef 1000: 0.9897 found, 0.993 of the sample).
 */
const ALLOWED_MISSES = 0.5;

export interface SelfCheck {
  /** Smallest candidate list that reached the target; null when none up to efMax did. */
  readonly ef: number | null;
  /** Share of the exact top 50 found, at `ef` or at the largest list tried. */
  readonly recall: number;
  /** Two standard errors of it: it is a sample, so the target must be reached without them too. */
  readonly margin: number;
  readonly triedEf: number;
  readonly targetRecall: number;
  readonly efMax: number;
}

/**
 * Measures HNSW against exact search and doubles ef until the target is reached.
 * A question is near passages but is none of them, so each sample query lies half-way between two stored vectors. Of what
 * was tried (stored vectors, with noise, mixed 7 to 3) this came nearest to the recall of vectors held out.
 * `between` is called between two steps.
 */
export function selfCheck(
  rows: Rows,
  graph: HierarchicalNSW,
  view: View,
  targetRecall: number,
  efMax: number,
  between: () => void = () => undefined,
): SelfCheck {
  const queries = sampleQueries(rows, view, QUERIES);
  const exact = queries.map((query) => {
    between();
    const top = topRows(CHECK_K);
    scanRange(rows, query, 0, view.count, view, top);
    return new Set(top.sorted().map(({ row }) => row));
  });
  for (let ef = Math.min(4 * CHECK_K, efMax); ; ef = Math.min(2 * ef, efMax)) {
    graph.setEf(ef);
    const shares = queries.map((query, i) => {
      between();
      const wanted = exact[i]!;
      const found = graph.searchKnn(plain(query), wanted.size).neighbors.filter((row) => wanted.has(row)).length;
      return wanted.size === 0 ? 1 : found / wanted.size;
    });
    const recall = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const variance = shares.reduce((sum, share) => sum + (share - recall) ** 2, 0) / (shares.length - 1);
    const measured = { recall, margin: 2 * Math.sqrt(variance / shares.length), triedEf: ef, targetRecall, efMax };
    if (recall - measured.margin >= 1 - ALLOWED_MISSES * (1 - targetRecall)) return { ef, ...measured };
    if (ef >= efMax) return { ef: null, ...measured };
  }
}

/** The same queries for the same rows. */
export function sampleQueries(rows: Rows, view: View, count: number): Float32Array[] {
  const random = seededRandom(1);
  const pick = () => {
    for (;;) {
      const row = Math.floor(random() * view.count);
      if (!rows.isDead(row, view)) return rows.vector(row);
    }
  };
  return Array.from({ length: count }, () => {
    const one = pick();
    const other = pick();
    const middle = one.map((value, i) => value + other[i]!);
    const length = Math.hypot(...middle);
    return length === 0 ? one.slice() : middle.map((value) => value / length);
  });
}
