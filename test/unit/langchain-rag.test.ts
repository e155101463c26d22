import { FakeListChatModel, FakeLLM, FakeVectorStore } from '@langchain/core/utils/testing';
import { describe, expect, it } from 'vitest';
import { type ConfigInput, createRag, type OwnParts, parseTrace, replay } from '../../src/index.ts';
import {
  documentFilter,
  fromChatModel,
  fromCompressor,
  fromEmbeddings,
  fromLlm,
  fromRetriever,
  fromVectorStore,
} from '../../src/langchain.ts';
import { memoryIndex } from '../../src/testing/memory-index.ts';
import { HashEmbeddings, WordCompressor } from '../contract/langchain-fixtures.ts';

const DOCUMENTS = [
  { pageContent: 'Ada Lind keeps the lighthouse of Norr.', metadata: { source: 'norr.md', title: 'Norr', year: 2020 } },
  { pageContent: 'The tide mill of Norr has two wheels.', metadata: { source: 'norr.md', startIndex: 400 } },
  { pageContent: 'Cats sleep on warm roofs.', metadata: { source: 'cats.md' } },
];
const store = () => FakeVectorStore.fromDocuments(DOCUMENTS, new HashEmbeddings());
const QUESTION = 'Who keeps the lighthouse of Norr?';

/** No model of this package is loaded: what a part of LangChain does not give is not asked. */
const PLAIN: ConfigInput = {
  critics: { retrieve: null, isRel: null, isSup: null, isUse: null },
  beam: { maxSegments: 1 },
  rerank: { topN: 1 },
};

async function ask(parts: OwnParts, config: ConfigInput = {}) {
  const rag = await createRag({ config: { ...PLAIN, ...config }, parts });
  try {
    return await rag.ask(QUESTION);
  } finally {
    await rag.close();
  }
}

describe('a system of parts of LangChain', () => {
  it('answers with vector store, compressor and chat model, cites the document, and is replayed', async () => {
    const answer = await ask({
      recaller: fromVectorStore(await store(), { score: 'similarity', filterOf: documentFilter }),
      reranker: fromCompressor(new WordCompressor(2, 'relevanceScore')),
      withContext: fromChatModel(new FakeListChatModel({ responses: ['Ada Lind keeps it. She lives there.'] })),
    });
    expect(answer.text).toBe('Ada Lind keeps it. [1]');
    expect(answer.usedContext).toBe(true);
    expect(answer.citations).toMatchObject([
      { number: 1, docId: expect.stringMatching(/^norr\.md#[0-9a-f]{12}$/), title: 'Norr', start: 0, end: 38 },
    ]);
    expect(answer.trace.backends).toMatchObject({
      recall: 'langchain-fakevectorstore@1',
      rerank: 'langchain-wordcompressor@1',
      'generate.withContext': 'langchain-fakelistchatmodel@1',
    });
    const recalled = answer.trace.events.find(({ type }) => type === 'recall-end');
    expect(recalled).toMatchObject({ query: QUESTION, candidates: { length: 3 } });
    const again = await replay(parseTrace(JSON.stringify(answer.trace)));
    expect(again.text).toBe(answer.text);
    expect(again.citations).toEqual(answer.citations);
  });

  it('answers with retriever and language model', async () => {
    const answer = await ask(
      {
        recaller: fromRetriever((await store()).asRetriever({ k: 2 })),
        withContext: fromLlm(new FakeLLM({ response: ' Ada Lind.\n\nQuestion: Who?' }), { id: 'mine@1' }),
      },
      { rerank: { backend: 'none', topN: 1 } },
    );
    expect(answer.text).toBe('Ada Lind. [1]');
    expect(answer.trace.backends['generate.withContext']).toBe('mine@1');
    expect(answer.trace.prompts).toMatchObject({
      completeWithContext: expect.stringMatching(/^complete-with-context@1#/),
    });
  });

  it('has no index beside a recaller of its own, and says so', async () => {
    const recaller = fromRetriever((await store()).asRetriever());
    const missing = expect.objectContaining({
      code: 'INDEX_MISSING',
      message: 'there is no index: langchain-vectorstoreretriever@1 recalls in its place',
    });
    await expect(createRag({ config: PLAIN, parts: { recaller }, documents: 'docs' })).rejects.toEqual(missing);
    const rag = await createRag({ config: PLAIN, parts: { recaller } });
    await expect(rag.info()).rejects.toEqual(missing);
    await expect(rag.ingest('docs')).rejects.toEqual(missing);
    await rag.close();
  });

  it('keeps the index that is given beside a recaller', async () => {
    const recaller = fromRetriever((await store()).asRetriever());
    const index = memoryIndex({ dimensions: 8 });
    const rag = await createRag({ config: PLAIN, parts: { recaller, index } });
    expect((await rag.info()).passages).toBe(0);
    await rag.close();
  });

  it('ingests with embeddings of LangChain, and answers from the index', async () => {
    const embedder = fromEmbeddings(new HashEmbeddings(), { model: 'hash-512', queryPrefix: 'query: ' });
    const withContext = fromChatModel(new FakeListChatModel({ responses: ['The wheel has a hub.'] }));
    const config = { ...PLAIN, rerank: { backend: 'none', topN: 1 } };
    const rag = await createRag({
      config,
      parts: { embedder, withContext },
      documents: 'test/fixtures/documents/plain.txt',
    });
    expect(rag.ingested).toMatchObject({ added: 1, failed: [] });
    expect((await rag.info()).fingerprint).toMatchObject({
      model: 'hash-512',
      dimensions: 512,
      queryPrefix: 'query: ',
    });
    const answer = await rag.ask('What is in the plain file?');
    expect(answer.text).toBe('The wheel has a hub. [1]');
    expect(answer.citations[0]!.docId).toBe('plain.txt');
    await rag.close();
  });
});
