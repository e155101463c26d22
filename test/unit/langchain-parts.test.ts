import { HNSWLib } from '@langchain/community/vectorstores/hnswlib';
import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import { Document, type DocumentInterface } from '@langchain/core/documents';
import { FakeEmbeddings, FakeRetriever, FakeVectorStore } from '@langchain/core/utils/testing';
import { describe, expect, it } from 'vitest';
import {
  documentFilter,
  fromCompressor,
  fromEmbeddings,
  fromRetriever,
  fromVectorStore,
  type VectorStoreLike,
} from '../../src/langchain.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import type { Candidate } from '../../src/types.ts';
import { HashEmbeddings, WordCompressor } from '../contract/langchain-fixtures.ts';

describe('embeddings of LangChain', () => {
  it('have a fingerprint of the name and the facts that were given, whether or not the dimensions were', async () => {
    const given = { model: 'Org/Hash 512', queryPrefix: 'query: ' };
    const fingerprint = await fromEmbeddings(new HashEmbeddings(), given).fingerprint();
    expect(fingerprint).toEqual({
      model: 'Org/Hash 512',
      // Of {"langchain":"Org/Hash 512","passagePrefix":"","queryPrefix":"query: "}, by sha256sum.
      sha256: '0c92c4766d8c4a8c50c715b97234df5fa617af5e4d3778897f0bfa5a97172824',
      dimensions: 512,
      pooling: 'unknown',
      queryPrefix: 'query: ',
      passagePrefix: '',
    });
    const embeddings = new HashEmbeddings();
    const embedder = fromEmbeddings(embeddings, { ...given, dimensions: 512 });
    expect(await embedder.fingerprint()).toEqual(fingerprint);
    expect(embeddings.calls).toEqual([]);
    expect(embedder.id).toBe('langchain-org-hash-512@1');
    const other = await fromEmbeddings(embeddings, { ...given, queryPrefix: '' }).fingerprint();
    expect(other.sha256).not.toBe(fingerprint.sha256);
  });

  it('are asked for queries one by one and for passages in batches, with prefixes; blank texts are not sent', async () => {
    const embeddings = new HashEmbeddings();
    const embedder = fromEmbeddings(embeddings, { model: 'm', queryPrefix: 'q: ', passagePrefix: 'p: ', batch: 2 });
    const done: number[] = [];
    const vectors = await embedder.embed(['a', ' \n', 'b', 'c', ''], 'passage', { onProgress: (n) => done.push(n) });
    await embedder.embed(['d', 'e'], 'query');
    expect(embeddings.calls).toEqual([
      { kind: 'documents', texts: ['p: a'] },
      { kind: 'documents', texts: ['p: b', 'p: c'] },
      { kind: 'query', texts: ['q: d'] },
      { kind: 'query', texts: ['q: e'] },
    ]);
    expect(done).toEqual([2, 4, 5]);
    expect(vectors[1]).toEqual(vectors[4]);
    expect([vectors[1]![0], Math.hypot(...vectors[1]!)]).toEqual([1, 1]);
  });

  it('are brought to unit length, also a vector of zeros', async () => {
    const embedder = fromEmbeddings(new FakeEmbeddings(), { model: 'fake' });
    const [vector] = await embedder.embed(['a'], 'query');
    const length = Math.sqrt(0.3);
    expect([...vector!].map((value) => value.toFixed(6))).toEqual(
      [0.1, 0.2, 0.3, 0.4].map((value) => (value / length).toFixed(6)),
    );
    const zeros = { embedQuery: async () => [0, 0], embedDocuments: async () => [[0, 0]] };
    expect(await fromEmbeddings(zeros, { model: 'm' }).embed(['a'], 'passage')).toEqual([Float32Array.from([1, 0])]);
  });

  it.each([
    ['other dimensions', [[1, 0, 0]], 'gave a vector of 3 dimensions where 2 were expected'],
    ['no number', [[1, Number.NaN]], 'gave a vector with a value that is no number'],
    ['too few', [], 'gave 0 vectors for 1 texts'],
  ])('are refused when they give %s', async (_, made, said) => {
    const embeddings = { embedQuery: async () => [1, 0], embedDocuments: async () => made };
    const call = fromEmbeddings(embeddings, { model: 'm', dimensions: 2 }).embed(['a'], 'passage');
    await expect(call).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: `Object m ${said}` });
  });
});

