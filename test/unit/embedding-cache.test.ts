import { describe, expect, it } from 'vitest';
import { cachedEmbedder } from '../../src/backends/embedder/cached.ts';
import type { Embedder } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';

/** A hash embedder whose calls end only when the test says so. */
function slowEmbedder() {
  const inner = hashEmbedder();
  const waiting: { texts: readonly string[]; go: () => void }[] = [];
  const embedder: Embedder = {
    ...inner,
    async embed(texts, kind, options) {
      await new Promise<void>((go, reject) => {
        waiting.push({ texts, go });
        options?.signal?.addEventListener('abort', () => reject(new DiscernError('ABORTED', 'aborted')));
      });
      return inner.embed(texts, kind, options);
    },
  };
  return { embedder, waiting };
}

describe('cachedEmbedder', () => {
  it('asks for each text once, keeps the order, and tells queries from passages', async () => {
    const inner = hashEmbedder();
    const cached = cachedEmbedder(inner, { max: 10 });
    const [a, b, again] = await cached.embed(['apple', 'pear', 'apple'], 'passage');
    expect(again).toEqual(a);
    expect(b).toEqual((await hashEmbedder().embed(['pear'], 'passage'))[0]);
    await cached.embed(['pear', 'plum', 'apple'], 'passage');
    await cached.embed(['apple'], 'query');
    expect(inner.embedded).toEqual(['apple', 'pear', 'plum', 'apple']);
  });

  it('forgets the texts that were used longest ago', async () => {
    const inner = hashEmbedder();
    const cached = cachedEmbedder(inner, { max: 2 });
    for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) await cached.embed([text], 'query');
    expect(inner.embedded).toEqual(['a', 'b', 'c', 'b']);
  });

  it('is the embedder itself when nothing is to be kept', () => {
    const inner = hashEmbedder();
    expect(cachedEmbedder(inner, { max: 0 })).toBe(inner);
  });

  it('waits for a text that another call is embedding', async () => {
    const { embedder, waiting } = slowEmbedder();
    const cached = cachedEmbedder(embedder, { max: 10 });
    const first = cached.embed(['a', 'b'], 'query');
    const second = cached.embed(['b', 'c'], 'query');
    await Promise.resolve();
    expect(waiting.map(({ texts }) => texts)).toEqual([['a', 'b'], ['c']]);
    for (const { go } of waiting) go();
    expect((await second)[0]).toEqual((await first)[1]);
  });

  it('asks again when the other call was aborted', async () => {
    const { embedder, waiting } = slowEmbedder();
    const cached = cachedEmbedder(embedder, { max: 10 });
    const controller = new AbortController();
    const first = cached.embed(['a'], 'query', { signal: controller.signal });
    const second = cached.embed(['a'], 'query');
    controller.abort();
    await expect(first).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    await expect.poll(() => waiting.length).toBe(2);
    waiting[1]!.go();
    expect(await second).toHaveLength(1);
  });

  it('lets a caller go whose signal fires while it waits for another call', async () => {
    const { embedder, waiting } = slowEmbedder();
    const cached = cachedEmbedder(embedder, { max: 10 });
    const controller = new AbortController();
    const first = cached.embed(['a'], 'query');
    const second = cached.embed(['a'], 'query', { signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    waiting[0]!.go();
    expect(await first).toHaveLength(1);
  });

  it('keeps nothing of a call that failed', async () => {
    const inner = hashEmbedder();
    let broken = true;
    const embedder: Embedder = {
      ...inner,
      embed: async (...call) => {
        if (broken) throw new DiscernError('BACKEND_FAILED', 'out of order');
        return inner.embed(...call);
      },
    };
    const cached = cachedEmbedder(embedder, { max: 10 });
    await expect(cached.embed(['a'], 'query')).rejects.toSatisfy((error) => DiscernError.is(error, 'BACKEND_FAILED'));
    broken = false;
    expect(await cached.embed(['a'], 'query')).toEqual(await inner.embed(['a'], 'query'));
  });

  it('counts known texts as done', async () => {
    const cached = cachedEmbedder(hashEmbedder(), { max: 10 });
    await cached.embed(['a', 'b'], 'query');
    const seen: number[] = [];
    await cached.embed(['a', 'c', 'b', 'd'], 'query', { onProgress: (done) => seen.push(done) });
    expect(seen).toEqual([2, 3, 4]);
  });
});
