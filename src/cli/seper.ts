import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { askSeper, type SeperFacts } from '../evaluate/seper/collect.ts';
import { rowKey } from '../evaluate/seper/records.ts';
import type { SeperRow } from '../evaluate/seper/rows.ts';
import { thresholdConfig } from '../evaluate/seper/thresholds.ts';
import { reportSeper } from '../evaluate/seper.ts';
import { keyOf } from '../text/hash.ts';
import { type CliContext, configOf } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { addConfigFlags } from './options.ts';
import { drawRows, labelsOf, readSeperRows } from './seper-data.ts';
import { seperLines } from './seper-lines.ts';
import { openSeperParts } from './seper-parts.ts';
import { openRecords } from './seper-records.ts';
import { progressBar } from './terminal.ts';

interface Flags {
  readonly data: string;
  readonly index?: string;
  readonly k?: string;
  readonly label?: string;
  readonly perPassage?: boolean;
  readonly thresholds?: boolean;
  readonly configOut?: string;
  readonly rows?: string;
  readonly seed: string;
  readonly out?: string;
  readonly json?: boolean;
}

const HELP = `
A row is a line of JSON:
  question, answers                    the references; always
  passage, or passages                 the context, unless --index finds one
  samples_with, samples_without        instead of a model: lists of [answer, [log-probability of each token]]
  utility, or any field for --label    what the measures are compared with`;

/** Adds `discern seper`: how much of a model's belief a context moves onto the right answer. */
export function registerSeper(program: Command, context: CliContext, open = openSeperParts): void {
  const command = program
    .command('seper')
    .description('measure what contexts are worth, by answers sampled with and without them (SePer); needs references')
    .requiredOption('--data <file>', 'rows as JSONL, .gz or not; a name that ends in .json is one JSON value')
    .option('--index <dir>', 'find the context of each question in this index, as `discern ask` does')
    .option('--k <list>', 'answers sampled of each condition; of several numbers, as 3,5,10, the largest is drawn')
    .option('--label <field>', 'compare the measures with this field; FIELD=VALUE: with whether it has this value')
    .option('--per-passage', 'also the utility of each passage, by leaving it out; negative ones are alerts')
    .option('--thresholds', 'also the thresholds for relevance and refusal that these questions speak for')
    .option('--config-out <file>', 'write those thresholds as a config file')
    .option('--rows <integer>', 'this many rows at most, drawn by the seed')
    .option('--seed <integer>', 'of the drawing and of intervals', '0')
    .option('--out <file>', 'keep what the models said, a JSON line a row; started again, it goes on where it stopped')
    .option('--json', 'print the figures as JSON, with those of each row')
    .addHelpText('after', HELP);
  addConfigFlags(command, ['gate', 'generate', 'recall', 'rerank', 'critics', 'isRel', 'embedder', 'index', 'models']);
  command.action((flags: Flags, self: Command) => run(flags, configOf(self, context), context, open));
}

async function run(flags: Flags, given: Config, context: CliContext, open: typeof openSeperParts): Promise<void> {
  const { print, note, signal } = context;
  const seed = wholeNumber('seed', flags.seed);
  const ks = countsOf(flags.k);
  const thresholds = flags.thresholds === true || flags.configOut !== undefined;
  const index = flags.index === undefined ? null : resolve(flags.index);
  // A threshold is chosen among contexts that no threshold has sorted out.
  const config = thresholds && index !== null ? { ...given, isRel: { ...given.isRel, threshold: 0 } } : given;
  const all = await readSeperRows(flags.data);
  const rows = flags.rows === undefined ? all : drawRows(all, wholeNumber('rows', flags.rows), seed);
  checkContexts(rows, index);
  const labels = labelsOf(rows, flags.label);
  const wanted: Wanted = {
    samples: Math.max(...(ks.length > 0 ? ks : [config.gate.samples])),
    perPassage: flags.perPassage === true,
    scores: thresholds,
  };
  const facts = await ask(rows, config, wanted, { index, out: flags.out ?? null }, context, open);
  const { report, figures } = reportSeper(facts, { ks, seed, label: labels, thresholds });
  if (report.k > 0 && report.k < wanted.samples && ks.length > 0)
    note(`no row has ${wanted.samples} samples of each condition; measured with ${report.k}`);
  throwIfAborted(signal);
  if (report.thresholds !== null && flags.configOut !== undefined)
    writeJson(flags.configOut, thresholdConfig(report.thresholds));
  if (flags.json) {
    const rowFigures = figures.map((one, i) => ({ id: rows[i]!.id, ...one }));
    print(JSON.stringify({ ...report, figures: rowFigures }, null, 2));
  } else print(seperLines(report, facts, figures).join('\n'));
}

