import { z } from 'zod';
import { stripReflectionTokens } from '../../reflection.ts';
import { aggregateClosedSet } from '../../stages/closed-set.ts';
import { scoreSegment } from '../../stages/score.ts';
import { type CaseRunner, type GoldenFile, listed, Num } from './case.ts';
import { critiquesOf, GoldenWeights, Groups, weightsOf } from './selfrag.ts';

const ClosedCase = z.object({
  weights: GoldenWeights,
  passages: z.array(z.object({ prediction: z.string(), score: Num.optional(), tokens: Groups.optional() })),
});
const runClosed: CaseRunner = (input) => {
  const { passages, weights } = ClosedCase.parse(input);
  const scored = passages.map(({ prediction, score, tokens }) => ({
    answer: stripReflectionTokens(prediction),
    score:
      score ??
      scoreSegment(critiquesOf(tokens ?? { rel: {}, sup: {}, use: {} }), null, weightsOf(weights, 'none')).total,
  }));
  const { ranking, best, bestSinglePassage } = aggregateClosedSet(scored);
  return { scores: scored.map(({ score }) => score), ranking, best, bestSinglePassage };
};

export const selfragClosed = (file: unknown): GoldenFile => ({ cases: listed(file, 'cases', runClosed) });
