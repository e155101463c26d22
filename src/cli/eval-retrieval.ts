import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { DiscernError, messageOf } from '../errors.ts';
import { metricOf } from '../evaluate/metrics/ir.ts';
import type { MeanInterval } from '../evaluate/metrics/mean.ts';
import { type RetrievalRow, retrievalMeans, SYSTEMS, type System, sweepMix } from '../evaluate/retrieval.ts';
import { type CliContext, configOf } from './context.ts';
import { openData } from './eval-retrieval-data.ts';
import { collectRows } from './eval-retrieval-rows.ts';
import { addConfigFlags } from './options.ts';
import { columns, count, safe, style } from './terminal.ts';

interface Flags {
  readonly corpus?: string;
  readonly queries?: string;
  readonly qrels?: string;
  readonly relevance?: string;
  readonly excludeSource?: string;
  readonly queriesNotIn: readonly string[];
  readonly systems?: string;
  readonly top: string;
  readonly metrics: string;
  readonly mixes?: string;
  readonly limit?: string;
  readonly seed: string;
  readonly cache: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `discern eval retrieval`: how well recall, rerank and their mix find what was judged relevant. */
export function registerEvalRetrieval(group: Command, context: CliContext): void {
  const command = group
    .command('retrieval')
    .description('measure recall, rerank and their mix against judgements, with BM25 as the baseline')
    .option('--corpus <path>', 'documents as JSONL (_id, title, text), .gz or not; or the folder of a BEIR set')
    .option('--queries <file>', 'queries as JSONL (_id, text)')
    .option('--qrels <file>', 'judgements: query, document, grade; or the four columns of TREC')
    .option('--relevance <file>', 'instead of these: labelled pairs as JSONL (question, passage, label)')
    .option('--exclude-source <list>', 'sources of --relevance that are left out')
    .option('--queries-not-in <file>', 'leave out queries that are a "question" of this JSONL; repeatable', append, [])
    .option('--systems <list>', `which of ${SYSTEMS.join(', ')} (default: all, without a reranker the first two)`)
    .option('--top <integer>', 'first candidates of recall that are reranked', '20')
    .option('--metrics <list>', 'such as ndcg@10, recall@100, map', 'ndcg@10,recall@10,mrr@10,map,hit@10')
    .option('--mixes <list>', 'also the first metric for each of these shares of the reranker, as 0,0.5,1')
    .option('--limit <integer>', 'this many queries at most, drawn by the seed')
    .option('--seed <integer>', 'of the drawing and of the intervals', '0')
    .option('--cache <dir>', 'folder that keeps the vectors of passages', join(homedir(), ...VECTORS))
    .option('--out <dir>', 'write report.json, and rows.jsonl with what was found for each query')
    .option('--json', 'print the report as JSON');
  addConfigFlags(command, ['recall', 'rerank', 'embedder', 'models']);
  command.action(async (flags: Flags, self: Command) => {
    const config = configOf(self, context);
    const hasReranker = config.rerank.backend !== 'none';
    const systems = systemsOf(flags.systems, hasReranker);
    const metrics = listOf(flags.metrics);
    for (const metric of metrics) metricOf(metric);
    if (metrics.length === 0) throw new DiscernError('INPUT_INVALID', '--metrics names none');
    const mixes = sharesOf(flags.mixes);
    const rerank = systems.some((system) => system === 'rerank' || system === 'mix') || mixes.length > 0;
    if (rerank && !hasReranker)
      throw new DiscernError('CONFIG_INVALID', 'rerank and mix need a reranker, and rerank.backend is none', {
        hint: 'name one with --rerank.backend, or ask for --systems bm25,recall',
      });
    const top = wholeNumber('--top', flags.top, 1);
    const seed = wholeNumber('--seed', flags.seed, 0);
    const limit = flags.limit === undefined ? null : wholeNumber('--limit', flags.limit, 1);
    const { data, counts } = await openData({
      ...flags,
      excludeSource: listOf(flags.excludeSource ?? ''),
      limit,
      seed,
    });
    const depth = Math.max(config.recall.topK, top, ...metrics.map(cutOf));
    const recall = rerank || systems.includes('recall');
    const { rows, mix, ...asked } = await collectRows(
      data,
      config,
      { bm25: systems.includes('bm25'), recall, rerank, depth, top, cache: flags.cache },
      context,
    );
    const means = retrievalMeans(rows, { systems, metrics, mix: mix ?? 1, seed });
    const first = metrics[0]!;
    const sweep = sweepMix(rows, first, mixes, seed);
    const report = {
      ...means,
      ...(sweep.length > 0 && { mixes: sweep.map(({ mix, value, lift }) => ({ mix, [first]: value, lift })) }),
      ...asked,
      mix,
      counts,
      depth,
      top: rerank ? top : null,
      seed,
    };
    if (flags.out !== undefined) write(flags.out, report, rows);
    if (flags.json) return context.print(JSON.stringify(report, null, 2));
    context.print(
      [
        `${count(counts.passages, 'passage')}, ${counts.queries} queries (${counts.leftOut} left out, ${counts.withoutText} without text, ${counts.unknownDocuments} judged documents unknown)`,
        ...[asked.embedder, asked.reranker].flatMap((id) => (id === null ? [] : [`  ${safe(id)}`])),
        style.dim(
          `means over ${counts.queries} queries with 95% intervals; rankings ${depth} long${rerank ? `, the first ${top} reranked, mix ${mix}` : ''}`,
        ),
        ...columns([
          ['', ...metrics],
          ...systems.map((system) => [system, ...metrics.map((metric) => shown(means.systems[system]![metric]!))]),
        ]),
        ...liftLines(means.lift, metrics),
        ...(sweep.length === 0
          ? []
          : columns([
              ['mix', first, 'against recall'],
              ...sweep.map(({ mix, value, lift }) => [String(mix), shown(value), signed(lift)]),
            ])),
      ].join('\n'),
    );
  });
}

const VECTORS = ['.cache', 'discern-rag', 'vectors'];

const append = (value: string, before: readonly string[]): string[] => [...before, value];

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function systemsOf(text: string | undefined, hasReranker: boolean): System[] {
  if (text === undefined) return SYSTEMS.filter((system) => hasReranker || system === 'bm25' || system === 'recall');
  const names = listOf(text);
  const unknown = names.filter((name) => !SYSTEMS.some((system) => system === name));
  if (unknown.length > 0 || names.length === 0)
    throw new DiscernError(
      'INPUT_INVALID',
      `--systems takes some of ${SYSTEMS.join(', ')}, got "${unknown.join(', ') || text}"`,
    );
  return SYSTEMS.filter((system) => names.includes(system));
}

const sharesOf = (text = ''): number[] =>
  listOf(text).map((item) => {
    const share = Number(item);
    if (!(share >= 0 && share <= 1)) throw new DiscernError('INPUT_INVALID', `--mixes takes 0..1, got "${item}"`);
    return share;
  });

function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least)
    throw new DiscernError('INPUT_INVALID', `${flag} takes a whole number from ${least}, got "${text}"`);
  return value;
}

