import { randomUUID } from 'node:crypto';
import { DiscernError } from '../errors.ts';
import { operation, type Server, tooLong } from './operation.ts';
import { RerankBody, RerankRequest } from './schemas.ts';

/** Nothing is dropped, and only the reranker and IsREL are asked. */
const ALL = {
  retrieve: { mode: 'always' },
  isRel: { threshold: 0 },
  gate: { when: 'never' },
} as const;

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

/** `POST /v1/rerank` in the common shape. The score is P(relevant), or where no critic says it the logistic of the reranker. */
export function addRerank({ app, rag, model, limits, admission }: Server): void {
  const route = operation({
    ...{ path: '/v1/rerank', summary: 'Orders documents by their relevance to a query' },
    ...{ request: RerankRequest, response: RerankBody },
  });
  app.openapi(route, async (c) => {
    const { query, documents, top_n: most = documents.length, return_documents: back } = c.req.valid('json');
    tooLong('characters of the query', query.length, limits.questionCharacters);
    tooLong('documents', documents.length, limits.documents);
    const texts = documents.map((document) => (typeof document === 'string' ? document : document.text));
    // A blank document is relevant to nothing; everything else is asked.
    const asked = texts.flatMap((text, index) => (text.trim() === '' ? [] : [{ text, docId: `${index}` }]));
    const { passages } =
      asked.length === 0
        ? { passages: [] }
        : await admission.admit(c.req.raw.signal, (signal) =>
            rag.retrieve(query, { signal, passages: asked, config: { ...ALL, rerank: { topN: asked.length } } }),
          );
    const scores = new Map(texts.map((_, index) => [index, 0]));
    for (const { passage, isRel, rerankScore } of passages) {
      const score = isRel ?? (rerankScore === null ? null : sigmoid(rerankScore));
      if (score === null)
        throw new DiscernError('BACKEND_UNKNOWN', 'this server has neither a reranker nor a critic of IsREL');
      scores.set(Number(passage.docId), score);
    }
    const results = [...scores]
      .sort(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([index, relevance_score]) => ({
        ...{ index, relevance_score },
        ...(back && { document: { text: texts[index]! } }),
      }));
    return c.json({ id: randomUUID(), model, results }, 200);
  });
}
