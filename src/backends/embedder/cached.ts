import { LRUCache } from 'lru-cache';
import type { Embedder } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';

export interface CacheOptions {
  /** Vectors kept; 0 = no cache. */
  readonly max: number;
}

/** Remembers the vectors of recent texts. A text that another call is just embedding is not embedded twice. */
export function cachedEmbedder(embedder: Embedder, { max }: CacheOptions): Embedder {
  if (max === 0) return embedder;
  const cache = new LRUCache<string, Float32Array>({ max });
  const underway = new Map<string, Promise<Float32Array>>();
  let closed = false;

  const embed: Embedder['embed'] = async (texts, kind, { signal, onProgress } = {}) => {
    if (closed) throw new DiscernError('BACKEND_CLOSED', `the embedder ${embedder.id} is closed`);
    throwIfAborted(signal);
    const keyOf = (text: string) => `${kind}\n${text}`;
    const found = new Map<string, Float32Array>();
    const missing: string[] = [];
    const elsewhere: string[] = [];
    for (const text of new Set(texts)) {
      const known = cache.get(keyOf(text));
      if (known) found.set(text, known);
      else (underway.has(keyOf(text)) ? elsewhere : missing).push(text);
    }
    const known = texts.length - missing.length - elsewhere.length;
    if (known > 0) onProgress?.(known);

    const others = elsewhere.map((text) => underway.get(keyOf(text))!);
    const mine =
      missing.length > 0
        ? embedder.embed(missing, kind, { signal, onProgress: (done) => onProgress?.(known + done) })
        : Promise.resolve([]);
    missing.forEach((text, i) => {
      const one = mine.then((vectors) => vectors[i]!);
      one.catch(() => {}); // whoever waits for it sees the error; nobody may be waiting
      underway.set(keyOf(text), one);
    });
    try {
      const vectors = await mine;
      vectors.forEach((vector, i) => {
        found.set(missing[i]!, vector);
        cache.set(keyOf(missing[i]!), vector);
      });
    } finally {
      for (const text of missing) underway.delete(keyOf(text));
    }

    const left: string[] = [];
    const results = await Promise.allSettled(others.map((one) => orAborted(one, signal)));
    results.forEach((result, i) => {
      if (result.status === 'fulfilled') found.set(elsewhere[i]!, result.value);
      else left.push(elsewhere[i]!);
    });
    throwIfAborted(signal);
    // The other call was aborted or failed: that is its own affair, so ask again.
    if (left.length > 0)
      (await embed(left, kind, { signal })).forEach((vector, i) => {
        found.set(left[i]!, vector);
      });
    if (elsewhere.length > 0) onProgress?.(texts.length);
    return texts.map((text) => found.get(text)!.slice()); // a copy: a caller may transfer or change its vectors
  };

  return {
    get id() {
      return embedder.id; // it may know its runtime only later
    },
    fingerprint: () => embedder.fingerprint(),
    embed,
    tokens: async (texts, options) => (await embedder.tokens?.(texts, options)) ?? null,
    notice: async () => (await embedder.notice?.()) ?? null,
    async close() {
      closed = true;
      cache.clear();
      await embedder.close();
    },
  };
}

/** Waits, but no longer than until the signal fires. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let abort = () => {};
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        abort = () => reject(new DiscernError('ABORTED', 'the call was aborted', { cause: signal.reason }));
        signal.addEventListener('abort', abort, { once: true });
        if (signal.aborted) abort();
      }),
    ]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
