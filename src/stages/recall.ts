import type { Embedder, PassageIndex, Recaller } from '../contracts.ts';

/** Recall by embedding search: the queries are embedded in one batch, and each asks the index. */
export function embeddingRecaller(embedder: Embedder, index: PassageIndex): Recaller {
  return {
    id: `${embedder.id}+${index.id}`,
    async recall(queries, { topK, filter, signal }) {
      const vectors = await embedder.embed(queries, 'query', { signal });
      return Promise.all(
        vectors.map(async (vector) => {
          const hits = await index.search(vector, topK, { filter, signal });
          const passages = await index.passages(hits.map(({ id }) => id));
          return hits.map(({ score }, i) => ({
            passage: passages[i]!,
            recallRank: i + 1,
            recallScore: score,
            rerankScore: null,
          }));
        }),
      );
    },
  };
}
