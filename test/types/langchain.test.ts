import { readFileSync } from 'node:fs';
import { HNSWLib } from '@langchain/community/vectorstores/hnswlib';
import type { Document } from '@langchain/core/documents';
import type { Embeddings } from '@langchain/core/embeddings';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { BaseRetriever } from '@langchain/core/retrievers';
import type { BaseDocumentCompressor } from '@langchain/core/retrievers/document_compressors';
import type { VectorStore } from '@langchain/core/vectorstores';
import { ChatOpenAI, OpenAI } from '@langchain/openai';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Embedder, Generator, Recaller, Reranker } from '../../src/index.ts';
// docs:begin
import { createRag } from '../../src/index.ts';
import {
  documentFilter,
  fromChatModel,
  fromCompressor,
  fromDocuments,
  fromEmbeddings,
  fromLlm,
  fromRetriever,
  fromVectorStore,
} from '../../src/langchain.ts';

// docs:end

/** The programs of docs/langchain-parts.md, checked by `tsc --noEmit`. */
async function programs(
  store: VectorStore,
  compressor: BaseDocumentCompressor,
  chatModel: BaseChatModel,
  embeddings: Embeddings,
  loader: { load(): Promise<Document[]> },
  splitter: { splitDocuments(documents: Document[]): Promise<Document[]> },
) {
  // docs:begin
  const rag = await createRag({
    parts: {
      recaller: fromVectorStore(store, { score: 'similarity' }),
      reranker: fromCompressor(compressor),
      withContext: fromChatModel(chatModel),
    },
  });
  const answer = await rag.ask('Who keeps the lighthouse of Norr?');
  // docs:next
  const plain = fromChatModel(new ChatOpenAI({ model: 'gpt-4o-mini', logprobs: true, temperature: 0.7 }));
  const fitted = fromChatModel((limits) => new ChatOpenAI({ model: 'gpt-4o-mini', logprobs: true, ...limits }), {
    id: 'gpt-4o-mini@1',
  });
  // docs:next
  const completing = fromLlm(new OpenAI({ model: 'gpt-3.5-turbo-instruct' }));
  // docs:next
  const embedder = fromEmbeddings(embeddings, { model: 'bge-small-en-v1.5', dimensions: 384, queryPrefix: 'query: ' });
  // docs:next
  const similar = fromVectorStore(store, { score: 'similarity', filterOf: documentFilter });
  const cosine = fromVectorStore(await HNSWLib.load('./vectors', embeddings), { score: 'distance' });
  const squared = fromVectorStore(store, { score: (distance) => 1 - distance / 2, embedder });
  // docs:next
  const named = fromVectorStore(store, {
    score: 'similarity',
    passageOf: ({ metadata }) => ({ docId: String(metadata.url), title: String(metadata.name) }),
  });
  // docs:next
  const ranked = fromRetriever(store.asRetriever({ k: 50 }));
  // docs:next
  const reranker = fromCompressor(compressor);
  // docs:next
  const documents = await splitter.splitDocuments(await loader.load());
  const local = await createRag({ index: './index' });
  await local.add(fromDocuments(documents), { cut: false });
  // docs:end
  return { answer, plain, fitted, completing, embedder, similar, cosine, squared, named, ranked, reranker };
}

type Made = Awaited<ReturnType<typeof programs>>;

describe('adapters of LangChain', () => {
  it('make parts of Discern', () => {
    expectTypeOf<Made['plain' | 'fitted' | 'completing']>().toEqualTypeOf<Generator>();
    expectTypeOf<Made['embedder']>().toEqualTypeOf<Embedder>();
    expectTypeOf<Made['similar' | 'cosine' | 'squared' | 'named' | 'ranked']>().toEqualTypeOf<Recaller>();
    expectTypeOf<Made['reranker']>().toEqualTypeOf<Reranker>();
  });

  it('take every class of LangChain, and say what a store must be told', () => {
    expectTypeOf(fromRetriever).toBeCallableWith({} as BaseRetriever);
    expectTypeOf(fromChatModel).toBeCallableWith({} as ReturnType<BaseChatModel['withConfig']>);
    // @ts-expect-error: similarity or distance?
    expectTypeOf(fromVectorStore).toBeCallableWith({} as VectorStore, {});
    // @ts-expect-error: an index must know its model
    expectTypeOf(fromEmbeddings).toBeCallableWith({} as Embeddings, { dimensions: 3 });
  });

  it('docs/langchain-parts.md shows these programs', () => {
    const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
    const shown = [...read('../../docs/langchain-parts.md').matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
      ([, program]) => program,
    );
    const [imports, body] = [
      ...read('langchain.test.ts').matchAll(/^( *)\/\/ docs:begin\n([\s\S]*?)^ *\/\/ docs:end$/gm),
    ].map(([, indent, text]) => text!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
    const written = `${imports}${body}`
      .replaceAll('../../src/index.ts', 'discern-rag')
      .replaceAll('../../src/langchain.ts', 'discern-rag/langchain')
      .split('// docs:next\n');
    expect(shown).toEqual(written);
  });
});
