import type { Embedder, Reranker } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { cosine, passageVectors, type VectorsOf } from '../embedder/similarity.ts';

export interface EmbeddingRerankerOptions {
  readonly embedder: Embedder;
  readonly vectorsOf?: VectorsOf;
}

/** Scores by the cosine of question and passage: the order of exact recall, whatever found the candidates. */
export function embeddingReranker({ embedder, vectorsOf }: EmbeddingRerankerOptions): Reranker {
  let closed = false;
  return {
    id: 'embedding@1',
    async score(question, candidates, { signal } = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', 'the embedding reranker is closed');
      throwIfAborted(signal);
      if (candidates.length === 0) return [];
      const [query] = await embedder.embed([question], 'query', { signal });
      const passages = candidates.map(({ passage }) => passage);
      const vectors = await passageVectors(embedder, passages, vectorsOf, { signal });
      return vectors.map((vector) => cosine(query!, vector));
    },
    async close() {
      closed = true; // the embedder belongs to whoever made it
    },
  };
}
