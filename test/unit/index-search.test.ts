import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import hnswlib from 'hnswlib-node';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { type HnswIndexOptions, hnswIndex } from '../../src/backends/index/hnsw.ts';
import { exactSearcher } from '../../src/backends/index/hnsw-exact.ts';
import { scanRange, topRows, vectorRows } from '../../src/backends/index/hnsw-rows.ts';
import { selfCheck } from '../../src/backends/index/hnsw-self-check.ts';
import type { Hit, MetadataFilter, PassageIndex } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import { scatter, sourceOf } from '../../src/testing/index-sources.ts';

const folders: string[] = [];
const opened: PassageIndex[] = [];
const folder = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'discern-search-'));
  folders.push(dir);
  return dir;
};
afterEach(async () => {
  for (const index of opened.splice(0)) await index.close();
});
afterAll(() => Promise.all(folders.map((dir) => rm(dir, { recursive: true, force: true }))));

const open = (dimensions: number, more: Partial<HnswIndexOptions> = {}): PassageIndex => {
  const index = hnswIndex({
    dir: null,
    dimensions,
    fingerprint: { model: 'test' },
    create: true,
    exactUpTo: 50_000,
    targetRecall: 0.99,
    efMax: 1000,
    ...more,
  });
  opened.push(index);
  return index;
};
const bytesOf = (vector: Float32Array) => new Uint8Array(vector.buffer);
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const idsOf = (hits: readonly Hit[]) => hits.map(({ id }) => id);

/** Ids of the best, by comparing with every vector. */
const best = (
  vectors: readonly Float32Array[],
  query: Float32Array,
  k: number,
  isIn: (i: number) => boolean = () => true,
) =>
  vectors
    .map((vector, i) => ({ i, score: dot(vector, query) }))
    .filter(({ i }) => isIn(i))
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
    .map(({ i }) => `s#${i}`);
const source = (vectors: readonly Float32Array[], key = 's') =>
  sourceOf(
    key,
    vectors.map((vector, i) => ({ vector, metadata: { third: i % 3, many: i % 100 !== 0 } })),
  );

describe('rows', () => {
  it('the k best, as sorting finds them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 5 })), fc.integer({ min: 1, max: 8 }), (scores, k) => {
        const top = topRows(k);
        for (const [row, score] of scores.entries()) top.offer(row, score);
        const sorted = scores.map((score, row) => ({ row, score })).sort((a, b) => b.score - a.score || a.row - b.row);
        expect(top.sorted()).toEqual(sorted.slice(0, k));
      }),
    );
  });

  it('exact search is the same before, while and after hnswlib is filled, also with dead rows', () => {
    const rows = vectorRows(6);
    const vectors = scatter(2000, 6, 4);
    for (const [row, vector] of vectors.entries()) rows.write(row, bytesOf(vector));
    const searcher = exactSearcher(rows, hnswlib, 100);
    const query = scatter(1, 6, 77)[0]!;
    let version = 0;
    const check = (count: number) => {
      const view = { count, version };
      const top = topRows(30);
      scanRange(rows, query, 100, count, view, top);
      expect(searcher.search(query, 30, view)).toEqual(top.sorted());
    };
    check(1500);
    while (!searcher.warm({ count: 1500, version }, 0)) check(1500);
    check(1500);
    check(2000);
    while (!searcher.warm({ count: 2000, version }, 1));
    // Few deaths are left out of what hnswlib finds; after many, it is filled anew.
    for (const deaths of [20, 700]) {
      version++;
      for (let row = 100; row < 100 + deaths; row++) rows.kill(row, version);
      check(2000);
      while (!searcher.warm({ count: 2000, version }, 1));
      check(2000);
    }
    // The view of before still sees what died since, as far as it is there.
    const before = { count: 2000, version: 0 };
    const old = topRows(5);
    scanRange(rows, query, 0, 2000, before, old);
    expect(old.sorted().map(({ row }) => `s#${row}`)).toEqual(best(vectors, query, 5));
  });

  it('the self-check raises ef until the target is reached, and says when it is not', () => {
    const rows = vectorRows(48);
    const vectors = scatter(3000, 48, 8);
    const graph = new hnswlib.HierarchicalNSW('ip', 48);
    // Few links, so that the graph needs a long list.
    graph.initIndex(3000, 6, 60);
    for (const [row, vector] of vectors.entries()) {
      rows.write(row, bytesOf(vector));
      graph.addPoint(Array.from(vector), row);
    }
    const view = { count: 3000, version: 0 };
    const low = selfCheck(rows, graph, view, 0.5, 1000);
    expect(low).toMatchObject({ ef: 200, triedEf: 200, targetRecall: 0.5, efMax: 1000 });
    const high = selfCheck(rows, graph, view, 0.999, 3000);
    expect(high.ef).toBeGreaterThan(200);
    expect(high.recall - high.margin).toBeGreaterThanOrEqual(0.999);
    expect(selfCheck(rows, graph, view, 0.999, 60)).toMatchObject({ ef: null, triedEf: 60 });
    expect(selfCheck(rows, graph, view, 0.999, 3000)).toEqual(high);
  });
});

