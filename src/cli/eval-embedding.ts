import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { createAssembly } from '../assembly.ts';
import type { Config } from '../config.ts';
import type { Embedder } from '../contracts.ts';
import { DiscernError, messageOf } from '../errors.ts';
import { readLines } from '../evaluate/data/lines.ts';
import { type LabelledText, readClusterSets, readLabelled, readSts } from '../evaluate/data/mteb.ts';
import { evaluateClustering } from '../evaluate/embedding/clustering.ts';
import { evaluateProbe } from '../evaluate/embedding/probe.ts';
import { evaluateSts } from '../evaluate/embedding/sts.ts';
import { type CliContext, configOf, ragOptions } from './context.ts';
import { type EmbeddingReport, embeddingLines } from './eval-embedding-lines.ts';
import { wholeNumber } from './eval-rows.ts';
import { addConfigFlags } from './options.ts';
import { progressBar, safe } from './terminal.ts';

export const TASKS = ['sts', 'clustering', 'probe'] as const;
export type EmbeddingTask = (typeof TASKS)[number];

interface Flags {
  readonly task: string;
  readonly train?: readonly string[];
  readonly seed: string;
  readonly restarts: string;
  readonly c: string;
  readonly json?: string | true;
}

const FILES_HELP = `
A file has JSON lines, .gz or not; "lang" and "domain" of a row are optional, and each is measured alone too:
  sts         sentence1, sentence2, score          how far cosines go with the scores: Pearson, Spearman
  clustering  sentences [...], labels [...]        k-means with as many clusters as a set has labels; a set on each
              or text, label                       line, or all lines of a file as one set
  probe       text, label                          logistic regression on the vectors of --train: accuracy, macro F1`;

/** The embedder of a config, and what has to be closed afterwards. */
export interface OpenedEmbedder {
  readonly embedder: Embedder;
  close(): Promise<void>;
}

