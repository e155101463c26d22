import { type Grades, metricOf, relevantCount } from '../metrics/ir.ts';
import { type MeanInterval, meanInterval } from '../metrics/mean.ts';
import { rankByScore } from '../metrics/ranking.ts';
import { invalid, type Lines } from './json-rows.ts';

/** What a system returned: of each query the documents with their scores, in the order of the file. */
export type Run = ReadonlyMap<string, readonly (readonly [id: string, score: number])[]>;

/** A run as TREC writes it: `query Q0 document rank score tag` on each line. `name` is the file's, for errors. */
export async function readRun(lines: Lines, name: string): Promise<Run> {
  const run = new Map<string, [string, number][]>();
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const place = `${name}, line ${number}`;
    const cells = line.trim().split(/\s+/);
    if (cells.length !== 6)
      throw invalid(place, `6 columns (query, Q0, document, rank, score, tag) are expected, got ${cells.length}`);
    const [query, , document, , text] = cells as [string, string, string, string, string];
    const score = Number(text);
    if (!Number.isFinite(score)) throw invalid(place, `the score must be a number, got "${text}"`);
    const scored = run.get(query);
    if (scored === undefined) run.set(query, [[document, score]]);
    else scored.push([document, score]);
  }
  if (run.size === 0) throw invalid(name, 'holds no results');
  return run;
}

export interface RunFigures {
  /** Means over all judged queries: one that is missing from the run counts 0. */
  readonly means: Readonly<Record<string, MeanInterval>>;
  readonly counts: {
    readonly judged: number;
    /** Judged queries with results. */
    readonly answered: number;
    /** Queries of the run that nobody judged: left out. */
    readonly unjudged: number;
    /** Judged queries without a relevant document: each counts 0. */
    readonly withoutRelevant: number;
  };
}

/** Metrics such as `ndcg@10` of a run. Its order is that of the scores, as trec_eval takes it; its ranks are not read. */
export function measureRun(
  run: Run,
  qrels: ReadonlyMap<string, Grades>,
  metrics: readonly string[],
  seed = 0,
): RunFigures {
  const rankings = new Map([...qrels.keys()].map((query) => [query, rankByScore(run.get(query) ?? [], 'trec')]));
  return {
    means: Object.fromEntries(
      metrics.map((metric) => {
        const measure = metricOf(metric);
        return [
          metric,
          meanInterval(
            [...qrels].map(([query, grades]) => measure(rankings.get(query)!, grades)),
            seed,
          ),
        ];
      }),
    ),
    counts: {
      judged: qrels.size,
      answered: [...qrels.keys()].filter((query) => run.has(query)).length,
      unjudged: [...run.keys()].filter((query) => !qrels.has(query)).length,
      withoutRelevant: [...qrels.values()].filter((grades) => relevantCount(grades) === 0).length,
    },
  };
}
