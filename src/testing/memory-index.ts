import type { IndexChange, MetadataFilter, PassageIndex, SourceRecord } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';
import type { Passage } from '../types.ts';

interface Entry {
  readonly source: string;
  readonly passage: Passage;
  readonly vector: Float32Array;
  readonly tokens: { readonly tokenizer: string; readonly ids: Uint16Array } | null;
}

export interface MemoryIndexOptions {
  readonly dimensions: number;
  readonly fingerprint?: Readonly<Record<string, string | number>>;
}

/** The plainest index there is: a list, compared with every question. For tests of what stands on an index. */
export function memoryIndex({ dimensions, fingerprint = { model: 'memory' } }: MemoryIndexOptions): PassageIndex {
  let entries: Entry[] = [];
  const sources = new Map<string, SourceRecord>();
  let closed = false;

  const ready = (signal?: AbortSignal) => {
    if (closed) throw new DiscernError('BACKEND_CLOSED', 'the index was closed');
    throwIfAborted(signal);
  };
  const invalid = (message: string) => new DiscernError('INPUT_INVALID', message);
  const checkVector = (vector: Float32Array) => {
    if (vector.length !== dimensions)
      throw invalid(`a vector has ${vector.length} dimensions, the index has ${dimensions}`);
    if (!(Math.abs(dot(vector, vector) - 1) < 0.02)) throw invalid('a vector has not the length 1');
  };

  return {
    id: 'memory@1',
    async info() {
      ready();
      const note = `exact: ${entries.length} passages in memory`;
      return {
        passages: entries.length,
        sources: sources.size,
        dimensions,
        fingerprint,
        search: 'exact',
        ef: null,
        note,
      };
    },
    async search(vector, k, { signal, filter = {} } = {}) {
      ready(signal);
      checkVector(vector);
      if (!Number.isInteger(k) || k < 1) throw invalid(`k must be a whole number from 1, not ${k}`);
      return entries
        .filter(({ passage }) => matches(passage, filter))
        .map(({ passage, vector: stored }) => ({
          id: passage.id,
          score: Math.max(-1, Math.min(1, dot(stored, vector))),
        }))
        .sort((a, b) => b.score - a.score)
        .slice(0, k);
    },
    async passages(ids) {
      ready();
      return ids.map((id) => {
        const found = entries.find(({ passage }) => passage.id === id);
        if (found === undefined) throw invalid(`the index has no passage "${id}"`);
        return found.passage;
      });
    },
    async vectors(ids) {
      ready();
      return ids.map((id) => entries.find(({ passage }) => passage.id === id)?.vector.slice() ?? null);
    },
    async tokens(ids, tokenizer) {
      ready();
      return ids.map((id) => {
        const tokens = entries.find(({ passage }) => passage.id === id)?.tokens ?? null;
        return tokens?.tokenizer === tokenizer ? tokens.ids.slice() : null;
      });
    },
    async sources() {
      ready();
      return new Map(sources);
    },
    async apply(change: IndexChange, { signal } = {}) {
      ready(signal);
      const kept = entries.filter(({ source }) => !change.remove.includes(source));
      const keys = new Set([...sources.keys()].filter((key) => !change.remove.includes(key)));
      const ids = new Set(kept.map(({ passage }) => passage.id));
      for (const { source, passages, vectors, tokens } of change.add) {
        if (keys.has(source.key)) throw invalid(`source "${source.key}" is in the index already`);
        keys.add(source.key);
        if (passages.length !== vectors.length || passages.length !== source.passages)
          throw invalid(`source "${source.key}" has ${passages.length} passages and ${vectors.length} vectors`);
        if (tokens && tokens.ids.length !== passages.length)
          throw invalid(`source "${source.key}" has ${passages.length} passages and token ids of ${tokens.ids.length}`);
        for (const [i, passage] of passages.entries()) {
          checkVector(vectors[i]!);
          if (ids.has(passage.id)) throw invalid(`passage id "${passage.id}" is taken`);
          ids.add(passage.id);
          const own = tokens ? { tokenizer: tokens.tokenizer, ids: tokens.ids[i]!.slice() } : null;
          kept.push({ source: source.key, passage, vector: vectors[i]!.slice(), tokens: own });
        }
      }
      entries = kept;
      for (const key of change.remove) sources.delete(key);
      for (const { source } of change.add) sources.set(source.key, source);
    },
    async close() {
      closed = true;
    },
  };
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

function matches({ docId, metadata }: Passage, filter: MetadataFilter): boolean {
  return Object.entries(filter).every(([key, wanted]) => {
    const value = key === 'docId' ? docId : Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    return value !== undefined && (Array.isArray(wanted) ? wanted : [wanted]).includes(value);
  });
}
