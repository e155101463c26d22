import type { Command } from 'commander';
import { readLines } from '../evaluate/data/lines.ts';
import { measureRun, readRun } from '../evaluate/data/trec.ts';
import { metricOf } from '../evaluate/metrics/ir.ts';
import { readQrels } from '../evaluate/retrieval-data.ts';
import type { CliContext } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { columns } from './terminal.ts';

interface Flags {
  readonly qrels: string;
  readonly metrics: string;
  readonly seed: string;
  readonly json?: boolean;
}

/** Adds `discern eval trec`: the figures of a ranking that another system wrote. */
export function registerEvalTrec(group: Command, context: CliContext): void {
  group
    .command('trec')
    .description('measure a run file of TREC against judgements, ordered by its scores')
    .argument('<run>', 'run file: query Q0 document rank score tag; .gz or not')
    .requiredOption('--qrels <file>', 'judgements: query, document, grade; or the four columns of TREC')
    .option('--metrics <list>', 'such as ndcg@10, recall@100, map', 'ndcg@10,recall@10,mrr@10,map,hit@10')
    .option('--seed <integer>', 'of the intervals', '0')
    .option('--json', 'print the report as JSON')
    .action(async (path: string, flags: Flags) => {
      const metrics = flags.metrics
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
      for (const metric of metrics) metricOf(metric);
      const seed = wholeNumber('seed', flags.seed);
      const qrels = await readQrels(readLines(flags.qrels), flags.qrels);
      const report = measureRun(await readRun(readLines(path), path), qrels, metrics, seed);
      if (flags.json) return context.print(JSON.stringify(report, null, 2));
      const { judged, answered, unjudged, withoutRelevant } = report.counts;
      context.print(
        [
          `judged queries: ${judged}, of these ${answered} with results, ${withoutRelevant} without a relevant document; ${unjudged} of the run not judged`,
          ...columns(
            Object.entries(report.means).map(([metric, { mean, ci95 }]) => [
              metric,
              `${mean.toFixed(3)} [${ci95[0].toFixed(3)}, ${ci95[1].toFixed(3)}]`,
            ]),
          ),
        ].join('\n'),
      );
    });
}
