import { expect } from 'vitest';
import type { Recaller } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import type { Candidate, Passage } from '../types.ts';
import { passageOf } from './describe-critic.ts';
import { defineSuite, HOSTILE_TEXTS, type SuiteOptions, shared } from './suite.ts';

const described = (id: string, text: string, metadata: Passage['metadata']): Passage => ({
  ...passageOf(text, id),
  metadata,
});

/** What a recaller under test has to find things in. */
export const RECALL_CORPUS: readonly Passage[] = [
  described('ferry', 'The ferry to the island leaves at noon.', { topic: 'travel', year: 2019 }),
  described('train', 'The night train to the coast leaves at ten.', { topic: 'travel', year: 2023 }),
  described('radium', 'Marie Curie discovered radium and polonium.', { topic: 'science', year: 2023 }),
  described('rates', 'Interest rates rose by half a point.', { topic: 'money', year: 2019 }),
  described('cat', 'A cat sleeps on the warm roof.', { topic: 'animals', year: 2021 }),
];
const QUERIES = [
  ['When does the ferry to the island leave?', 0],
  ['Who discovered radium and polonium?', 2],
  ['By how much did interest rates rise?', 3],
] as const;
const ASKED = QUERIES.map(([query]) => query);

function expectSound(list: readonly Candidate[], topK: number): void {
  expect(list.length).toBeLessThanOrEqual(topK);
  expect(list.map(({ recallRank }) => recallRank)).toEqual(list.map((_, i) => i + 1));
  expect(new Set(list.map(({ passage }) => passage.id)).size).toBe(list.length);
  for (const [i, { passage, recallScore, rerankScore }] of list.entries()) {
    expect(Number.isFinite(recallScore), `score ${recallScore}`).toBe(true);
    if (i > 0) expect(recallScore).toBeLessThanOrEqual(list[i - 1]!.recallScore);
    expect(rerankScore).toBeNull();
    expect(passage.span.end - passage.span.start).toBe(passage.text.length);
    expect(passage.id).not.toBe('');
    expect(passage.docId).not.toBe('');
  }
}

/** Makes a recaller over these passages. Their ids and documents may be its own, their texts and metadata are kept. */
export type MakeRecaller = (passages: readonly Passage[]) => Recaller | Promise<Recaller>;

/** The promises of the Recaller contract. */
export function describeRecaller(name: string, make: MakeRecaller, { skip = [] }: SuiteOptions = {}): void {
  const instance = shared(() => make(RECALL_CORPUS));

  async function recall(
    queries: readonly string[],
    options: Partial<Parameters<Recaller['recall']>[1]> = {},
  ): Promise<Candidate[][]> {
    const wanted = { topK: 3, ...options };
    const lists = await (await instance()).recall(queries, wanted);
    expect(lists).toHaveLength(queries.length);
    for (const list of lists) expectSound(list, wanted.topK);
    return lists;
  }
  const texts = (list: readonly Candidate[]) => list.map(({ passage }) => passage.text);

  defineSuite(`recaller ${name}`, skip, {
    'has an id without blanks': async () => {
      expect((await instance()).id).toMatch(/^[a-z0-9]\S*$/);
    },
    'answers an empty batch with an empty list': async () => {
      expect(await recall([])).toEqual([]);
    },
    'finds first what the query is about, query by query': async () => {
      const lists = await recall(ASKED);
      expect(lists.map((list) => list[0]?.passage.text)).toEqual(QUERIES.map(([, i]) => RECALL_CORPUS[i]!.text));
    },
    'does not depend on what else is asked': async () => {
      const whole = await recall(ASKED);
      expect((await recall([...ASKED].reverse())).reverse()).toEqual(whole);
      for (const [i, query] of ASKED.entries()) expect(await recall([query])).toEqual([whole[i]]);
      expect(await Promise.all(ASKED.map((query) => recall([query])))).toEqual(whole.map((list) => [list]));
    },
    'gives the first of a longer list when fewer are wanted, and all when more are': async () => {
      const [all] = await recall([ASKED[0]!], { topK: 50 });
      expect([...texts(all!)].sort()).toEqual(RECALL_CORPUS.map(({ text }) => text).sort());
      for (const topK of [1, 2]) expect(await recall([ASKED[0]!], { topK })).toEqual([all!.slice(0, topK)]);
    },
    'gives a passage the same id in every call, with its text and metadata': async () => {
      const [all, again] = await recall([ASKED[0]!, ASKED[1]!], { topK: 50 });
      const ids = new Map(all!.map(({ passage }) => [passage.text, passage.id]));
      expect(again!.map(({ passage }) => [passage.text, passage.id])).toEqual(
        again!.map(({ passage }) => [passage.text, ids.get(passage.text)]),
      );
      for (const { passage } of all!)
        expect(passage.metadata).toMatchObject(RECALL_CORPUS.find(({ text }) => text === passage.text)!.metadata);
    },
    'keeps to a filter': async () => {
      const [travel] = await recall([ASKED[1]!], { topK: 5, filter: { topic: 'travel' } });
      expect([...texts(travel!)].sort()).toEqual([RECALL_CORPUS[0]!.text, RECALL_CORPUS[1]!.text].sort());
      const [both] = await recall([ASKED[0]!], { topK: 5, filter: { topic: ['travel', 'science'], year: 2023 } });
      expect([...texts(both!)].sort()).toEqual([RECALL_CORPUS[2]!.text, RECALL_CORPUS[1]!.text].sort());
      expect(await recall([ASKED[0]!], { filter: { topic: 'none of them' } })).toEqual([[]]);
      expect(await recall([ASKED[0]!], { filter: { constructor: 'Object' } })).toEqual([[]]);
    },
    'survives hostile queries': async () => {
      await recall(HOSTILE_TEXTS);
    },
    'stops when the signal has fired': async () => {
      const call = recall(ASKED, { signal: AbortSignal.abort() });
      await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
      await recall(ASKED);
    },
    'returns plain data': async () => {
      const lists = await recall(ASKED);
      expect(JSON.parse(JSON.stringify(lists))).toEqual(lists);
    },
  });
}
