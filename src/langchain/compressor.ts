import type { Callbacks } from '@langchain/core/callbacks/manager';
import type { Document, DocumentInterface } from '@langchain/core/documents';
import { BaseDocumentCompressor } from '@langchain/core/retrievers/document_compressors';
import { RunnableLambda } from '@langchain/core/runnables';
import type { ConfigInput } from '../config.ts';
import type { Rag } from '../rag.ts';
import type { Retrieved } from '../types.ts';
import { givenDocuments } from './documents.ts';
import { inRun } from './events.ts';

export interface ReflectionCompressorFields {
  readonly rag: Pick<Rag, 'retrieve'>;
  /** Options over those of the rag: `rerank.topN` documents stay at most, `isRel.threshold` says which. */
  readonly config?: ConfigInput;
  readonly onRetrieved?: (retrieved: Retrieved) => void;
}

/**
 * A document compressor, such as for `ContextualCompressionRetriever`: reranks the documents and keeps the relevant ones.
 * They come back as they were, best first, with `relevanceScore`, P(relevant), in their metadata.
 */
export class ReflectionCompressor extends BaseDocumentCompressor {
  readonly #fields: ReflectionCompressorFields;

  constructor(fields: ReflectionCompressorFields) {
    super();
    this.#fields = fields;
  }

  /** Stands in the traces of LangChain as a run of its own, where there are callbacks. */
  override compressDocuments(
    documents: DocumentInterface[],
    query: string,
    callbacks?: Callbacks,
  ): Promise<Document[]> {
    const { rag, onRetrieved } = this.#fields;
    const given = givenDocuments(documents);
    // Someone has retrieved already.
    const config = {
      ...this.#fields.config,
      retrieve: { mode: 'always' as const },
      gate: { ...this.#fields.config?.gate, when: 'never' as const },
    };
    const compress = RunnableLambda.from(async (question: string, inside) => {
      if (given.passages.length === 0) return [];
      const retrieved = await inRun(inside, config, (ask) =>
        rag.retrieve(question, { ...ask, passages: given.passages }),
      );
      onRetrieved?.(retrieved);
      return given.documents(retrieved);
    });
    return compress.invoke(query, { callbacks, runName: 'ReflectionCompressor' });
  }
}
