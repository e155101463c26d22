import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cachedVectors } from '../../src/backends/embedder/vector-cache.ts';
import { describeEmbedder } from '../../src/testing/describe-embedder.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';

const RECORD = 16 + 4 * 64;
describeEmbedder('hash', () => hashEmbedder({ dimensions: 256 }));
describeEmbedder('hash behind a vector cache', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'discern-cache-'));
  return cachedVectors({ file: join(folder, 'vectors.bin') }, hashEmbedder({ dimensions: 256 }));
});

let file: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'discern-cache-'));
  file = join(folder, 'sub', 'vectors.bin');
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

/** Embeds in a process of its own, as far as the cache can tell, and gives the texts that reached the model. */
async function embedded(texts: readonly string[]): Promise<string[]> {
  const inner = hashEmbedder();
  const cache = cachedVectors({ file }, inner);
  const vectors = await cache.embed(texts, 'passage');
  await cache.close();
  expect(vectors).toEqual(await hashEmbedder().embed(texts, 'passage'));
  return inner.embedded;
}

test('what was embedded once is not embedded again, also in one call', async () => {
  expect(await embedded(['one', 'two', 'one'])).toEqual(['one', 'two']);
  expect(await embedded(['two', 'three', 'one'])).toEqual(['three']);
  expect(await embedded([])).toEqual([]);
});

test('a tail that a kill has cut is dropped, wherever it was cut', async () => {
  for (const cut of [1, 15, 16, 17, RECORD - 1]) {
    await rm(file, { force: true });
    await embedded(['one', 'two']);
    await truncate(file, (await stat(file)).size - cut);
    expect(await embedded(['one', 'two'])).toEqual(['two']);
    expect(await embedded(['one', 'two', 'three'])).toEqual(['three']);
  }
  await truncate(file, 10);
  expect(await embedded(['one'])).toEqual(['one']);
  expect(await embedded(['one'])).toEqual([]);
});

test('a spoilt record is made again', async () => {
  await embedded(['one', 'two']);
  const handle = await open(file, 'r+');
  await handle.write(Buffer.alloc(40), 0, 40, 32 + 16);
  await handle.write(Buffer.alloc(RECORD - 16), 0, RECORD - 16, 32 + 16);
  await handle.close();
  expect(await embedded(['one', 'two'])).toEqual(['one']);
});

test('a file of another embedder, or none of ours, is begun anew', async () => {
  await embedded(['one']);
  const other = hashEmbedder({ dimensions: 8 });
  const cache = cachedVectors({ file }, other);
  expect(await cache.embed(['one'], 'passage')).toEqual(
    await hashEmbedder({ dimensions: 8 }).embed(['one'], 'passage'),
  );
  expect(other.embedded).toEqual(['one']);
  await cache.close();
  await writeFile(file, 'x'.repeat(500));
  expect(await embedded(['one'])).toEqual(['one']);
  expect((await readFile(file)).length).toBe(32 + RECORD);
});

test('questions pass through, progress counts what was found, and clear removes the file', async () => {
  const inner = hashEmbedder();
  const cache = cachedVectors({ file }, inner);
  await cache.embed(['q'], 'query');
  expect(existsSync(file)).toBe(false);
  await cache.embed(['one'], 'passage');
  const seen: number[] = [];
  await cache.embed(['one', 'two', 'three'], 'passage', { onProgress: (done) => seen.push(done) });
  expect(seen).toEqual([2, 3]);
  await cache.embed(['one'], 'passage', { onProgress: (done) => seen.push(done) });
  expect(seen).toEqual([2, 3, 1]);
  await cache.clear();
  expect(existsSync(file)).toBe(false);
  await cache.close();
  await cache.close();
  expect(await cache.fingerprint()).toEqual(await inner.fingerprint());
});