const DOCUMENTS = [
  { pageContent: 'Ada Lind keeps the lighthouse.', metadata: { source: 'norr.md', topic: 'people' } },
  { pageContent: 'The mill has two wheels.', metadata: { source: 'norr.md', topic: 'mills' } },
];
const similar = () => FakeVectorStore.fromDocuments(DOCUMENTS, new HashEmbeddings());
const first = async (found: Promise<Candidate[][]>) => (await found)[0]!;

/** A store that returns what it is told to. */
const storeOf = (found: [DocumentInterface, number][]): VectorStoreLike => ({
  FilterType: {},
  similaritySearchWithScore: async () => found,
  similaritySearchVectorWithScore: async () => found,
});
const scored = (...scores: number[]) =>
  storeOf(scores.map((score) => [new Document({ pageContent: `text of ${score}` }), score]));

describe('a stored document as a passage', () => {
  const made = async (document: Partial<DocumentInterface>, options = {}) => {
    const full = { pageContent: 'Two wheels.', metadata: {}, ...document };
    const recaller = fromVectorStore(storeOf([[full, 1]]), { score: 'similarity', ...options });
    return (await first(recaller.recall(['q'], { topK: 1 })))[0]!.passage;
  };

  it('is a document of its own, named after its source and its id', async () => {
    expect(await made({ id: '17', metadata: { source: 'mill.md', title: 'The mill' } })).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      docId: 'mill.md#17',
      text: 'Two wheels.',
      title: 'The mill',
      span: { start: 0, end: 11 },
      page: null,
      heading: null,
      metadata: { source: 'mill.md', title: 'The mill' },
    });
    expect((await made({ id: '17' })).docId).toBe('17');
    expect((await made({})).docId).toMatch(/^[0-9a-f]{12}$/);
  });

  it('has its place in the source where the metadata has the offset', async () => {
    for (const name of ['startIndex', 'start_index'])
      expect(await made({ metadata: { source: 'mill.md', [name]: 40 } })).toMatchObject({
        docId: 'mill.md',
        span: { start: 40, end: 51 },
      });
    expect(await made({ metadata: { startIndex: 40 } })).toMatchObject({ span: { start: 0, end: 11 } });
    expect(await made({ metadata: { source: 'mill.md', startIndex: -1 } })).toMatchObject({ span: { start: 0 } });
  });

  it('keeps plain metadata, nested with dots, and the page of a loader', async () => {
    const metadata = {
      loc: { pageNumber: 3, lines: { from: 1, to: 9 } },
      tags: ['a', 'b'],
      at: new Date(0),
      none: null,
      bad: Number.NaN,
      mixed: [{ a: 1 }],
      work: () => 1,
    };
    const passage = await made({ metadata });
    expect(passage.page).toBe(3);
    expect(passage.metadata).toEqual({
      'loc.pageNumber': 3,
      'loc.lines.from': 1,
      'loc.lines.to': 9,
      tags: '["a","b"]',
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  it('has an id that tells texts, places and sources apart', async () => {
    const passages = [
      await made({}),
      await made({ pageContent: 'Three wheels' }),
      await made({ metadata: { source: 'a.md' } }),
      await made({ metadata: { source: 'a.md', startIndex: 0 } }),
      await made({ metadata: { source: 'a.md', startIndex: 1 } }),
      await made({ id: '1', pageContent: 'one' }),
      await made({ id: '1', pageContent: 'two' }),
    ];
    expect(new Set(passages.map(({ id }) => id)).size).toBe(7);
    expect((await made({})).id).toBe(passages[0]!.id);
  });

  it('is otherwise where it is told to be, and must be whole', async () => {
    const passageOf = ({ metadata }: DocumentInterface) => ({ title: metadata.name, docId: 'own', heading: 'H' });
    expect(await made({ metadata: { name: 'N' } }, { passageOf })).toMatchObject({
      docId: 'own',
      title: 'N',
      heading: 'H',
      text: 'Two wheels.',
    });
    const torn = made({}, { passageOf: () => ({ span: { start: 0, end: 3 } }) });
    await expect(torn).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(/has 3 characters, its text 11/),
    });
    const empty = made({ pageContent: undefined });
    await expect(empty).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      message: expect.stringMatching(/no text as its pageContent/),
    });
  });
});

