/** An answer as NLI reads it: after its question, as SePer does (arXiv 2503.01478). */
export const nliText = (question: string, answer: string): string => `${question} ${answer}`.trim();
