import { statSync } from 'node:fs';
import { DiscernError } from '../errors.ts';
import { fileOf, packed, qrelsFile } from '../evaluate/data/beir-files.ts';
import { readLines } from '../evaluate/data/lines.ts';
import {
  type RetrievalData,
  readCorpus,
  readQrels,
  readQueries,
  readQuestionKeys,
  readRelevance,
  sampleQueries,
  withoutQuestions,
} from '../evaluate/retrieval-data.ts';

export interface DataFlags {
  readonly corpus?: string;
  readonly queries?: string;
  readonly qrels?: string;
  readonly relevance?: string;
  readonly excludeSource: readonly string[];
  readonly queriesNotIn: readonly string[];
  readonly limit: number | null;
  readonly seed: number;
}

export interface OpenedData {
  readonly data: RetrievalData;
  readonly counts: {
    readonly passages: number;
    /** Judged queries that the means are over. */
    readonly queries: number;
    /** Queries whose text stands in a file of `--queries-not-in`: taken out. */
    readonly leftOut: number;
    /** Judged queries without a text: each counts 0. */
    readonly withoutText: number;
    /** Judged documents that the corpus lacks: nothing can find them. */
    readonly unknownDocuments: number;
  };
}

/** Reads what the flags name, leaves out and samples queries. */
export async function openData(flags: DataFlags): Promise<OpenedData> {
  const whole = flags.relevance === undefined ? await collection(flags) : await pool(flags.relevance, flags);
  const keys = new Set<string>();
  for (const path of flags.queriesNotIn) for (const key of await readQuestionKeys(readLines(path), path)) keys.add(key);
  const clean = withoutQuestions(whole, keys);
  if (clean.qrels.size === 0)
    throw new DiscernError('INPUT_INVALID', `all ${whole.qrels.size} queries are left out`, {
      hint: 'their texts stand in the files of --queries-not-in',
    });
  const data = flags.limit === null ? clean : sampleQueries(clean, flags.limit, flags.seed);
  const ids = new Set(data.corpus.map(({ id }) => id));
  const judged = [...data.qrels.values()].flatMap((grades) => [...grades.keys()]);
  const unknownDocuments = judged.filter((id) => !ids.has(id)).length;
  const withoutText = [...data.qrels.keys()].filter((id) => !data.queries.has(id)).length;
  if (unknownDocuments === judged.length) throw mismatch('judged documents is in the corpus');
  if (withoutText === data.qrels.size) throw mismatch('judged queries has a text');
  return {
    data,
    counts: {
      passages: data.corpus.length,
      queries: data.qrels.size,
      leftOut: whole.qrels.size - clean.qrels.size,
      withoutText,
      unknownDocuments,
    },
  };
}

const mismatch = (what: string) =>
  new DiscernError('INPUT_INVALID', `none of the ${what}`, {
    hint: 'look whether --corpus, --queries and --qrels belong together',
  });

async function pool(path: string, { corpus, excludeSource }: DataFlags): Promise<RetrievalData> {
  if (corpus !== undefined) throw new DiscernError('INPUT_INVALID', 'give either --corpus or --relevance, not both');
  return readRelevance(readLines(path), path, excludeSource);
}

async function collection({ corpus, queries, qrels }: DataFlags): Promise<RetrievalData> {
  if (corpus === undefined)
    throw new DiscernError('INPUT_INVALID', 'nothing to search in', {
      hint: 'give --corpus, --queries and --qrels; or --corpus FOLDER of a BEIR set; or --relevance FILE',
    });
  const folder = statSync(corpus, { throwIfNoEntry: false })?.isDirectory() ? corpus : null;
  const inFolder = (flag: string, find: (folder: string) => string): string => {
    if (folder === null)
      throw new DiscernError('INPUT_INVALID', `${flag} is missing: --corpus is a file, no BEIR folder`);
    return find(folder);
  };
  const files = {
    corpus: folder === null ? corpus : fileOf(folder, packed('corpus.jsonl')),
    queries: queries ?? inFolder('--queries', (of) => fileOf(of, packed('queries.jsonl'))),
    qrels: qrels ?? inFolder('--qrels', (of) => qrelsFile(of, null, 'choose one with --qrels')),
  };
  return {
    corpus: await readCorpus(readLines(files.corpus), files.corpus),
    queries: await readQueries(readLines(files.queries), files.queries),
    qrels: await readQrels(readLines(files.qrels), files.qrels),
  };
}