describe('a vector store of LangChain', () => {
  const recall = (store: VectorStoreLike, score: Parameters<typeof fromVectorStore>[1]['score'], topK = 9) =>
    first(fromVectorStore(store, { score }).recall(['q'], { topK }));
  const scores = async (found: Promise<Candidate[]>) => (await found).map(({ recallScore }) => recallScore);

  it('gives similarities as they are, of distances 1 - distance, or what a function makes', async () => {
    expect(await scores(recall(scored(0.9, 0.5), 'similarity'))).toEqual([0.9, 0.5]);
    expect(await scores(recall(scored(0.25, 0.5), 'distance'))).toEqual([0.75, 0.5]);
    expect(await scores(recall(scored(0.5, 1), (squared) => 1 - squared / 2))).toEqual([0.75, 0.5]);
  });

  it('refuses numbers of the other kind instead of turning the order round', async () => {
    await expect(recall(scored(0.9, 0.5, 0.5), 'distance')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'Object returns the worst first if its numbers are distances',
      hint: expect.stringContaining("set score to 'similarity'"),
    });
    await expect(recall(scored(0.1, 0.5), 'similarity')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await scores(recall(scored(0.1, 0.5), (value) => value))).toEqual([0.5, 0.1]);
    expect(await scores(recall(scored(0.5, 0.9, 0.1), 'similarity'))).toEqual([0.9, 0.5, 0.1]);
    expect(await scores(recall(scored(0.7, 0.70001), 'similarity'))).toEqual([0.70001, 0.7]);
    await expect(recall(scored(Number.NaN), 'similarity')).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
  });

  it('may give more than was asked for, and one document twice', async () => {
    expect(await scores(recall(scored(0.9, 0.9, 0.5, 0.1), 'similarity', 2))).toEqual([0.9, 0.5]);
  });

  it('has cosines where HNSWLib has cosine distances', async () => {
    const store = await HNSWLib.fromDocuments(DOCUMENTS, new HashEmbeddings());
    const query = 'Ada Lind keeps what?';
    const [near] = await first(fromVectorStore(store, { score: 'distance' }).recall([query], { topK: 2 }));
    expect(near!.recallScore).toBeCloseTo(3 / Math.sqrt(4 * 5), 5);
  });

  it('is asked with vectors of an embedder where there is one', async () => {
    const theirs = new HashEmbeddings();
    const store = await FakeVectorStore.fromDocuments(DOCUMENTS, theirs);
    const ours = new HashEmbeddings();
    const embedder = fromEmbeddings(ours, { model: 'hash-512' });
    const recaller = fromVectorStore(store, { score: 'similarity', embedder });
    expect(recaller.id).toBe('langchain-hash-512@1+langchain-fakevectorstore@1');
    const [near] = await first(recaller.recall(['Ada Lind keeps the lighthouse.'], { topK: 1 }));
    expect(near!.recallScore).toBeCloseTo(1, 6);
    expect([theirs, ours].map(({ calls }) => calls.map(({ kind }) => kind))).toEqual([['documents'], ['query']]);
  });

  it('gets a filter as it is, or in its own form, and none that it does not heed', async () => {
    const asked: unknown[] = [];
    const found: [DocumentInterface, number][] = [[DOCUMENTS[0]!, 1]];
    const store: VectorStoreLike = {
      ...storeOf(found),
      similaritySearchWithScore: async (_query, _k, filter) => {
        asked.push(filter);
        return found;
      },
    };
    const plain = fromVectorStore(store, { score: 'similarity' });
    expect(await first(plain.recall(['q'], { topK: 1, filter: { topic: 'people' } }))).toHaveLength(1);
    await plain.recall(['q'], { topK: 1 });
    const ownForm = fromVectorStore(store, { score: 'similarity', filterOf: (filter) => ({ tenant: 7, ...filter }) });
    await ownForm.recall(['q'], { topK: 1 });
    expect(asked).toEqual([{ topic: 'people' }, undefined, { tenant: 7 }]);
    await expect(plain.recall(['q'], { topK: 1, filter: { topic: 'mills' } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'Object takes no notice of the filter',
    });
    const unfit = fromVectorStore(await similar(), { score: 'similarity' });
    await expect(unfit.recall(['q'], { topK: 1, filter: { topic: 'mills' } })).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      message: expect.stringContaining('filter is not a function'),
      hint: expect.stringContaining('give filterOf'),
    });
  });

  it('finds by docId through a filter of documents', async () => {
    const recaller = fromVectorStore(await similar(), { score: 'similarity', filterOf: documentFilter });
    const all = await first(recaller.recall(['mill'], { topK: 9 }));
    const { docId } = all[1]!.passage;
    const one = await first(recaller.recall(['mill'], { topK: 9, filter: { docId } }));
    expect(one.map(({ passage }) => passage)).toEqual([all[1]!.passage]);
  });
});

