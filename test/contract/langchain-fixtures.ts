import type { DocumentInterface } from '@langchain/core/documents';
import { Embeddings } from '@langchain/core/embeddings';
import { BaseDocumentCompressor } from '@langchain/core/retrievers/document_compressors';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import type { Passage } from '../../src/types.ts';

const DIMENSIONS = 512;

/** Embeddings of LangChain without a model; not of unit length. Counts the texts of each call. */
export class HashEmbeddings extends Embeddings {
  readonly calls: { kind: 'query' | 'documents'; texts: string[] }[] = [];
  readonly #embedder = hashEmbedder({ dimensions: DIMENSIONS });

  constructor() {
    super({});
  }

  async embedQuery(text: string): Promise<number[]> {
    this.calls.push({ kind: 'query', texts: [text] });
    return (await this.#embedder.embed([text], 'query')).map((vector) => [...vector].map((value) => value * 3))[0]!;
  }

  async embedDocuments(texts: string[]): Promise<number[][]> {
    this.calls.push({ kind: 'documents', texts });
    return (await this.#embedder.embed(texts, 'passage')).map((vector) => [...vector].map((value) => value * 3));
  }
}

const wordsOf = (text: string) => new Set(text.toLowerCase().match(/\p{L}+/gu) ?? []);
const common = (a: string, b: string) => [...wordsOf(a)].filter((word) => wordsOf(b).has(word)).length;

/** Keeps the documents that share most words with the query, with or without a score. */
export class WordCompressor extends BaseDocumentCompressor {
  readonly #topN: number;
  readonly #score: 'relevanceScore' | 'relevance_score' | null;

  constructor(topN: number, score: 'relevanceScore' | 'relevance_score' | null) {
    super();
    this.#topN = topN;
    this.#score = score;
  }

  async compressDocuments(documents: DocumentInterface[], query: string): Promise<DocumentInterface[]> {
    return documents
      .map((document) => ({ document, score: common(document.pageContent, query) / (1 + wordsOf(query).size) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, this.#topN)
      .map(({ document, score }) => ({
        pageContent: document.pageContent,
        metadata: { ...document.metadata, ...(this.#score && { [this.#score]: score }) },
      }));
  }
}

/** As a user would have put it into a store. */
export const documentsOf = (passages: readonly Passage[]) =>
  passages.map(({ docId, text, metadata }) => ({ pageContent: text, metadata: { ...metadata, source: docId } }));
