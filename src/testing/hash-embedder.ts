import type { Embedder } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';

export interface HashEmbedderOptions {
  readonly dimensions: number;
}

/** An embedder without a model: every word adds to one dimension. Texts that share words are similar. */
export function hashEmbedder(
  { dimensions }: HashEmbedderOptions = { dimensions: 64 },
): Embedder & { readonly embedded: string[] } {
  const id = `hash-${dimensions}@1`;
  const embedded: string[] = [];
  let closed = false;
  return {
    id,
    /** Every text that was embedded, in order, for tests that count. */
    embedded,
    fingerprint: async () => ({
      model: id,
      sha256: '0'.repeat(64),
      dimensions,
      pooling: 'sum',
      queryPrefix: '',
      passagePrefix: '',
    }),
    async embed(texts, _kind, { signal, onProgress } = {}) {
      throwIfAborted(signal);
      if (closed) throw new DiscernError('BACKEND_CLOSED', `${id} is closed`);
      const vectors: Float32Array[] = [];
      for (const text of texts) {
        throwIfAborted(signal);
        embedded.push(text);
        vectors.push(hashVector(text, dimensions));
        onProgress?.(vectors.length);
      }
      return vectors;
    },
    /** Every word is one token. */
    async tokens(texts, { signal } = {}) {
      throwIfAborted(signal);
      if (closed) throw new DiscernError('BACKEND_CLOSED', `${id} is closed`);
      const ids = (text: string) => Uint16Array.from(wordsOf(text), (word) => fnv(word) & 0xffff);
      return { tokenizer: 'words@1', ids: texts.map((text) => ids(text).slice(0, 4096)) };
    },
    async close() {
      closed = true;
    },
  };
}

const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [''];

function hashVector(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of wordsOf(text)) {
    const hash = fnv(word);
    vector[hash % dimensions]! += hash & 0x10000 ? 1 : -1;
  }
  const length = Math.hypot(...vector);
  if (length === 0) vector[0] = 1;
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** FNV-1a, 32 bits. */
function fnv(word: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(word)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