describe('a retriever of LangChain', () => {
  it('gives ranks as scores, cut to topK, each document once, and is told of by callbacks', async () => {
    const ended: number[] = [];
    const listener = BaseCallbackHandler.fromMethods({
      handleRetrieverEnd(documents) {
        ended.push(documents.length);
      },
    });
    const output = ['a', 'b', 'a', 'c', 'd'].map((pageContent) => new Document({ pageContent }));
    const recaller = fromRetriever(new FakeRetriever({ output }), { callbacks: [listener] });
    const found = await first(recaller.recall(['q'], { topK: 3 }));
    expect(found.map(({ passage, recallRank, recallScore }) => [passage.text, recallRank, recallScore])).toEqual([
      ['a', 1, 1],
      ['b', 2, 0.5],
      ['c', 3, 1 / 3],
    ]);
    expect(ended).toEqual([5]);
    expect(recaller.id).toBe('langchain-fakeretriever@1');
  });
});

describe('a compressor of LangChain', () => {
  const candidates = ['The ferry leaves.', 'Cats sleep.', 'The ferry is late today.'].map(
    (text, i): Candidate => ({
      passage: { ...passageOf(text, `p${i}`), title: 'T', metadata: { relevanceScore: 99, year: 2020 } },
      recallRank: i + 1,
      recallScore: 0.5,
      rerankScore: null,
    }),
  );
  const compressor = (work: (documents: DocumentInterface[]) => DocumentInterface[]) => ({
    compressDocuments: async (documents: DocumentInterface[]) => work(documents),
  });
  const score = (work: Parameters<typeof compressor>[0]) => fromCompressor(compressor(work)).score('q', candidates);
  const withScore = (document: DocumentInterface, relevanceScore: number) => ({
    ...document,
    metadata: { ...document.metadata, relevanceScore },
  });

  it.each(['relevanceScore', 'relevance_score'] as const)('gives its own %s', async (name) => {
    const scores = await fromCompressor(new WordCompressor(3, name)).score('Is the ferry late?', candidates);
    expect(scores).toEqual([2 / 5, 0, 4 / 5]);
  });

  it('gives by its order what has no score, and the least to what it drops', async () => {
    expect(await score(([a, , c]) => [c!, a!])).toEqual([0.5, 0, 1]);
    expect(await score(([a, b]) => [withScore(b!, -3), withScore(a!, -5)])).toEqual([-5, -3, -6]);
    expect(await score(([a, b]) => [withScore(b!, 0.9), a!])).toEqual([0.5, 1, 0]);
    expect(await score(() => [])).toEqual([0, 0, 0]);
  });

  it('may copy, shorten and cut documents: the best of the pieces counts', async () => {
    const pieces = ([a, b]: DocumentInterface[]) => [
      withScore({ pageContent: 'x', metadata: a!.metadata }, 0.2),
      withScore({ pageContent: 'y', metadata: b!.metadata }, 0.6),
      withScore({ pageContent: 'z', metadata: a!.metadata }, 0.7),
    ];
    expect(await score(pieces)).toEqual([0.7, 0.6, 0.6 - 1]);
  });

  it('sees title and text, and no score of others', async () => {
    const seen: DocumentInterface[] = [];
    await score((documents) => {
      seen.push(...documents);
      return documents;
    });
    expect(seen[0]).toEqual({
      id: candidates[0]!.passage.id,
      pageContent: 'T\nThe ferry leaves.',
      metadata: { year: 2020, discernPlace: 0 },
    });
  });

  it('must return documents that it was given', async () => {
    const call = score(() => [{ pageContent: 'The ferry leaves.', metadata: {} }]);
    await expect(call).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      message: expect.stringMatching(/without the metadata of one/),
    });
  });
});
