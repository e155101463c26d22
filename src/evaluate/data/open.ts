import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { readQrels, readQuestionKeys } from '../retrieval-data.ts';
import { beirDataset, readDocuments } from './beir.ts';
import { fileOf, filesOf, packed, qrelsFile } from './beir-files.ts';
import type { Dataset, DatasetContent, GoldDocument } from './dataset.ts';
import { invalid, parsed } from './json-rows.ts';
import { readLines } from './lines.ts';
import { mergeDatasets } from './merge.ts';
import { questionsDataset } from './questions.ts';
import { rowsDataset } from './rows.ts';
import { drawn, searchedIn, withoutKeys } from './select.ts';
import { squadDataset } from './squad.ts';

export const DATASET_TYPES = ['questions', 'rows', 'squad', 'beir'] as const;
export type DatasetType = (typeof DATASET_TYPES)[number];

/** One source of questions, as an experiment file or the flags of a command name it. */
export const DatasetSource = z.strictObject({
  type: z.enum(DATASET_TYPES).meta({
    description:
      'questions: own JSONL; rows: JSONL of question, passage and answers; squad: JSON of SQuAD; beir: a folder with corpus, queries and qrels',
  }),
  path: z.string().min(1).meta({ description: 'file, .gz or not, or the folder of a set' }),
  name: z.string().min(1).optional().meta({ description: 'what it is called; without one the name of the file' }),
  limit: z.int().min(1).optional().meta({ description: 'so many questions at most, drawn by the seed' }),
  seed: z.int().min(0).default(0).meta({ description: 'of the drawing' }),
  exclude: z
    .array(z.string())
    .default([])
    .meta({ description: 'JSONL files: a question that is a "question" of one of them is left out' }),
  documents: z
    .string()
    .optional()
    .meta({ description: 'documents as JSONL (id, title, text) that are searched in place of its own' }),
  split: z.string().optional().meta({ description: 'beir: the file of judgements, such as dev; default: test' }),
});
export type DatasetSource = z.input<typeof DatasetSource>;

export interface DatasetCounts {
  /** Questions of the files. */
  readonly read: number;
  /** Left out since they stand in a file of `exclude`. */
  readonly excluded: number;
  /** Left out by the drawing. */
  readonly notDrawn: number;
  /** Of the questions that are left: those whose passage is none of the given documents. */
  readonly withoutDocument: number;
}

export interface OpenedDataset extends Dataset {
  readonly counts: DatasetCounts;
}

/** Reads a dataset, leaves questions out and draws some. Its documents stay all, so that finding is as hard as before. */
export async function openDataset(source: DatasetSource): Promise<OpenedDataset> {
  const { type, path, name, limit, seed, exclude, documents, split } = parsed(
    source,
    'the description of a dataset',
    DatasetSource,
  );
  const files: string[] = [];
  const given = documents === undefined ? null : await readDocuments(linesOf(documents, files), documents);
  const whole = await READERS[type]({ path, files, given, split: split ?? null });
  const keys = new Set<string>();
  for (const file of exclude) for (const key of await readQuestionKeys(readLines(file), file)) keys.add(key);
  const clean = withoutKeys(whole.questions, keys);
  if (clean.length === 0) throw invalid(path, `all ${whole.questions.length} questions stand in the excluded files`);
  const questions = limit === undefined ? clean : drawn(clean, limit, seed);
  return {
    name: name ?? stemOf(path),
    questions,
    documents: whole.documents,
    sha256: await hashOf(files),
    counts: {
      read: whole.questions.length,
      excluded: whole.questions.length - clean.length,
      notDrawn: clean.length - questions.length,
      withoutDocument: questions.filter(({ id }) => whole.withoutDocument.has(id)).length,
    },
  };
}

/** Reads several sources as one dataset; see `mergeDatasets` for ids. */
export async function openDatasets(sources: readonly DatasetSource[]): Promise<OpenedDataset> {
  const datasets: OpenedDataset[] = [];
  for (const source of sources) datasets.push(await openDataset(source));
  const total = (key: keyof DatasetCounts) => datasets.reduce((sum, { counts }) => sum + counts[key], 0);
  return {
    ...mergeDatasets(datasets),
    counts: {
      read: total('read'),
      excluded: total('excluded'),
      notDrawn: total('notDrawn'),
      withoutDocument: total('withoutDocument'),
    },
  };
}

interface ReaderInput {
  readonly path: string;
  /** Every file that is read is added. */
  readonly files: string[];
  readonly given: readonly GoldDocument[] | null;
  readonly split: string | null;
}

interface ReadContent extends DatasetContent {
  /** Ids of questions whose passage is not among the given documents. */
  readonly withoutDocument: ReadonlySet<string>;
}

const READERS: Readonly<Record<DatasetType, (input: ReaderInput) => Promise<ReadContent>>> = {
  async questions({ path, files, given }) {
    const isFolder = await isDirectory(path);
    const file = isFolder ? fileOf(path, packed('questions.jsonl')) : path;
    const corpus = isFolder ? packed('corpus.jsonl').find((name) => filesOf(path).includes(name)) : undefined;
    const { questions } = await questionsDataset(linesOf(file, files), file);
    const own = given === null && corpus !== undefined ? fileOf(path, [corpus]) : null;
    const documents = own === null ? given : await readDocuments(linesOf(own, files), own);
    return { questions, documents, withoutDocument: NONE };
  },
  async rows({ path, files, given }) {
    return searchedIn(await rowsDataset(linesOf(path, files), path), given, path);
  },
  async squad({ path, files, given }) {
    let text = '';
    for await (const line of linesOf(path, files)) text += `${line}\n`;
    return searchedIn(squadDataset(text, path), given, path);
  },
  async beir({ path, files, given, split }) {
    if (!(await isDirectory(path))) throw invalid(path, 'is no folder with corpus.jsonl, queries.jsonl and qrels');
    const corpus = given === null ? fileOf(path, packed('corpus.jsonl')) : null;
    const queries = fileOf(path, packed('queries.jsonl'));
    const judged = qrelsFile(path, split, 'choose one by the name of its split');
    const documents = corpus === null ? given! : await readDocuments(linesOf(corpus, files), corpus);
    const qrels = await readQrels(linesOf(judged, files), judged);
    const content = await beirDataset(documents, linesOf(queries, files), queries, qrels);
    return { ...content, withoutDocument: NONE };
  },
};

const NONE: ReadonlySet<string> = new Set();

const isDirectory = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null))?.isDirectory() ?? false;

function linesOf(path: string, files: string[]): AsyncGenerator<string> {
  files.push(path);
  return readLines(path);
}

/** `squad/dev.jsonl.gz` -> `dev`. */
const stemOf = (path: string): string =>
  basename(path)
    .replace(/\.gz$/i, '')
    .replace(/(?<=.)\.(jsonl|ndjson|json)$/i, '') || path;

/** Of one file that of its bytes; of several that of theirs, one a line. */
async function hashOf(files: readonly string[]): Promise<string> {
  const digests: string[] = [];
  for (const file of files) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
    digests.push(hash.digest('hex'));
  }
  return digests.length === 1 ? digests[0]! : createHash('sha256').update(digests.join('\n')).digest('hex');
}
