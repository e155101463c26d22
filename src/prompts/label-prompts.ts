import type { CritiqueRequest } from '../types.ts';

/** The prompts that ask for one label word. */
export const LABEL_PROMPTS = {
  retrieve: 'retrieve@1',
  isRel: 'is-rel@1',
  isSup: 'is-sup@1',
  isUse: 'is-use@1',
} as const;

/** The values of a request, the most important one first: the last is cut first where a prompt is too long. */
export function valuesOf(request: CritiqueRequest): Record<string, string> {
  switch (request.kind) {
    case 'retrieve':
      return { question: request.question, answerSoFar: request.answerSoFar };
    case 'isRel':
      return { question: request.question, passage: request.passage.text };
    case 'isSup':
      return { question: request.question, segment: request.segment, passage: request.passage.text };
    case 'isUse':
      return { question: request.question, answer: request.answer };
  }
}
