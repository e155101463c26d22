import { type HnswIndexOptions, hnswIndex } from '../../src/backends/index/hnsw.ts';
import type { PassageIndex } from '../../src/contracts.ts';
import { describeIndex, type IndexPlace } from '../../src/testing/describe-index.ts';

const make = ({ dir, dimensions }: IndexPlace, more: Partial<HnswIndexOptions> = {}): PassageIndex =>
  hnswIndex({
    dir,
    dimensions,
    fingerprint: { model: 'suite' },
    create: true,
    exactUpTo: 50_000,
    targetRecall: 0.99,
    efMax: 100_000,
    ...more,
  });

/** Brings the graph up to date after each change, so that every search goes through it. */
const always = (index: PassageIndex): PassageIndex => ({
  ...index,
  async apply(change, options) {
    await index.apply(change, options);
    await index.prepare!(options);
  },
});

const reason = 'nothing is kept';
const skip = [
  { test: 'reopened: everything is as it was', reason },
  { test: 'reopened: hostile texts are the same', reason },
  { test: 'reopened: much change leaves what is left', reason },
];

describeIndex('hnsw, exact', make);
describeIndex('hnsw, through the graph', (place) => always(make(place, { exactUpTo: 0 })));
describeIndex('hnsw, in memory', (place) => make({ ...place, dir: '' }, { dir: null }), { skip });
describeIndex('hnsw, in memory, through the graph', (place) => always(make(place, { dir: null, exactUpTo: 0 })), {
  skip,
});
