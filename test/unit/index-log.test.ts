import { fork } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type HnswIndexOptions, hnswIndex } from '../../src/backends/index/hnsw.ts';
import type { PassageIndex } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import { scatter, sourceOf, tokenised } from '../../src/testing/index-sources.ts';

const folders: string[] = [];
const folder = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'discern-log-'));
  folders.push(dir);
  return dir;
};
afterAll(() => Promise.all(folders.map((dir) => rm(dir, { recursive: true, force: true }))));

const open = (dir: string, more: Partial<HnswIndexOptions> = {}): PassageIndex =>
  hnswIndex({
    dir,
    dimensions: 4,
    fingerprint: { model: 'bge', pooling: 'cls' },
    create: true,
    exactUpTo: 50_000,
    targetRecall: 0.99,
    efMax: 1000,
    ...more,
  });
const code = (expected: string) => (error: unknown) => DiscernError.is(error) && error.code === expected;
const source = (key: string, count: number, hash = 'h1') =>
  tokenised(
    sourceOf(
      key,
      scatter(count, 4, key.length * 31 + count).map((vector) => ({ vector, text: `${key} ${hash}` })),
      hash,
    ),
    't',
    ...Array.from({ length: count }, (_, i) => [key.length, i, hash.charCodeAt(1)]),
  );

/** Everything that can be asked of an index, for comparison. */
async function contents(index: PassageIndex) {
  const sources = [...(await index.sources()).values()];
  const ids = sources.flatMap(({ key, passages }) => Array.from({ length: passages }, (_, i) => `${key}#${i}`));
  const [passages, vectors] = [await index.passages(ids), await index.vectors(ids)];
  return { sources, passages, vectors, tokens: await index.tokens!(ids, 't') };
}
async function read(dir: string) {
  const index = open(dir, { create: false });
  try {
    return await contents(index);
  } finally {
    await index.close();
  }
}

/** A log of three changes: its bytes, and what it holds after the second and the third, with the size it then has. */
async function threeChanges() {
  const dir = await folder();
  const log = join(dir, 'passages.log');
  const states: { size: number; contents: Awaited<ReturnType<typeof contents>> }[] = [];
  for (const change of [
    { remove: [], add: [source('a', 2)] },
    { remove: [], add: [source('bb', 3)] },
    { remove: ['a'], add: [source('a', 1, 'h2'), source('ccc', 2)] },
  ]) {
    const index = open(dir);
    await index.apply(change);
    await index.close();
    states.push({ size: (await stat(log)).size, contents: await read(dir) });
  }
  return { bytes: await readFile(log), states };
}

