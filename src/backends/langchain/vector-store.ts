import type { DocumentInterface } from '@langchain/core/documents';
import type { Embedder, MetadataFilter, Recaller } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { idOf, type LangchainOptions, langchainCalls, nameOf } from './calls.ts';
import { candidatesOf, fits, type PassageOf } from './documents.ts';

type Found = [DocumentInterface, number][];

/** What is asked of a vector store: every `VectorStore` has it. */
export interface VectorStoreLike {
  FilterType: unknown;
  similaritySearchWithScore(
    query: string,
    k?: number,
    filter?: unknown,
    callbacks?: LangchainOptions['callbacks'],
  ): Promise<Found>;
  similaritySearchVectorWithScore(vector: number[], k: number, filter?: unknown): Promise<Found>;
}

export interface VectorStoreOptions<S extends VectorStoreLike> extends LangchainOptions {
  /**
   * What the numbers of this store are: stores do not agree, and do not say. Of a distance the score is 1 - distance,
   * which is the cosine where it is a cosine distance. A function makes the score of the number.
   */
  readonly score: 'similarity' | 'distance' | ((value: number) => number);
  /** Embeds the queries instead of the embeddings of the store; the vectors must belong together. */
  readonly embedder?: Embedder;
  readonly passageOf?: PassageOf;
  /** The filter in the form of this store. Default: the filter as it is, one value for each key. */
  readonly filterOf?: (filter: MetadataFilter | undefined) => S['FilterType'] | undefined;
}

/**
 * Any vector store of LangChain as the recall stage, in place of embedder and index. What it returns is put in order by
 * score. It is no index: a store gives no vectors or passages by id, lists no sources and applies no change as a whole.
 *
 * @example
 * fromVectorStore(store, { score: 'similarity' })
 */
export function fromVectorStore<S extends VectorStoreLike>(store: S, options: VectorStoreOptions<S>): Recaller {
  const { score, embedder, passageOf, filterOf, callbacks } = options;
  const name = nameOf(store);
  const id = options.id ?? idOf(name);
  const calls = langchainCalls(store, name, options);
  const scoreOf =
    typeof score === 'function'
      ? score
      : score === 'distance'
        ? (value: number) => 1 - value
        : (value: number) => value;

  function ordered(found: Found): Found {
    const scored = found.map(([document, value]): Found[number] => [document, scoreOf(value)]);
    if (!scored.every(([, value]) => Number.isFinite(value)))
      throw new DiscernError('BACKEND_FAILED', `${name} gave a score that is no number`);
    if (typeof score !== 'function' && isWorstFirst(scored.map(([, value]) => value)))
      throw new DiscernError('CONFIG_INVALID', `${name} returns the worst first if its numbers are ${said[score]}`, {
        hint: `set score to '${score === 'distance' ? 'similarity' : 'distance'}', or to a function of the number`,
      });
    return scored.sort(([, a], [, b]) => b - a);
  }

  return {
    id: embedder ? `${embedder.id}+${id}` : id,
    recall: (queries, { topK, filter, signal: outer }) =>
      calls.batch(outer, async (signal) => {
        const wanted: unknown = filterOf ? filterOf(filter) : filter;
        const vectors = await embedder?.embed(queries, 'query', { signal });
        const search = (query: string, vector: Float32Array | undefined) =>
          vector
            ? store.similaritySearchVectorWithScore([...vector], topK, wanted)
            : store.similaritySearchWithScore(query, topK, wanted, callbacks);
        const lists = await Promise.all(
          queries.map((query, i) => calls.one(signal, () => search(query, vectors?.[i]))),
        ).catch((error: unknown) => {
          if (filter === undefined || filterOf || !DiscernError.is(error, 'BACKEND_FAILED')) throw error;
          throw new DiscernError('BACKEND_FAILED', error.message, {
            ...FILTER,
            details: error.details,
            cause: error.cause,
          });
        });
        return lists.map((found) => {
          const candidates = candidatesOf(ordered(found), passageOf);
          if (filter && !candidates.every(({ passage }) => fits(passage, filter)))
            throw new DiscernError('CONFIG_INVALID', `${name} takes no notice of the filter`, FILTER);
          return candidates.slice(0, topK);
        });
      }),
  };
}

const FILTER = { hint: 'give filterOf, which makes a filter of the form that this store wants' };

const said = { similarity: 'similarities', distance: 'distances' } as const;

/** Every store returns the best first: scores that only grow, by more than rounding, are the other kind of number. */
function isWorstFirst(scores: readonly number[]): boolean {
  const [first = 0, last = 0] = [scores[0], scores.at(-1)];
  return (
    last - first > 1e-3 * Math.max(1, Math.abs(last)) && scores.every((value, i) => value >= (scores[i - 1] ?? value))
  );
}
