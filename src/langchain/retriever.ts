import type { CallbackManagerForRetrieverRun } from '@langchain/core/callbacks/manager';
import type { Document, DocumentInterface } from '@langchain/core/documents';
import { BaseRetriever, type BaseRetrieverInput } from '@langchain/core/retrievers';
import type { RunnableConfig } from '@langchain/core/runnables';
import { fromRetriever, type RetrieverLike } from '../backends/langchain/retriever.ts';
import type { ConfigInput } from '../config.ts';
import { createRag, type Rag, type RagOptions } from '../rag.ts';
import type { Retrieved } from '../types.ts';
import { documentOf } from './documents.ts';
import { inRun } from './events.ts';

export interface DiscernRetrieverFields extends BaseRetrieverInput {
  readonly rag: Pick<Rag, 'retrieve'>;
  /** Options over those of the rag. */
  readonly config?: ConfigInput;
  /** Told what was retrieved and why, such as why there is nothing; also what to keep as a trace. */
  readonly onRetrieved?: (retrieved: Retrieved) => void;
}

/**
 * A retriever that weighs what it finds: recall, rerank, IsREL and, where it is on, the gate. It returns nothing where no
 * passage is needed or none is relevant. Each document has `relevanceScore`, P(relevant), in its metadata.
 *
 * @example
 * const retriever = await DiscernRetriever.from(store.asRetriever({ k: 50 }));
 */
export class DiscernRetriever extends BaseRetriever {
  lc_namespace = ['discern-rag', 'retrievers'];
  readonly #fields: DiscernRetrieverFields;
  #close = async () => {};

  static override lc_name(): string {
    return 'DiscernRetriever';
  }

  constructor(fields: DiscernRetrieverFields) {
    super(fields);
    this.#fields = fields;
  }

  /**
   * Over a retriever that you have: it recalls, the local critics do the rest. Let it find more than you want in the end:
   * `rerank.topN` (5) are left. `close` frees the models.
   */
  static async from(
    retriever: RetrieverLike,
    { config, ...fields }: Omit<DiscernRetrieverFields, 'rag'> & Pick<RagOptions, 'onNotice' | 'keys'> = {},
  ): Promise<DiscernRetriever> {
    const { onNotice, keys, ...own } = fields;
    const rag = await createRag({ config, onNotice, keys, parts: { recaller: fromRetriever(retriever) } });
    const made = new DiscernRetriever({ ...own, rag });
    made.#close = () => rag.close();
    return made;
  }

  /** As every retriever; its signal reaches the models. */
  override invoke(input: string, options?: Partial<RunnableConfig>): Promise<DocumentInterface[]> {
    // The base class passes no signal on.
    const bound = Object.create(this, {
      _getRelevantDocuments: {
        value: (query: string, run?: CallbackManagerForRetrieverRun) => this.#find(query, run, options),
      },
    }) as DiscernRetriever;
    return super.invoke.call(bound, input, options);
  }

  override _getRelevantDocuments(query: string, run?: CallbackManagerForRetrieverRun): Promise<Document[]> {
    return this.#find(query, run, undefined);
  }

  async #find(
    query: string,
    run: CallbackManagerForRetrieverRun | undefined,
    options: Partial<RunnableConfig> | undefined,
  ): Promise<Document[]> {
    const { rag, config, onRetrieved } = this.#fields;
    const inside = { signal: options?.signal, callbacks: run?.getChild() };
    const retrieved = await inRun(inside, config, (ask) => rag.retrieve(query, ask));
    onRetrieved?.(retrieved);
    return retrieved.passages.map(documentOf);
  }

  /** Frees what `from` has made; a rag that was given stays yours. */
  close(): Promise<void> {
    return this.#close();
  }
}