/** The k of `recall@k`; 0 without one. */
const cutOf = (metric: string): number => Number(metric.split('@')[1] ?? 0);

const shown = ({ mean, ci95: [low, high] }: MeanInterval): string =>
  `${mean.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;

const plus = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(3)}`;
const signed = ({ mean, ci95: [low, high] }: MeanInterval): string => `${plus(mean)} (${plus(low)} to ${plus(high)})`;

const liftLines = (lift: ReturnType<typeof retrievalMeans>['lift'], metrics: readonly string[]): string[] => {
  const rows = Object.entries(lift).map(([system, values]) => [
    `${system} - recall`,
    ...metrics.map((metric) => signed(values[metric]!)),
  ]);
  return rows.length === 0 ? [] : columns([['', ...metrics], ...rows]);
};

/** The report, and the rows without the texts: enough to compute everything again. */
function write(dir: string, report: unknown, rows: readonly RetrievalRow[]): void {
  const lines = rows.map(({ query, grades, bm25, recall, scores }) => {
    const candidates = recall.map(({ passage, recallScore }, i) => ({
      id: passage.id,
      recallScore,
      rerankScore: scores[i] ?? null,
    }));
    return `${JSON.stringify({ query, grades: Object.fromEntries(grades), bm25, candidates })}\n`;
  });
  try {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    writeFileSync(join(dir, 'rows.jsonl'), lines.join(''));
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `cannot write to ${dir}: ${messageOf(cause)}`, { cause });
  }
}
