import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HnswIndexOptions, hnswIndex } from '../../src/backends/index/hnsw.ts';
import type { PassageIndex } from '../../src/contracts.ts';
import { describeIndex } from '../../src/testing/describe-index.ts';
import { scatter, sourceOf } from '../../src/testing/index-sources.ts';
import { type Installed, installedWithout } from '../fixtures/installed.ts';

let installed: Installed;
let plain: typeof hnswIndex;
beforeAll(async () => {
  installed = await installedWithout(['hnswlib-node']);
  // In a folder node_modules, so that Node itself loads it and not the test runner.
  const url = pathToFileURL(join(installed.dir, 'dist/backends/index/hnsw.js')).href;
  ({ hnswIndex: plain } = (await import(url)) as { hnswIndex: typeof hnswIndex });
});
afterAll(() => installed.remove());

const options = (dimensions: number, dir: string | null): HnswIndexOptions => ({
  dir,
  dimensions,
  fingerprint: { model: 'suite' },
  create: true,
  exactUpTo: 0,
  targetRecall: 0.99,
  efMax: 100_000,
});

describeIndex('hnsw, without hnswlib-node', ({ dir, dimensions }) => plain(options(dimensions, dir)));

describe('an index without hnswlib-node', () => {
  it('says so, builds no graph, and finds in its thread what the native one finds', async () => {
    const count = 20_000; // more than the calling thread scans itself
    const vectors = scatter(count, 16, 3);
    const source = sourceOf(
      's',
      vectors.map((vector, i) => ({ vector, metadata: { half: i % 2 } })),
    );
    const [query] = scatter(1, 16, 9);
    const results = async (index: PassageIndex) => {
      try {
        await index.apply({ remove: [], add: [source] });
        const { search, ef, note } = await index.info();
        const hits = [await index.search(query!, 20), await index.search(query!, 20, { filter: { half: 1 } })];
        await index.prepare?.();
        return { search, ef, note, after: (await index.info()).note, hits };
      } finally {
        await index.close();
      }
    };
    const without = await results(plain(options(16, null)));
    const native = await results(hnswIndex({ ...options(16, null), exactUpTo: count }));
    const note = 'hnswlib-node is not installed: exact search in JavaScript (npm install hnswlib-node)';
    expect(without).toMatchObject({ search: 'exact', ef: null, note, after: note });
    expect(native.note).toMatch(/^exact: 20000 passages/);
    expect(without.hits[0]).toHaveLength(20);
    expect(without.hits).toEqual(native.hits);
  });
});
