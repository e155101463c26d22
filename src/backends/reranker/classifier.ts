import type { Reranker } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { Classifier } from '../classifier.ts';

/** Scores by the logit of isRel. As critic the same classifier answers from what it said here, without another run. */
export function classifierReranker(classifier: Classifier): Reranker {
  const { id } = classifier;
  if (!classifier.has('isRel'))
    throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} has no head isRel, so it cannot rerank`);
  let closed = false;
  return {
    id,
    async score(question, candidates, options = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', `the reranker ${id} is closed`);
      throwIfAborted(options.signal);
      const requests = candidates.map(({ passage }) => ({ first: [question], last: passage }));
      const logits = await classifier.logits('isRel', requests, options);
      return logits.map(([relevant, irrelevant]) => relevant! - irrelevant!);
    },
    async close() {
      closed = true; // the classifier belongs to whoever made it
    },
  };
}