describe('a large exact search', () => {
  it('runs in a thread, and finds the same', async () => {
    const vectors = scatter(18_000, 4, 21);
    const index = open(4);
    await index.apply({ remove: [], add: [source(vectors)] });
    const queries = scatter(4, 4, 5);
    const answers = await Promise.all(queries.map((query) => index.search(query, 40)));
    for (const [i, query] of queries.entries()) expect(idsOf(answers[i]!)).toEqual(best(vectors, query, 40));
    const filters: [MetadataFilter, (i: number) => boolean][] = [
      [{ third: 1 }, (i) => i % 3 === 1],
      [{ many: true }, (i) => i % 100 !== 0],
      [{ many: false, third: [0, 2] }, (i) => i % 100 === 0 && i % 3 !== 1],
    ];
    for (const [filter, isIn] of filters)
      expect(idsOf(await index.search(queries[0]!, 15, { filter }))).toEqual(best(vectors, queries[0]!, 15, isIn));
    const cancel = new AbortController();
    const running = index.search(queries[0]!, 5, { signal: cancel.signal });
    cancel.abort();
    await expect(running).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    expect(idsOf(await index.search(queries[1]!, 5))).toEqual(best(vectors, queries[1]!, 5));
    const last = index.search(queries[0]!, 5);
    last.catch(() => undefined);
    await index.close();
    await expect(last).rejects.toSatisfy((error) => DiscernError.is(error, 'BACKEND_CLOSED'));
  });
});

