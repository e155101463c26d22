const LANGCHAIN = `
import { HNSWLib } from '@langchain/community/vectorstores/hnswlib';
import type { Document } from '@langchain/core/documents';
import type { Embeddings } from '@langchain/core/embeddings';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { BaseDocumentLoader } from '@langchain/core/document_loaders/base';
import type { BaseDocumentCompressor } from '@langchain/core/retrievers/document_compressors';
import type { VectorStore } from '@langchain/core/vectorstores';
import { ChatOpenAI, OpenAI } from '@langchain/openai';
import type { TextSplitter } from '@langchain/textsplitters';
declare const store: VectorStore;
declare const compressor: BaseDocumentCompressor;
declare const chatModel: BaseChatModel;
declare const embeddings: Embeddings;
declare const loader: BaseDocumentLoader;
declare const splitter: TextSplitter;
`;

const DROP_IN = `
import type { DocumentInterface } from '@langchain/core/documents';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { Runnable } from '@langchain/core/runnables';
import type { VectorStore } from '@langchain/core/vectorstores';
import { END, START, StateGraph } from '@langchain/langgraph';
import { createRag } from 'discern-rag';
import {
  checkedChain,
  checkNode,
  DiscernRetriever,
  DiscernRunnable,
  DiscernState,
  discernTool,
  ReflectionCompressor,
  retrieveNode,
} from 'discern-rag/langchain';
import { discernMiddleware } from 'discern-rag/langchain/agent';
import { createAgent } from 'langchain';
declare const store: VectorStore;
declare const model: BaseChatModel;
declare const chain: Runnable<string, string>;
declare const writeFrom: (question: string, documents: DocumentInterface[] | undefined) => Promise<string>;
`;

/**
 * What the programs of a page take as given beside what the page says in a comment, by page: objects that its text
 * speaks of and leaves to the reader. A name that the page imports itself is not declared again, but for those that it
 * imports from a file of the reader.
 */
export const GIVEN: Readonly<Record<string, string>> = {
  'CONTRIBUTING.md': `
import type { Critic } from 'discern-rag';
declare const myCritic: () => Critic;
`,
  'docs/langchain.md': DROP_IN,
  'docs/langchain-parts.md': LANGCHAIN,
  'docs/server.md': `
import { createRag } from 'discern-rag';
import { listen } from 'discern-rag/server';
import OpenAI from 'openai';
`,
};
