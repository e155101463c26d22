import type { DocumentInterface } from '@langchain/core/documents';
import type { Recaller } from '../../contracts.ts';
import { idOf, type LangchainOptions, langchainCalls, nameOf } from './calls.ts';
import { candidatesOf, fits, type PassageOf } from './documents.ts';

/** What is asked of a retriever: every `BaseRetriever` has it. */
export interface RetrieverLike {
  invoke(
    query: string,
    options?: { signal?: AbortSignal; callbacks?: LangchainOptions['callbacks'] },
  ): Promise<DocumentInterface[]>;
}

export interface RetrieverOptions extends LangchainOptions {
  readonly passageOf?: PassageOf;
}

/**
 * Any retriever of LangChain as the recall stage. A retriever gives an order and no scores, so the score of rank r is
 * 1 / r, which is no similarity: it says nothing of how near a passage is. How many it finds is its own setting; topK
 * only cuts. With a reranker the order is the reranker's alone, unless `rerank.mix` is given. It knows no filter: what does
 * not fit one is left out.
 *
 * @example
 * fromRetriever(store.asRetriever({ k: 20 }))
 */
export function fromRetriever(retriever: RetrieverLike, options: RetrieverOptions = {}): Recaller {
  const { passageOf, callbacks } = options;
  const heard = callbacks && { callbacks };
  const name = nameOf(retriever);
  const calls = langchainCalls(retriever, name, options);
  return {
    id: options.id ?? idOf(name),
    ranksOnly: true,
    recall: (queries, { topK, filter, signal: outer }) =>
      calls.batch(outer, (signal) =>
        Promise.all(
          queries.map(async (query) => {
            const found = await calls.one(signal, () => retriever.invoke(query, { signal, ...heard }));
            return candidatesOf(
              found.map((document) => [document, 0]),
              passageOf,
            )
              .filter(({ passage }) => filter === undefined || fits(passage, filter))
              .slice(0, topK)
              .map((candidate, i) => ({ ...candidate, recallRank: i + 1, recallScore: 1 / (i + 1) }));
          }),
        ),
      ),
  };
}