describe('HNSW', () => {
  const dimensions = 12;
  const vectors = scatter(2500, dimensions, 3);
  const query = scatter(1, dimensions, 31)[0]!;

  it('is used above the limit once the graph is there, with the rows that came later and without those that went', async () => {
    const dir = await folder();
    const index = open(dimensions, { dir, exactUpTo: 1000 });
    await index.apply({ remove: [], add: [source(vectors.slice(0, 2400)), sourceOf('gone', [{ vector: query }])] });
    expect(await index.info()).toMatchObject({
      search: 'exact',
      ef: null,
      note: 'exact: there is no graph of the 2401 passages yet',
    });
    const done: number[] = [];
    await index.prepare!({ onProgress: (count) => done.push(count) });
    expect(await index.info()).toMatchObject({ search: 'hnsw', ef: 200 });
    expect(idsOf(await index.search(query, 10))).toEqual(['gone#0', ...best(vectors.slice(0, 2400), query, 9)]);
    await index.apply({
      remove: ['gone'],
      add: [
        sourceOf(
          'late',
          vectors.slice(2400).map((vector) => ({ vector })),
        ),
      ],
    });
    expect(await index.info()).toMatchObject({ search: 'hnsw', passages: 2500 });
    const expected = best(vectors, query, 40).map((id) =>
      Number(id.slice(2)) < 2400 ? id : `late#${Number(id.slice(2)) - 2400}`,
    );
    expect(idsOf(await index.search(query, 40))).toEqual(expected);
    // 300 passages need a longer list than is allowed.
    expect(idsOf(await index.search(query, 300))).toHaveLength(300);
    await index.close();

    const again = open(dimensions, { dir, exactUpTo: 1000 });
    expect(await again.info()).toMatchObject({ search: 'hnsw', ef: 200 });
    expect(idsOf(await again.search(query, 40))).toEqual(expected);
    // Checked with other limits, the graph is not trusted until it is checked again.
    const stricter = open(dimensions, { dir, exactUpTo: 1000, targetRecall: 0.9 });
    expect(await stricter.info()).toMatchObject({ search: 'exact' });
    await stricter.prepare!();
    expect(await stricter.info()).toMatchObject({ search: 'hnsw' });
    const few = open(dimensions, { dir, exactUpTo: 5000 });
    expect(await few.info()).toMatchObject({
      search: 'exact',
      note: 'exact: 2500 passages, and up to 5000 are searched exactly',
    });
  });

  it('a graph that is damaged or of another log is built again', async () => {
    const dir = await folder();
    const index = open(dimensions, { dir, exactUpTo: 0 });
    await index.apply({ remove: [], add: [source(vectors.slice(0, 300))] });
    await index.prepare!();
    await index.close();
    const graphs = async () => (await readdir(dir)).filter((name) => name.endsWith('.hnsw'));
    const [name] = await graphs();
    await truncate(join(dir, name!), (await stat(join(dir, name!))).size - 100);
    const again = open(dimensions, { dir, exactUpTo: 0 });
    expect(await again.info()).toMatchObject({ search: 'exact' });
    expect(idsOf(await again.search(query, 5))).toEqual(best(vectors.slice(0, 300), query, 5));
    await again.prepare!();
    expect(await again.info()).toMatchObject({ search: 'hnsw' });
    // Much change writes the log anew: the old graph has no meaning for it.
    await again.apply({
      remove: ['s'],
      add: [
        sourceOf(
          't',
          vectors.slice(0, 1200).map((vector) => ({ vector })),
        ),
      ],
    });
    await again.apply({ remove: ['t'], add: [source(vectors.slice(0, 100))] });
    expect(await again.info()).toMatchObject({ search: 'exact', passages: 100 });
    await again.prepare!();
    expect(idsOf(await again.search(query, 5))).toEqual(best(vectors.slice(0, 100), query, 5));
    expect(await graphs()).toHaveLength(1);
  });

  it('is refused where the self-check fails, and the search stays exact and says so', async () => {
    const wide = scatter(1500, 64, 13);
    const dir = await folder();
    const options = { dir, exactUpTo: 0, targetRecall: 1, efMax: 50 };
    const index = open(64, options);
    await index.apply({ remove: [], add: [source(wide)] });
    await index.prepare!();
    const note = /^exact: HNSW found 0\.\d+ ± 0\.\d+ of the exact top 50 at ef 50: not enough to be sure of 1$/;
    expect(await index.info()).toMatchObject({ search: 'exact', ef: null, note: expect.stringMatching(note) });
    const asked = scatter(1, 64, 99)[0]!;
    expect(idsOf(await index.search(asked, 50))).toEqual(best(wide, asked, 50));
    await index.close();
    const again = open(64, options);
    expect(await again.info()).toMatchObject({ note: expect.stringMatching(note) });
  });

  it('is built behind many searches, and not before', async () => {
    const index = open(dimensions, { exactUpTo: 0 });
    await index.apply({ remove: [], add: [source(vectors.slice(0, 400))] });
    for (let i = 0; i < 20; i++) await index.search(query, 3);
    expect(await index.info()).toMatchObject({ search: 'exact' });
    await index.search(query, 3);
    await vi.waitFor(async () => expect(await index.info()).toMatchObject({ search: 'hnsw' }), 10_000);
    expect(idsOf(await index.search(query, 3))).toEqual(best(vectors.slice(0, 400), query, 3));
  });

  it('building stops when it is aborted, and when the index is closed', async () => {
    const index = open(dimensions, { exactUpTo: 0 });
    await index.apply({ remove: [], add: [source(vectors)] });
    const cancel = new AbortController();
    const building = index.prepare!({ signal: cancel.signal });
    setTimeout(() => cancel.abort(), 30);
    await expect(building).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    const second = index.prepare!();
    second.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await index.close();
    await expect(second).rejects.toSatisfy((error) => DiscernError.is(error));
  });

  it('a process that ends while its threads are in hnswlib ends as it wants to', async () => {
    const program = fileURLToPath(new URL('../fixtures/index-exit.mjs', import.meta.url));
    for (const afterMs of [60, 95, 130]) {
      const ended = await promisify(execFile)(process.execPath, [program, String(afterMs)]).catch(
        (error: unknown) => error,
      );
      expect(ended).toMatchObject({ code: 3, stdout: 'busy', stderr: '' });
    }
  });
});
