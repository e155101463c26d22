import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { MetadataFilter, PassageIndex } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { type Source, scatter, sourceOf, tokenised, unit } from './index-sources.ts';
import { defineSuite, HOSTILE_TEXTS, type SuiteOptions } from './suite.ts';

export interface IndexPlace {
  /** An empty folder, or one that an index of this suite was closed in. */
  readonly dir: string;
  readonly dimensions: number;
}

const code = (expected: string) => (error: unknown) => DiscernError.is(error) && error.code === expected;

/**
 * What every passage index must do. `make` opens one in a folder; vectors have four dimensions. It is called again with
 * the folder of a closed one; where nothing is kept, skip the tests that begin with `reopened:`.
 */
export function describeIndex(
  name: string,
  make: (place: IndexPlace) => PassageIndex | Promise<PassageIndex>,
  options: SuiteOptions = {},
): void {
  const dimensions = 4;
  const example = () => [
    sourceOf('a', [
      { vector: [1, 0, 0, 0], metadata: { lang: 'en', year: 2020, old: true } },
      { vector: [3, 4, 0, 0], metadata: { lang: 'de', year: 2021, old: false } },
    ]),
    sourceOf('b', [
      { vector: [0, 1, 0, 0], metadata: { lang: 'en', year: 2021 } },
      { vector: [-1, 0, 0, 0], metadata: { lang: 'fr' } },
    ]),
  ];
  const east = unit([1, 0, 0, 0]);

  /** Runs with an index in a folder of its own; `reopen` closes it and opens the folder again. */
  const within = async (run: (index: PassageIndex, reopen: () => Promise<PassageIndex>) => Promise<void>) => {
    const dir = await mkdtemp(join(tmpdir(), 'discern-index-'));
    let index = await make({ dir, dimensions });
    try {
      await run(index, async () => {
        await index.close();
        index = await make({ dir, dimensions });
        return index;
      });
    } finally {
      await index.close();
      await rm(dir, { recursive: true, force: true });
    }
  };
  const ids = async (index: PassageIndex, k: number, filter: MetadataFilter = {}) =>
    (await index.search(east, k, { filter })).map(({ id }) => id);
  const add = (index: PassageIndex, ...sources: Source[]) => index.apply({ remove: [], add: sources });
  const check = (title: string, run: (index: PassageIndex, reopen: () => Promise<PassageIndex>) => Promise<void>) =>
    [title, () => within(run)] as const;

  const tests = [
    check('an empty index finds nothing', async (index) => {
      expect(await index.search(east, 5)).toEqual([]);
      expect(await index.sources()).toEqual(new Map());
      expect(await index.info()).toMatchObject({ passages: 0, sources: 0, dimensions });
    }),
    check('order and scores of a small example are exact', async (index) => {
      await add(index, ...example());
      const hits = await index.search(east, 4);
      expect(hits.map(({ id }) => id)).toEqual(['a#0', 'a#1', 'b#0', 'b#1']);
      for (const [i, cosine] of [1, 0.6, 0, -1].entries()) expect(hits[i]!.score).toBeCloseTo(cosine, 6);
      expect(await index.info()).toMatchObject({ passages: 4, sources: 2 });
    }),
    check('the same as comparing with every vector', async (index) => {
      const vectors = scatter(300, dimensions);
      await add(
        index,
        sourceOf(
          'many',
          vectors.map((vector) => ({ vector })),
        ),
      );
      for (const query of scatter(10, dimensions, 99)) {
        const expected = vectors
          .map((vector, i) => ({
            id: `many#${i}`,
            score: vector.reduce((sum, value, j) => sum + value * query[j]!, 0),
          }))
          .sort((a, b) => b.score - a.score)
          .slice(0, 20);
        const hits = await index.search(query, 20);
        expect(hits.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        hits.forEach((hit, i) => {
          expect(hit.score).toBeCloseTo(expected[i]!.score, 5);
        });
      }
    }),
    check('k above the number of passages gives all', async (index) => {
      await add(index, ...example());
      expect(await ids(index, 1000)).toEqual(['a#0', 'a#1', 'b#0', 'b#1']);
    }),
    check('ties stand in the order of insertion', async (index) => {
      const same = { vector: [1, 1, 1, 1] };
      await add(index, sourceOf('z', [same, same, same]));
      await add(index, sourceOf('y', [{ vector: [1, 0, 0, 0] }, same]), sourceOf('x', [same]));
      expect(await ids(index, 6)).toEqual(['y#0', 'z#0', 'z#1', 'z#2', 'y#1', 'x#0']);
      expect(await ids(index, 3)).toEqual(['y#0', 'z#0', 'z#1']);
    }),
    check('filters by document and metadata are exact', async (index) => {
      await add(index, ...example());
      expect(await ids(index, 9, { docId: 'b' })).toEqual(['b#0', 'b#1']);
      expect(await ids(index, 9, { lang: 'en' })).toEqual(['a#0', 'b#0']);
      expect(await ids(index, 1, { lang: 'fr' })).toEqual(['b#1']);
      expect(await ids(index, 9, { lang: ['de', 'fr'] })).toEqual(['a#1', 'b#1']);
      expect(await ids(index, 9, { lang: 'en', year: [2021, 2022] })).toEqual(['b#0']);
      expect(await ids(index, 9, { old: false })).toEqual(['a#1']);
      expect(await ids(index, 9, { year: '2021' })).toEqual([]);
      expect(await ids(index, 9, { lang: [] })).toEqual([]);
      expect(await ids(index, 9, { constructor: 'x', toString: 'y' })).toEqual([]);
    }),
    check('a removed source is gone, a replaced one is new', async (index) => {
      await add(index, ...example());
      await index.apply({ remove: ['a'], add: [] });
      expect(await ids(index, 9)).toEqual(['b#0', 'b#1']);
      await expect(index.passages(['a#0'])).rejects.toSatisfy(code('INPUT_INVALID'));
      expect(await index.vectors(['a#0', 'b#0'])).toEqual([null, unit([0, 1, 0, 0])]);
      await index.apply({
        remove: ['b', 'unknown'],
        add: [sourceOf('b', [{ vector: [1, 1, 0, 0], text: 'new' }], 'h2')],
      });
      expect(await ids(index, 9)).toEqual(['b#0']);
      expect((await index.passages(['b#0']))[0]!.text).toBe('new');
      expect(await index.sources()).toEqual(new Map([['b', { key: 'b', hash: 'h2', origin: 'suite', passages: 1 }]]));
      expect(await index.info()).toMatchObject({ passages: 1, sources: 1 });
    }),
    check('passages come back whole, in the order of the ids', async (index) => {
      const sources = example();
      await add(index, ...sources);
      expect(await index.passages(['b#0', 'a#1', 'b#0'])).toEqual([
        sources[1]!.passages[0],
        sources[0]!.passages[1],
        sources[1]!.passages[0],
      ]);
      await expect(index.passages(['a#0', 'nowhere'])).rejects.toSatisfy(code('INPUT_INVALID'));
    }),
    check('vectors come back exactly, as copies', async (index) => {
      const [vector] = scatter(1, dimensions, 5);
      await add(index, sourceOf('v', [{ vector: vector! }]));
      const stored = sourceOf('v', [{ vector: vector! }]).vectors[0]!;
      const [first] = await index.vectors(['v#0']);
      expect(first).toEqual(stored);
      first!.fill(0);
      expect(await index.vectors(['v#0', 'nowhere'])).toEqual([stored, null]);
    }),
    check('tokens come back as copies, to the tokenizer that made them', async (index) => {
      const [a, b] = example();
      await add(index, tokenised(a!, 't', [1, 0, 65_535], []), b!);
      const [first] = await index.tokens!(['a#0'], 't');
      expect(first).toEqual(Uint16Array.from([1, 0, 65_535]));
      first!.fill(0);
      const all = ['b#1', 'a#1', 'nowhere', 'a#0'];
      expect(await index.tokens!(all, 't')).toEqual([null, new Uint16Array(), null, Uint16Array.from([1, 0, 65_535])]);
      expect(await index.tokens!(all, 'other')).toEqual([null, null, null, null]);
      await index.apply({ remove: ['a', 'b'], add: [a!, tokenised(b!, 'other', [7], [8, 9])] });
      expect(await index.tokens!(all, 't')).toEqual([null, null, null, null]);
      expect(await index.tokens!(all, 'other')).toEqual([Uint16Array.from([8, 9]), null, null, null]);
    }),
    check('a source without passages is kept in mind', async (index) => {
      await add(index, sourceOf('empty', []), sourceOf('one', [{ vector: east }]));
      expect([...(await index.sources()).keys()]).toEqual(['empty', 'one']);
      expect(await ids(index, 9)).toEqual(['one#0']);
    }),
    check('wrong input is refused and changes nothing', async (index) => {
      await add(index, ...example());
      const bad = (vector: ArrayLike<number>): Source => ({
        ...sourceOf('c', [{ vector: east }]),
        vectors: [Float32Array.from(vector)],
      });
      const refused = [
        () => index.search(unit([1, 0, 0]), 1),
        () => index.search(Float32Array.from([Number.NaN, 0, 0, 0]), 1),
        () => index.search(Float32Array.from([0, 0, 0, 0]), 1),
        () => index.search(east, 0),
        () => index.search(east, 1.5),
        () => add(index, bad([1, 0, 0])),
        () => add(index, bad([Number.NaN, 0, 0, 0])),
        () => add(index, bad([Number.POSITIVE_INFINITY, 0, 0, 0])),
        () => add(index, bad([2, 0, 0, 0])),
        () => add(index, { ...sourceOf('c', [{ vector: east }]), vectors: [] }),
        () => add(index, tokenised(sourceOf('c', [{ vector: east }]), 't', [1], [2])),
        () => add(index, sourceOf('a', [{ vector: east }])),
        () => add(index, sourceOf('c', [{ vector: east }]), sourceOf('c', [{ vector: east }])),
        () =>
          add(index, { ...sourceOf('c', [{ vector: east }]), passages: sourceOf('a', [{ vector: east }]).passages }),
      ];
      for (const call of refused) await expect(call()).rejects.toSatisfy(code('INPUT_INVALID'));
      expect(await ids(index, 9)).toEqual(['a#0', 'a#1', 'b#0', 'b#1']);
      expect((await index.sources()).size).toBe(2);
    }),
    check('an aborted call ends with ABORTED and changes nothing', async (index) => {
      await add(index, ...example());
      const signal = AbortSignal.abort();
      await expect(index.search(east, 1, { signal })).rejects.toSatisfy(code('ABORTED'));
      await expect(index.apply({ remove: ['a'], add: [] }, { signal })).rejects.toSatisfy(code('ABORTED'));
      expect(await ids(index, 9)).toHaveLength(4);
    }),
    check('changes and searches at once see whole states', async (index) => {
      const batch = (key: string) =>
        sourceOf(
          key,
          scatter(20, dimensions, key.length + 7).map((vector) => ({ vector })),
        );
      await add(index, batch('s'));
      const changes = Array.from({ length: 8 }, () => index.apply({ remove: ['s'], add: [batch('s')] }));
      const seen = await Promise.all(Array.from({ length: 30 }, () => index.search(east, 100)));
      await Promise.all(changes);
      for (const hits of seen) expect(hits).toHaveLength(20);
    }),
    check('closed twice is closed; a call after it says so', async (index) => {
      await add(index, ...example());
      await index.close();
      await index.close();
      for (const call of [
        () => index.search(east, 1),
        () => index.info(),
        () => index.sources(),
        () => index.passages(['a#0']),
        () => index.vectors(['a#0']),
        () => index.tokens!(['a#0'], 't'),
        () => index.apply({ remove: ['a'], add: [] }),
      ])
        await expect(call()).rejects.toSatisfy(code('BACKEND_CLOSED'));
    }),
    check('reopened: everything is as it was', async (index, reopen) => {
      await add(index, ...example());
      await index.apply({ remove: ['a'], add: [sourceOf('a', [{ vector: [1, 1, 0, 0] }], 'h2')] });
      await add(index, tokenised(sourceOf('t', [{ vector: [-1, 0, 0, 1] }]), 't', [3, 4]));
      const seen = async (of: PassageIndex) => [
        ...[await of.search(east, 9), await of.sources(), await of.passages(['a#0', 'b#1'])],
        await of.tokens!(['t#0', 'a#0'], 't'),
      ];
      const before = await seen(index);
      const again = await reopen();
      expect(await seen(again)).toEqual(before);
      expect(before[3]).toEqual([Uint16Array.from([3, 4]), null]);
      expect(await again.vectors(['a#0'])).toEqual([unit([1, 1, 0, 0])]);
      expect(await ids(again, 9, { lang: 'en' })).toEqual(['b#0']);
      await add(again, sourceOf('c', [{ vector: east }]));
      expect(await ids(await reopen(), 1)).toEqual(['c#0']);
    }),
    check('reopened: hostile texts are the same', async (index, reopen) => {
      const texts = [
        ...HOSTILE_TEXTS,
        `${'line '.repeat(200_000)}end`,
        '\u2028\u2029\r\n\u0000',
        '\udc00\ud800 backwards',
      ];
      const items = texts.map((text, i) => ({
        text,
        vector: [1, i, 0, 1],
        metadata: { note: text.slice(0, 99), __proto__x: 1 },
      }));
      const source = sourceOf('\u0000 ../"key"\n\u{1f469}', items);
      await add(index, source);
      const again = await reopen();
      const all = source.passages.map(({ id }) => id);
      expect((await again.passages(all)).every((passage, i) => passage.text === texts[i])).toBe(true);
      expect((await again.passages(all.slice(0, 3)))[2]).toEqual(source.passages[2]);
      expect((await again.sources()).has(source.source.key)).toBe(true);
    }),
    check('reopened: much change leaves what is left', async (index, reopen) => {
      const vectors = scatter(600, dimensions, 3);
      const half = (from: number) => {
        const items = vectors.slice(from, from + 300).map((vector) => ({ vector }));
        return tokenised(sourceOf(`h${from}`, items), 't', ...items.map((_, i) => [from, ...Array(i).fill(i)]));
      };
      await add(index, half(0), half(300));
      for (let round = 0; round < 6; round++) await index.apply({ remove: ['h300'], add: [half(300)] });
      const before = await index.search(east, 50);
      expect(await index.info()).toMatchObject({ passages: 600, sources: 2 });
      const again = await reopen();
      expect(await again.search(east, 50)).toEqual(before);
      expect((await again.passages(['h300#299', 'h0#7'])).map(({ id }) => id)).toEqual(['h300#299', 'h0#7']);
      expect(await again.vectors(['h300#299'])).toEqual([unit(vectors[599]!)]);
      expect(await again.tokens!(['h300#299', 'h0#0', 'h300#2'], 't')).toEqual(
        [[300, ...Array(299).fill(299)], [0], [300, 2, 2]].map((ids) => Uint16Array.from(ids)),
      );
    }),
  ];
  defineSuite(name, options.skip ?? [], Object.fromEntries(tests));
}
