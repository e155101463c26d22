import { HNSWLib } from '@langchain/community/vectorstores/hnswlib';
import { AIMessage } from '@langchain/core/messages';
import {
  FakeListChatModel,
  FakeLLM,
  FakeStreamingChatModel,
  FakeVectorStore,
  SyntheticEmbeddings,
} from '@langchain/core/utils/testing';
import {
  documentFilter,
  fromChatModel,
  fromCompressor,
  fromEmbeddings,
  fromLlm,
  fromRetriever,
  fromVectorStore,
} from '../../src/langchain.ts';
import { describeEmbedder } from '../../src/testing/describe-embedder.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';
import { describeRecaller } from '../../src/testing/describe-recaller.ts';
import { describeReranker } from '../../src/testing/describe-reranker.ts';
import { documentsOf, HashEmbeddings, WordCompressor } from './langchain-fixtures.ts';

const SAID = 'Leonardo painted it. He lived in Italy.';
const PARTS = [
  { type: 'text', text: 'Leonardo painted' },
  { type: 'text', text: ' it. He lived in Italy.' },
];

describeGenerator('chat model of LangChain', () => fromChatModel(new FakeListChatModel({ responses: [SAID] })));
describeGenerator('chat model of LangChain, made for its limits', () =>
  fromChatModel(() => new FakeListChatModel({ responses: [SAID] }), { id: 'fake-list@1' }),
);
describeGenerator('chat model of LangChain that answers in parts', () =>
  fromChatModel(new FakeStreamingChatModel({ responses: [new AIMessage({ content: PARTS })] })),
);
describeGenerator('language model of LangChain', () => fromLlm(new FakeLLM({ response: SAID })));

describeEmbedder('embeddings of LangChain', () => fromEmbeddings(new HashEmbeddings(), { model: 'hash-512' }));
describeEmbedder(
  'synthetic embeddings of LangChain',
  () => fromEmbeddings(new SyntheticEmbeddings({ vectorSize: 4 }), { model: 'Synthetic/4', dimensions: 4 }),
  {
    near: ['cat', 'cat', 'A ferry leaves.'],
    skip: [{ test: 'survives hostile texts', reason: 'they give no vector for a text without Latin letters' }],
  },
);

describeRecaller('vector store of LangChain', async (passages) => {
  const store = await FakeVectorStore.fromDocuments(documentsOf(passages), new HashEmbeddings());
  return fromVectorStore(store, { score: 'similarity', filterOf: documentFilter });
});
describeRecaller('vector store of LangChain with distances, asked with an embedder', async (passages) => {
  const store = await HNSWLib.fromDocuments(documentsOf(passages), new HashEmbeddings());
  const embedder = fromEmbeddings(new HashEmbeddings(), { model: 'hash-512' });
  return fromVectorStore(store, { score: 'distance', embedder, filterOf: documentFilter });
});
describeRecaller('retriever of LangChain', async (passages) => {
  const store = await FakeVectorStore.fromDocuments(documentsOf(passages), new HashEmbeddings());
  return fromRetriever(store.asRetriever({ k: 20 }));
});

describeReranker('compressor of LangChain with scores', () => fromCompressor(new WordCompressor(50, 'relevanceScore')));
describeReranker('compressor of LangChain without scores', () => fromCompressor(new WordCompressor(2, null)), {
  skip: [
    {
      test: 'does not depend on the order or number of candidates',
      reason: 'scores that follow from an order compare only within one call',
    },
  ],
});
