import { type Grades, type IrOptions, relevantCount } from './ir.ts';

/** The values of one query by the name of their metric; null where one is undefined. */
export type MetricRow = Readonly<Record<string, number | null>>;

/** Which queries a mean is over: all judged ones, those with results, those with something relevant. */
export type Population = 'allQrels' | 'intersection' | 'withRelevant';

export interface QueryMeans {
  /** The main one is `allQrels`: a query without results counts with its zeros. */
  readonly mean: Readonly<Record<Population, MetricRow>>;
  readonly counts: {
    readonly qrelsQueries: number;
    readonly runQueries: number;
    readonly intersection: number;
    readonly withRelevant: number;
  };
}

/** Means over queries, each with what it is over. Queries of the run that nobody judged are counted and left out. */
export function queryMeans(
  qrels: ReadonlyMap<string, Grades>,
  run: ReadonlyMap<string, readonly unknown[]>,
  rows: ReadonlyMap<string, MetricRow>,
  options?: IrOptions,
): QueryMeans {
  const all = [...qrels.keys()];
  const found = all.filter((query) => (run.get(query) ?? []).length > 0);
  const answerable = all.filter((query) => relevantCount(qrels.get(query)!, options) > 0);
  const names = [...new Set([...rows.values()].flatMap((row) => Object.keys(row)))];
  const mean = (queries: readonly string[]): MetricRow =>
    Object.fromEntries(names.map((name) => [name, meanOf(queries.map((query) => rows.get(query)?.[name] ?? null))]));
  return {
    mean: { allQrels: mean(all), intersection: mean(found), withRelevant: mean(answerable) },
    counts: {
      qrelsQueries: all.length,
      runQueries: run.size,
      intersection: found.length,
      withRelevant: answerable.length,
    },
  };
}

/** Mean of the values that are defined; null when none is. */
export function meanOf(values: readonly (number | null)[]): number | null {
  const defined = values.filter((value) => value !== null);
  return defined.length === 0 ? null : defined.reduce((sum, value) => sum + value, 0) / defined.length;
}