describe('the log of an index', () => {
  it('cut at any byte of its last frame, is the state before', async () => {
    const { bytes, states } = await threeChanges();
    const [, before, after] = states;
    const dir = await folder();
    for (let size = before!.size; size < after!.size; size++) {
      await writeFile(join(dir, 'passages.log'), bytes.subarray(0, size));
      expect(await read(dir)).toEqual(before!.contents);
    }
    // The next change stands where the cut frame stood.
    const index = open(dir);
    await index.apply({ remove: [], add: [source('dddd', 1)] });
    await index.close();
    expect((await read(dir)).sources.map(({ key }) => key)).toEqual(['a', 'bb', 'dddd']);
  });

  it('with zeros or half a frame of another length behind it, is the state before', async () => {
    const { bytes, states } = await threeChanges();
    const [, before, after] = states;
    const dir = await folder();
    for (const kept of [0, 3, 24, 100, 200]) {
      const half = Buffer.alloc(after!.size - before!.size + 5000);
      bytes.copy(half, 0, before!.size, before!.size + kept);
      await writeFile(join(dir, 'passages.log'), Buffer.concat([bytes.subarray(0, before!.size), half]));
      expect(await read(dir)).toEqual(before!.contents);
    }
  });

  it('with a flipped byte before its last frame, is refused', async () => {
    const { bytes, states } = await threeChanges();
    const dir = await folder();
    for (let at = states[0]!.size; at < states[1]!.size; at += 3) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x10;
      await writeFile(join(dir, 'passages.log'), damaged);
      await expect(read(dir)).rejects.toSatisfy(code('INDEX_CORRUPT'));
    }
  });

  it('of a time before token ids is read, and takes some', async () => {
    const dir = await folder();
    await cp(fileURLToPath(new URL('../fixtures/index-without-tokens', import.meta.url)), dir, { recursive: true });
    const old = await read(dir);
    expect(old.passages.map(({ text }) => text)).toEqual(['The mill.', 'Its wheel.']);
    expect(old.vectors).toEqual([Float32Array.from([1, 0, 0, 0]), Float32Array.from([0, 1, 0, 0])]);
    expect(old.tokens).toEqual([null, null]);
    const index = open(dir);
    await index.apply({ remove: [], add: [source('bb', 2), source('big', 2000)] });
    await index.apply({ remove: ['big'], add: [] });
    await index.close();
    expect((await stat(join(dir, 'passages.log'))).size).toBeLessThan(10_000);
    const { passages, tokens } = await read(dir);
    expect(passages.slice(0, 2)).toEqual(old.passages);
    expect(tokens).toEqual([null, null, Uint16Array.from([2, 0, 49]), Uint16Array.from([2, 1, 49])]);
  });

  it('is refused when it is another file, or none', async () => {
    const dir = await folder();
    await expect(read(dir)).rejects.toSatisfy(code('INDEX_MISSING'));
    await expect(read(join(dir, 'nowhere'))).rejects.toSatisfy(code('INDEX_MISSING'));
    for (const text of ['', 'Hello', 'x'.repeat(5000)]) {
      await writeFile(join(dir, 'passages.log'), text);
      await expect(read(dir)).rejects.toSatisfy(code('INDEX_CORRUPT'));
    }
  });

  it('in a place that cannot be read or written is an error that names it', async () => {
    const dir = await folder();
    await writeFile(join(dir, 'file'), '');
    const index = open(join(dir, 'file', 'below'));
    await expect(index.apply({ remove: [], add: [source('a', 1)] })).rejects.toThrow(/cannot lock .*below: ENOTDIR/);
    await index.close();
    await mkdir(join(dir, 'passages.log'));
    const other = open(dir);
    await expect(other.info()).rejects.toThrow(/cannot open the index .*: EISDIR/);
    await other.close();
  });

  it('made with another embedder is refused, naming both', async () => {
    const dir = await folder();
    const index = open(dir);
    await index.apply({ remove: [], add: [source('a', 1)] });
    await index.close();
    const other = open(dir, { fingerprint: { model: 'e5', pooling: 'cls' } });
    await expect(other.info()).rejects.toThrow(/made with model "bge", but the embedder has model "e5"/);
    await expect(other.info()).rejects.toSatisfy(code('INDEX_FINGERPRINT'));
    await other.close();
    const wider = open(dir, { dimensions: 8 });
    await expect(wider.info()).rejects.toThrow(/made with dimensions 4, but the embedder has dimensions 8/);
    await wider.close();
  });

  it('is not made by reading', async () => {
    const dir = join(await folder(), 'new');
    const index = open(dir);
    expect(await index.info()).toMatchObject({ passages: 0 });
    await index.close();
    await expect(stat(dir)).rejects.toThrow('ENOENT');
  });

  it('is written anew when most of it is dead', async () => {
    const dir = await folder();
    const index = open(dir);
    await index.apply({ remove: [], add: [source('keep', 10), source('big', 2000)] });
    await index.apply({ remove: ['big'], add: [source('last', 5)] });
    const before = await contents(index);
    expect(before.sources.map(({ key }) => key)).toEqual(['keep', 'last']);
    await index.apply({ remove: [], add: [source('after', 1)] });
    await index.close();
    expect((await stat(join(dir, 'passages.log'))).size).toBeLessThan(10_000);
    const after = await read(dir);
    expect([after.passages.slice(0, 15), after.tokens.slice(0, 15)]).toEqual([before.passages, before.tokens]);
    expect(await readdir(dir)).toEqual(['passages.log']);
  });

  it('has one writer; readers keep what they saw; the next writer goes on from there', async () => {
    const dir = await folder();
    const [first, second] = [open(dir), open(dir)];
    await first.apply({ remove: [], add: [source('a', 1)] });
    await expect(second.apply({ remove: [], add: [source('b', 1)] })).rejects.toSatisfy(code('INDEX_LOCKED'));
    const reader = open(dir);
    expect((await reader.sources()).size).toBe(1);
    await first.apply({ remove: [], add: [source('bb', 2)] });
    expect((await reader.sources()).size).toBe(1);
    await first.close();
    await second.apply({ remove: [], add: [source('ccc', 3)] });
    await reader.apply({ remove: [], add: [] });
    await expect(reader.apply({ remove: ['a'], add: [] })).rejects.toSatisfy(code('INDEX_LOCKED'));
    await second.close();
    await reader.apply({ remove: ['a'], add: [] });
    await reader.close();
    expect((await read(dir)).sources.map(({ key }) => key)).toEqual(['bb', 'ccc']);
  });

  it('is not touched by a writer that lost its lock', async () => {
    const dir = await folder();
    const [first, second] = [open(dir), open(dir)];
    await first.apply({ remove: [], add: [source('a', 1)] });
    await rm(join(dir, 'writer.lock'), { recursive: true });
    await second.apply({ remove: [], add: [source('bb', 1)] });
    await expect(first.apply({ remove: [], add: [source('ccc', 1)] })).rejects.toSatisfy(code('INDEX_LOCKED'));
    await first.close();
    await second.apply({ remove: [], add: [source('dddd', 1)] });
    await second.close();
    expect((await read(dir)).sources.map(({ key }) => key)).toEqual(['a', 'bb', 'dddd']);
  });

  it('of a writer killed at twenty random moments, holds what was acknowledged and no half of a change', async () => {
    const dir = await folder();
    const writer = fileURLToPath(new URL('../fixtures/index-writer.mjs', import.meta.url));
    let acknowledged = -1;
    for (let kill = 0; kill < 20; kill++) {
      const child = fork(writer, [dir], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      let begun = false;
      await new Promise<void>((resolve, reject) => {
        child.on('message', (round: number) => {
          acknowledged = round;
          // From the second change on, so that each of the moments is among changes.
          if (!begun) setTimeout(() => child.kill('SIGKILL'), Math.random() * 60);
          begun = true;
        });
        child.on('exit', (exit) => (exit === null ? resolve() : reject(new Error(`the writer ended with ${exit}`))));
      });
      const { sources, passages, vectors, tokens } = await read(dir);
      const round = Number(sources.find(({ key }) => key === 'round')!.hash);
      expect([acknowledged, acknowledged + 1]).toContain(round);
      // Every change replaces all sources: they are of one round, or it would be a mix.
      expect(sources.map(({ hash }) => hash)).toEqual(sources.map(() => String(round)));
      expect(new Set(passages.map(({ text }) => text.split(' ')[0]))).toEqual(new Set([String(round)]));
      const first = sources[0]!.passages;
      expect(vectors.slice(0, first)).toEqual(scatter(first, 4, round + 1));
      expect(tokens.map((ids, i) => [ids?.[0], ids?.length === (passages[i]!.id.charCodeAt(0) % 3) + 1])).toEqual(
        passages.map(() => [round % 65_536, true]),
      );
      acknowledged = round;
    }
  }, 120_000);
});
