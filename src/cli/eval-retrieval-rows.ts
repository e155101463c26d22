import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Assembly, createAssembly } from '../assembly.ts';
import type { Config } from '../config.ts';
import type { Embedder } from '../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { nearest, type RetrievalRow } from '../evaluate/retrieval.ts';
import { bm25Search } from '../evaluate/retrieval-bm25.ts';
import type { RetrievalData } from '../evaluate/retrieval-data.ts';
import { withLock } from '../models/lock.ts';
import { keptVectors } from '../presets.ts';
import { keyOf } from '../text/hash.ts';
import { passageText } from '../text/passage.ts';
import type { Passage } from '../types.ts';
import { type CliContext, ragOptions } from './context.ts';
import { type Progress, progressBar } from './terminal.ts';

type Kept = Awaited<ReturnType<typeof keptVectors>>;

/** Vectors are written after each of these, so that a killed run loses no more. */
const BATCH = 64;

export interface RowOptions {
  readonly bm25: boolean;
  readonly recall: boolean;
  readonly rerank: boolean;
  /** Length of each ranking. */
  readonly depth: number;
  /** Candidates of recall that the reranker scores. */
  readonly top: number;
  /** Folder of the vectors. */
  readonly cache: string;
}

export interface CollectedRows {
  readonly rows: readonly RetrievalRow[];
  /** Names of what was asked; null where it was not. */
  readonly embedder: string | null;
  readonly reranker: string | null;
  /** The share of the reranker's score that the config or the fit gives; null without a reranker. */
  readonly mix: number | null;
}

/** Asks the baseline and the models: one row for each judged query. */
export async function collectRows(
  data: RetrievalData,
  config: Config,
  options: RowOptions,
  context: CliContext,
): Promise<CollectedRows> {
  const bar = progressBar();
  try {
    const rows = options.bm25 ? baseline(data, options.depth, bar) : emptyRows(data);
    if (!options.recall) return { rows, embedder: null, reranker: null, mix: null };
    return await withModels(data, rows, config, options, context, bar);
  } finally {
    bar.end();
  }
}

const emptyRows = ({ qrels }: RetrievalData): RetrievalRow[] =>
  [...qrels].map(([query, grades]) => ({ query, grades, bm25: [], recall: [], scores: [] }));

function baseline(data: RetrievalData, depth: number, bar: Progress): RetrievalRow[] {
  const search = bm25Search(data.corpus);
  const rows = emptyRows(data);
  return rows.map((row, i) => {
    bar.update('BM25', i + 1, rows.length);
    return { ...row, bm25: search(data.queries.get(row.query) ?? '', depth) };
  });
}

async function withModels(
  data: RetrievalData,
  rows: readonly RetrievalRow[],
  config: Config,
  options: RowOptions,
  context: CliContext,
  bar: Progress,
): Promise<CollectedRows> {
  const { signal } = context;
  const { endProgress, ...shared } = ragOptions(config, context);
  const models = createAssembly(config, shared);
  let embedder: Kept | null = null;
  let assembly: Assembly | null = null;
  try {
    embedder = await openVectors(await models.embedder(), options.cache, signal);
    assembly = createAssembly(config, { ...shared, parts: { embedder } });
    const { parts, config: resolved } = await assembly.partsFor(searchOnly(config, options.rerank));
    const { reranker } = parts;
    const vectors = await corpusVectors(data.corpus, embedder, signal, bar);
    const asked = rows.filter(({ query }) => data.queries.has(query));
    const questions = asked.map(({ query }) => data.queries.get(query)!);
    const queries = await embedder.embed(questions, 'query', { signal });
    const found = new Map(rows.map((row) => [row.query, row]));
    for (const [i, row] of asked.entries()) {
      throwIfAborted(signal);
      const recall = nearest(queries[i]!, data.corpus, vectors, options.depth);
      const scores = (await reranker?.score(questions[i]!, recall.slice(0, options.top), { signal })) ?? [];
      found.set(row.query, { ...row, recall, scores });
      bar.update(reranker === null ? 'searching' : 'reranking', i + 1, asked.length);
    }
    return {
      rows: [...found.values()],
      embedder: embedder.id,
      reranker: reranker?.id ?? null,
      mix: resolved.rerank.mix,
    };
  } finally {
    endProgress();
    await assembly?.close();
    await embedder?.close();
    await models.close();
  }
}

async function corpusVectors(
  corpus: readonly Passage[],
  embedder: Kept,
  signal: AbortSignal,
  bar: Progress,
): Promise<Float32Array[]> {
  const texts = corpus.map(passageText);
  const vectors: Float32Array[] = [];
  for (let at = 0; at < texts.length; at += BATCH) {
    vectors.push(...(await embedder.embed(texts.slice(at, at + BATCH), 'passage', { signal })));
    bar.update('embedding the corpus', vectors.length, texts.length);
  }
  return vectors;
}

/** The embedder with the vectors of passages kept in the folder, in one file for each model. */
async function openVectors(embedder: Embedder, folder: string, signal: AbortSignal): Promise<Kept> {
  const fingerprint = await embedder.fingerprint();
  const name = `${basename(fingerprint.model)}-${keyOf(fingerprint).slice(0, 12)}.vectors`;
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new DiscernError('INPUT_INVALID', `the folder ${folder} cannot be made: ${messageOf(cause)}`, { cause });
  });
  const kept = await keptVectors(embedder, join(folder, name));
  // Another process may be making the same file: one after the other opens it.
  await withLock(folder, { signal }, () => kept.embed([], 'passage', { signal }));
  return kept;
}

/** Of all the parts only those that rank. */
const searchOnly = (config: Config, rerank: boolean): Config => ({
  ...config,
  retrieve: { ...config.retrieve, mode: 'always' },
  rerank: { ...config.rerank, ...(!rerank && { backend: 'none' }) },
  critics: { ...config.critics, retrieve: null, isRel: null, isSup: null, isUse: null },
  generate: { ...config.generate, withContext: null, closedBook: null },
  isRel: { ...config.isRel, whenNoEvidence: 'unanswered' },
});
