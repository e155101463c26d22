import { mixedOrder } from '../stages/rerank.ts';
import type { Candidate, Passage } from '../types.ts';
import { type Grades, metricOf } from './metrics/ir.ts';
import { type MeanInterval, meanInterval } from './metrics/mean.ts';

/**
 * `recall`: the embedder's order; `rerank`: the first candidates of recall by the reranker alone, the rest after them;
 * `mix`: the same with both scores mixed; `bm25`: the baseline.
 */
export const SYSTEMS = ['bm25', 'recall', 'rerank', 'mix'] as const;
export type System = (typeof SYSTEMS)[number];

/** What was found for one judged query. Everything below is computed from these, without models. */
export interface RetrievalRow {
  readonly query: string;
  readonly grades: Grades;
  /** Ids, best first. Empty where it was not asked. */
  readonly bm25: readonly string[];
  readonly recall: readonly Candidate[];
  /** Scores of the reranker for the first candidates of recall; fewer than they are, or none. */
  readonly scores: readonly number[];
}

/** Candidates of the k passages nearest to a query, exactly; vectors have length one. Ties by their order. */
export function nearest(
  query: Float32Array,
  corpus: readonly Passage[],
  vectors: readonly Float32Array[],
  k: number,
): Candidate[] {
  return vectors
    .map((vector, at) => ({ at, score: dot(query, vector) }))
    .sort((a, b) => b.score - a.score || a.at - b.at)
    .slice(0, k)
    .map(({ at, score }, i) => ({
      passage: corpus[at]!,
      recallRank: i + 1,
      recallScore: score,
      rerankScore: null,
    }));
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The ids that a system returns for a query, best first. */
export function rankingOf(row: RetrievalRow, system: System, mix: number): string[] {
  if (system === 'bm25') return [...row.bm25];
  const reranked = system === 'recall' ? 0 : row.scores.length;
  const head = row.recall.slice(0, reranked);
  const order = [
    ...(reranked === 0 ? [] : mixedOrder(head, row.scores, system === 'rerank' ? 1 : mix)),
    ...row.recall.slice(reranked),
  ];
  return order.map(({ passage }) => passage.id);
}

type ByMetric = Readonly<Record<string, MeanInterval>>;

export interface RetrievalMeans {
  readonly systems: Readonly<Partial<Record<System, ByMetric>>>;
  /** Mean of the differences to recall, query by query, with its interval. */
  readonly lift: Readonly<Partial<Record<'rerank' | 'mix', ByMetric>>>;
}

export interface MeansOptions {
  readonly systems: readonly System[];
  readonly metrics: readonly string[];
  /** Share of the reranker's score in `mix`, 0..1. */
  readonly mix: number;
  /** Of the bootstrap. */
  readonly seed: number;
}

/** Means over all judged queries; one that found nothing counts 0. */
export function retrievalMeans(rows: readonly RetrievalRow[], options: MeansOptions): RetrievalMeans {
  const { systems, metrics, mix, seed } = options;
  const byMetric = (system: System, of: (metric: string) => number[]): [System, ByMetric] => [
    system,
    Object.fromEntries(metrics.map((metric) => [metric, meanInterval(of(metric), seed)])),
  ];
  const values = new Map(
    [...new Set<System>([...systems, 'recall'])].map((system) => [system, valuesOf(rows, system, metrics, mix)]),
  );
  const reranked = systems.filter((system) => system === 'rerank' || system === 'mix');
  return {
    systems: Object.fromEntries(
      systems.map((system) => byMetric(system, (metric) => values.get(system)!.get(metric)!)),
    ),
    lift: Object.fromEntries(
      reranked.map((system) =>
        byMetric(system, (metric) => differences(values.get(system)!.get(metric)!, values.get('recall')!.get(metric)!)),
      ),
    ),
  };
}

/** One value for each row by metric. */
export function valuesOf(
  rows: readonly RetrievalRow[],
  system: System,
  metrics: readonly string[],
  mix: number,
): Map<string, number[]> {
  const ranked = rows.map((row) => rankingOf(row, system, mix));
  return new Map(
    metrics.map((metric) => {
      const measure = metricOf(metric);
      return [metric, rows.map(({ grades }, i) => measure(ranked[i]!, grades))];
    }),
  );
}

const differences = (values: readonly number[], base: readonly number[]): number[] =>
  values.map((value, i) => value - base[i]!);

export interface MixFigure {
  readonly mix: number;
  readonly value: MeanInterval;
  /** Against recall, query by query. */
  readonly lift: MeanInterval;
}

/** What each share of the reranker's score would give, from the same scores. */
export function sweepMix(
  rows: readonly RetrievalRow[],
  metric: string,
  mixes: readonly number[],
  seed = 0,
): MixFigure[] {
  const base = valuesOf(rows, 'recall', [metric], 0).get(metric)!;
  return mixes.map((mix) => {
    const values = valuesOf(rows, 'mix', [metric], mix).get(metric)!;
    return { mix, value: meanInterval(values, seed), lift: meanInterval(differences(values, base), seed) };
  });
}
