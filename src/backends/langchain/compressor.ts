import type { DocumentInterface } from '@langchain/core/documents';
import type { Reranker } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { passageText } from '../../text/passage.ts';
import type { Candidate } from '../../types.ts';
import { idOf, type LangchainOptions, langchainCalls, nameOf } from './calls.ts';

/** What is asked of a compressor: every `BaseDocumentCompressor` has it. */
export interface CompressorLike {
  compressDocuments(
    documents: DocumentInterface[],
    query: string,
    callbacks?: LangchainOptions['callbacks'],
  ): Promise<DocumentInterface[]>;
}

/** Where compressors write what they think of a document. */
const SCORES = ['relevanceScore', 'relevance_score'] as const;
/** Tells which candidate a document was: a compressor may copy it, shorten it, or cut it into several. */
const PLACE = 'discernPlace';

function documentOf({ passage }: Candidate, place: number): DocumentInterface {
  const own = Object.entries(passage.metadata).filter(([name]) => !SCORES.some((score) => score === name));
  return {
    id: passage.id,
    pageContent: passageText(passage),
    metadata: { ...Object.fromEntries(own), [PLACE]: place },
  };
}

function scoreOf({ metadata }: DocumentInterface): number | null {
  for (const name of SCORES) {
    const value: unknown = metadata[name];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
  }
  return null;
}

/**
 * Any document compressor of LangChain as a reranker. Its scores are those that it writes into the metadata of every
 * document that it returns, `relevanceScore` or `relevance_score`. Where it writes none they follow from its order: 1 for
 * the first, falling evenly to 0, and then they compare only within one call. A passage that it drops is not lost: it
 * gets less than the others, with scores one below the lowest of them, by order 0.
 *
 * @example
 * fromCompressor(new CohereRerank({ model: 'rerank-v3.5', topN: 20 }))
 */
export function fromCompressor(compressor: CompressorLike, options: LangchainOptions = {}): Reranker {
  const name = nameOf(compressor);
  const calls = langchainCalls(compressor, name, options);

  function placeOf({ metadata }: DocumentInterface, count: number): number {
    const place: unknown = metadata[PLACE];
    if (typeof place === 'number' && Number.isInteger(place) && place >= 0 && place < count) return place;
    throw new DiscernError(
      'BACKEND_FAILED',
      `${name} returned a document without the metadata of one that it was given`,
    );
  }

  return {
    id: options.id ?? idOf(name),
    score: (question, candidates, { signal: outer } = {}) =>
      calls.batch(outer, async (signal) => {
        if (candidates.length === 0) return [];
        const kept = await calls.one(signal, () =>
          compressor.compressDocuments(candidates.map(documentOf), question, options.callbacks),
        );
        const given = kept.map(scoreOf);
        const scored = given.every((score) => score !== null);
        const scores = new Map<number, number>();
        for (const [rank, document] of kept.entries()) {
          const place = placeOf(document, candidates.length);
          const score = scored ? given[rank]! : 1 - rank / kept.length;
          scores.set(place, Math.max(score, scores.get(place) ?? Number.NEGATIVE_INFINITY));
        }
        const lowest = scored && kept.length > 0 ? Math.min(...scores.values()) - 1 : 0;
        return candidates.map((_, place) => scores.get(place) ?? lowest);
      }),
    close: () => calls.close(),
  };
}