interface Wanted {
  readonly samples: number;
  readonly perPassage: boolean;
  readonly scores: boolean;
}

/** The facts of each row: those that the file of `--out` holds, and the others from the models. */
async function ask(
  rows: readonly SeperRow[],
  config: Config,
  wanted: Wanted,
  { index, out }: { readonly index: string | null; readonly out: string | null },
  context: CliContext,
  open: typeof openSeperParts,
): Promise<SeperFacts[]> {
  const { signal, note } = context;
  const records = await openRecords(out, settingsOf(config, index));
  const bar = progressBar();
  try {
    const keys = rows.map(rowKey);
    for (const [i, row] of rows.entries()) checkRecord(row, records.done.get(keys[i]!), wanted, out);
    const pending = rows.filter((_, i) => !records.done.has(keys[i]!));
    if (pending.length < rows.length) note(`${rows.length - pending.length} of ${rows.length} rows done before`);
    const needs = { sampler: pending.some(({ samples }) => samples === null), scores: wanted.scores, index };
    const opened = pending.length === 0 ? null : await open(config, needs, context);
    try {
      for (const [i, row] of rows.entries()) {
        throwIfAborted(signal);
        if (opened !== null && !records.done.has(keys[i]!))
          await records.keep(
            keys[i]!,
            await askSeper(row, opened.parts, { ...wanted, config: opened.config }, { signal }),
          );
        bar.update('questions', i + 1, rows.length);
      }
    } finally {
      await opened?.close();
    }
    return rows.map(({ id, published }, i) => ({ ...records.done.get(keys[i]!)!, id, published }));
  } finally {
    bar.end();
    await records.close();
  }
}

/** A kept record serves only where it holds all that is asked for now. */
function checkRecord(
  row: SeperRow,
  facts: SeperFacts | undefined,
  { samples, perPassage, scores }: Wanted,
  out: string | null,
): void {
  if (facts === undefined || facts.by === null) return;
  const has = row.samples === null ? (facts.samples.with ?? []).length : samples;
  const scored = facts.passages.some(({ isRel, rerank }) => isRel !== null || rerank !== null);
  const lacks =
    has < samples
      ? `${has} samples of each condition, and ${samples} are asked for`
      : perPassage && row.samples === null && facts.samples.rests === null
        ? 'no samples for --per-passage'
        : scores && facts.passages.length > 0 && !scored
          ? 'no scores for --thresholds'
          : null;
  if (lacks !== null)
    throw new DiscernError('INPUT_INVALID', `${out} has ${lacks}`, { hint: 'give another file with --out' });
}

function checkContexts(rows: readonly SeperRow[], index: string | null): void {
  const [first] = rows;
  if (first === undefined) throw new DiscernError('INPUT_INVALID', 'no row is left');
  if (index === null && rows.every(({ samples, passages }) => samples === null && passages.length === 0))
    throw new DiscernError('INPUT_INVALID', `${first.place}: neither a passage nor samples, and so in every row`, {
      hint: 'give --index DIR, or rows with a passage',
    });
}

/** What the facts follow from, besides the row. It holds no path: only a hash of it. */
function settingsOf(config: Config, index: string | null): string {
  const { gate, generate, critics, rerank, recall, isRel, embedder } = config;
  const { withContext, closedBook, model, serverModel, baseUrl, seed } = generate;
  const { temperature, answerTokens, maxTokens, entailment, equivalence } = gate;
  return keyOf({
    ...{ withContext, closedBook, model, serverModel, baseUrl, seed },
    ...{ temperature, answerTokens, maxTokens, entailment, equivalence },
    ...{ isRelCritic: critics.isRel, criticModel: critics.model, reranker: [rerank.backend, rerank.model] },
    search: index && { index, recall, rerank, threshold: isRel.threshold, embedder: embedder.model },
  });
}

/** The most that `gate.samples` takes. */
const MOST = 200;

function countsOf(text: string | undefined): number[] {
  if (text === undefined) return [];
  const counts = text.split(',').map((item) => wholeNumber('k', item));
  if (counts.every((k) => k >= 1 && k <= MOST)) return counts;
  throw new DiscernError('INPUT_INVALID', `--k takes numbers from 1 to ${MOST}, got "${text}"`);
}

function writeJson(path: string, value: unknown): void {
  try {
    writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
