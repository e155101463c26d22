import type { CallOptions, Embedder, PassageIndex, Splitter } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { type IngestProgress, ingestDocuments } from '../../stages/ingest.ts';
import { keyOf } from '../../text/hash.ts';
import type { Dataset } from '../data/dataset.ts';
import type { System } from './schema.ts';

export interface IngestDatasetOptions extends CallOptions {
  readonly splitter: Splitter;
  readonly embedder: Embedder;
  readonly index: PassageIndex;
  readonly onProgress?: (progress: IngestProgress) => void;
}

/** Brings the documents of a dataset into an index, under their own ids; what is there already is left alone. */
export async function ingestDataset({ name, documents }: Dataset, options: IngestDatasetOptions): Promise<void> {
  const texts = (documents ?? []).filter(({ text }) => text.trim() !== '');
  if (texts.length === 0) throw new DiscernError('INPUT_INVALID', `dataset: ${name} brings no document with a text`);
  await ingestDocuments({ ...options, documents: texts });
}

/** Configs for which this is the same read documents into vectors the same way: they share one index, and one set of models. */
export const indexGroup = ({ config: { models, ingest, embedder, index } }: System): string =>
  keyOf({ models, ingest, embedder, index }).slice(0, 12);
