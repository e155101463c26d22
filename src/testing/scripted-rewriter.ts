import type { CallOptions, Rewriter } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';

/** What to search with for a question; the question itself where the text is empty. */
export type RewriterScript = (question: string) => string;

/** The words of the question in lower case, without its punctuation. */
export const bareWords: RewriterScript = (question) =>
  (question.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).join(' ');

/** A rewriter without a model: a function of the question, so the same in every run. */
export function scriptedRewriter(
  script: RewriterScript = bareWords,
  { id = 'scripted@1' }: { readonly id?: string } = {},
): Rewriter {
  let closed = false;
  return {
    id,
    async rewrite(questions, { signal }: CallOptions = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', 'the scripted rewriter is closed');
      throwIfAborted(signal);
      return questions.map((question) => script(question) || question);
    },
    async close() {
      closed = true;
    },
  };
}
