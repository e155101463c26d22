import { z } from 'zod';
import { type Grades, type IrOptions, metricOf } from '../metrics/ir.ts';
import { type MetricRow, queryMeans } from '../metrics/ir-means.ts';
import { pairwiseAccuracy, rankByScore } from '../metrics/ranking.ts';
import { type CaseRunner, type Expected, type GoldenFile, listed, mapOf, Num } from './case.ts';

const WHOLE = ['rr', 'ap', 'ndcg', 'ndcgExp'];
const AT = ['precision', 'recall', 'hit', 'rr', 'ap', 'ndcg', 'ndcgExp'];

const rowOf = (ranked: readonly string[], grades: Grades, cuts: readonly number[], options?: IrOptions): MetricRow => {
  const names = [...WHOLE, ...cuts.flatMap((k) => AT.map((name) => `${name}@${k}`))];
  return Object.fromEntries(names.map((name) => [name, metricOf(name)(ranked, grades, options)]));
};

const Case = z.object({
  k: z.array(z.int().min(1)),
  relevanceLevel: Num.default(1),
  qrels: mapOf(mapOf(Num)),
  run: mapOf(z.array(z.tuple([z.string(), Num]))),
  inputOrder: z.object({ ranking: mapOf(z.array(z.string())) }).optional(),
});

const runCase: CaseRunner = (input) => {
  const { k, relevanceLevel, qrels, run, inputOrder } = Case.parse(input);
  const options = { relevanceLevel };
  const rowsOf = (rankings: ReadonlyMap<string, readonly string[]>) =>
    new Map([...qrels].map(([query, grades]) => [query, rowOf(rankings.get(query) ?? [], grades, k, options)]));
  const ranking = new Map([...run].map(([query, scored]) => [query, rankByScore(scored, 'trec')]));
  const rows = new Map(
    [...rowsOf(ranking)].map(([query, row]): [string, MetricRow] => {
      const [scored, grades] = [run.get(query) ?? [], qrels.get(query)!];
      return [
        query,
        {
          ...row,
          pairwiseAccuracy: pairwiseAccuracy(scored, grades),
          pairwiseAccuracyJudged: pairwiseAccuracy(scored, grades, true),
        },
      ];
    }),
  );
  const arrived = inputOrder === undefined ? null : rowsOf(inputOrder.ranking);
  return {
    ranking: Object.fromEntries(ranking),
    perQuery: Object.fromEntries(rows),
    ...queryMeans(qrels, run, rows, options),
    inputOrder: arrived && {
      perQuery: Object.fromEntries(arrived),
      meanAllQrels: queryMeans(qrels, run, arrived, options).mean.allQrels,
    },
  };
};

const DuplicateCase = z.object({ k: z.array(z.int().min(1)), rankedIds: z.array(z.string()), qrels: mapOf(Num) });
const runDuplicates: CaseRunner = (input) => {
  const { k, rankedIds, qrels } = DuplicateCase.parse(input);
  return { ...rowOf(rankedIds, qrels, k), deduplicated: [...new Set(rankedIds)] };
};

/** The resolved orders stand beside `expected`: that of trec_eval is checked, that of arrival is taken as given. */
const Beside = z.object({
  ranking: z.unknown().optional(),
  deduplicated: z.unknown().optional(),
  inputOrder: z.object({ perQuery: z.unknown(), meanAllQrels: z.unknown() }).optional(),
});
const expectedOf = (input: unknown, expected: Expected): Expected => ({
  ...expected,
  ...Object.fromEntries(Object.entries(Beside.parse(input)).filter(([, value]) => value !== undefined)),
});

export const irMetrics = (file: unknown): GoldenFile => ({
  cases: [...listed(file, 'cases', runCase), ...listed(file, 'duplicateCases', runDuplicates)].map((golden) => ({
    ...golden,
    expected: expectedOf(golden.input, golden.expected),
  })),
});
