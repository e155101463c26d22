import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DiscernError } from '../errors.ts';
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
import { readLines } from './lines.ts';

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
  const files = {
    corpus: folder === null ? corpus : one(folder, ['corpus.jsonl', 'corpus.jsonl.gz']),
    queries: queries ?? one(folder, ['queries.jsonl', 'queries.jsonl.gz'], '--queries'),
    qrels: qrels ?? qrelsOf(folder),
  };
  return {
    corpus: await readCorpus(readLines(files.corpus), files.corpus),
    queries: await readQueries(readLines(files.queries), files.queries),
    qrels: await readQrels(readLines(files.qrels), files.qrels),
  };
}

/** The first of these files that the folder holds. */
function one(folder: string | null, names: readonly string[], flag?: string): string {
  if (folder === null)
    throw new DiscernError('INPUT_INVALID', `${flag} is missing: --corpus is a file, no BEIR folder`);
  const held = filesOf(folder);
  const name = names.find((name) => held.includes(name));
  if (name === undefined)
    throw new DiscernError('INPUT_INVALID', `the folder ${folder} holds no ${names.join(' or ')}`);
  return join(folder, name);
}

/** BEIR keeps one file for each split in `qrels/`: that of the test, else the only one. */
function qrelsOf(folder: string | null): string {
  if (folder === null || !filesOf(folder).includes('qrels'))
    return one(folder, ['qrels.tsv', 'qrels.tsv.gz', 'qrels.txt', 'qrels.txt.gz'], '--qrels');
  const inner = join(folder, 'qrels');
  const held = filesOf(inner).filter((name) => /\.(tsv|txt)(\.gz)?$/.test(name));
  const name = held.find((name) => /^test\./.test(name)) ?? (held.length === 1 ? held[0] : undefined);
  if (name !== undefined) return join(inner, name);
  throw new DiscernError('INPUT_INVALID', `${inner} holds ${held.join(', ') || 'no .tsv'}`, {
    hint: 'choose one with --qrels',
  });
}

const filesOf = (folder: string): string[] => readdirSync(folder).sort();