async function openEmbedder(config: Config, context: CliContext): Promise<OpenedEmbedder> {
  const { endProgress, ...options } = ragOptions(config, context);
  const assembly = createAssembly(config, options);
  const close = async () => {
    endProgress();
    await assembly.close();
  };
  try {
    const embedder = await assembly.embedder();
    await assembly.tellNotice();
    return { embedder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Adds `discern eval embedding`: what vectors are worth beyond retrieval. */
export function registerEvalEmbedding(group: Command, context: CliContext, open = openEmbedder): void {
  const command = group
    .command('embedding')
    .description('measure the embedder on similarity, clusters or classes of your texts, per language and domain')
    .argument('<files...>', 'labelled texts as JSONL, .gz or not')
    .requiredOption('--task <name>', `one of ${TASKS.join(', ')}`)
    .option('--train <file...>', 'probe: the rows that it is fitted on')
    .option('--seed <integer>', 'of clusters and of intervals', '0')
    .option('--restarts <integer>', 'clustering: how often k-means starts anew; the tightest clusters count', '5')
    .option('--c <number>', 'probe: inverse strength of the penalty, as C of scikit-learn', '1')
    .option('--json [file]', 'print the report as JSON, or write it to the file')
    .addHelpText('after', FILES_HELP);
  addConfigFlags(command, ['embedder', 'models']);
  command.action(async (files: string[], flags: Flags, self: Command) => {
    const config = configOf(self, context);
    const data = await readTask(flags, files);
    const opened = await open(config, context);
    try {
      const vectorOf = await embedAll(data.texts, opened.embedder, context.signal);
      const report: EmbeddingReport = {
        ...{ task: data.task, embedder: opened.embedder.id, texts: data.texts.size, seed: data.seed, files },
        ...data.measure(vectorOf),
      };
      const text = JSON.stringify(report, null, 2);
      if (typeof flags.json === 'string') write(flags.json, text);
      context.print(flags.json === true ? text : embeddingLines(report).join('\n'));
    } finally {
      await opened.close();
    }
  });
}

type Vectors = (text: string) => Float32Array;

interface TaskData {
  readonly task: EmbeddingTask;
  readonly seed: number;
  /** Each text once. */
  readonly texts: ReadonlySet<string>;
  readonly measure: (vectorOf: Vectors) => Pick<EmbeddingReport, 'overall' | 'byLang' | 'byDomain' | 'probe'>;
}

/** Reads all files and checks all flags before anything is embedded. */
async function readTask(flags: Flags, files: readonly string[]): Promise<TaskData> {
  const task = TASKS.find((name) => name === flags.task);
  if (task === undefined)
    throw new DiscernError('INPUT_INVALID', `--task takes one of ${TASKS.join(', ')}, got "${flags.task}"`);
  const seed = wholeNumber('seed', flags.seed);
  const restarts = wholeNumber('restarts', flags.restarts);
  const c = Number(flags.c);
  if (restarts < 1) throw new DiscernError('INPUT_INVALID', `--restarts must be at least 1, got ${restarts}`);
  if (!(c > 0 && c < Number.POSITIVE_INFINITY))
    throw new DiscernError('INPUT_INVALID', `--c takes a number above 0, got "${flags.c}"`);
  const { train: trainFiles = [] } = flags;
  if ((task === 'probe') !== trainFiles.length > 0)
    throw new DiscernError('INPUT_INVALID', `--train ${task === 'probe' ? 'is missing' : 'belongs to --task probe'}`, {
      hint: 'a probe is fitted on the rows of --train and measured on those of the other files',
    });
  if (task === 'sts') {
    const rows = await readAll(files, readSts);
    return {
      ...{ task, seed },
      texts: new Set(rows.flatMap(({ sentence1, sentence2 }) => [sentence1, sentence2])),
      measure: (vectorOf) => {
        const pairs = rows.map(({ sentence1, sentence2, ...row }) => ({
          ...row,
          ...{ first: vectorOf(sentence1), second: vectorOf(sentence2) },
        }));
        return evaluateSts(pairs, seed);
      },
    };
  }
  if (task === 'clustering') {
    const sets = await readAll(files, readClusterSets);
    return {
      ...{ task, seed, texts: textsOf(sets.flat()) },
      measure: (vectorOf) => evaluateClustering(sets.map(withVectors(vectorOf)), { seed, restarts }),
    };
  }
  const [train, test] = [await readAll(trainFiles, readLabelled), await readAll(files, readLabelled)];
  return {
    ...{ task, seed, texts: textsOf([...train, ...test]) },
    measure: (vectorOf) => {
      const vectors = withVectors(vectorOf);
      const { overall, byLang, byDomain, ...probe } = evaluateProbe(vectors(train), vectors(test), { seed, c });
      return { overall, byLang, byDomain, probe: { ...probe, c } };
    },
  };
}

async function readAll<T>(
  paths: readonly string[],
  read: (lines: AsyncIterable<string>, name: string) => Promise<T[]>,
): Promise<T[]> {
  const rows: T[][] = [];
  for (const path of paths) rows.push(await read(readLines(path), path));
  return rows.flat();
}

const textsOf = (rows: readonly LabelledText[]): Set<string> => new Set(rows.map(({ text }) => text));
const withVectors = (vectorOf: Vectors) => (rows: readonly LabelledText[]) =>
  rows.map(({ text, ...row }) => ({ ...row, vector: vectorOf(text) }));

async function embedAll(texts: ReadonlySet<string>, embedder: Embedder, signal: AbortSignal): Promise<Vectors> {
  const bar = progressBar();
  try {
    const all = [...texts];
    const vectors = await embedder.embed(all, 'passage', {
      signal,
      onProgress: (done) => bar.update(`embedding texts with ${safe(embedder.id)}`, done, all.length),
    });
    const byText = new Map(all.map((text, i) => [text, vectors[i]!]));
    return (text) => byText.get(text)!;
  } finally {
    bar.end();
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, `${text}\n`);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  }
}
