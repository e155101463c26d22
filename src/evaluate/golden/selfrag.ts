import { z } from 'zod';
import { distributionOf, fromPublished, publishedToken } from '../../reflection.ts';
import type { Weights } from '../../stages/score.ts';
import { REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { Num } from './case.ts';

export const TokenMap = z.record(z.string(), Num);
export const Groups = z.object({ rel: TokenMap.default({}), sup: TokenMap.default({}), use: TokenMap.default({}) });
export const GoldenWeights = z.object({ rel: Num, sup: Num, use: Num }).default({ rel: 1, sup: 1, use: 0.5 });
export const Seq = z.enum(['none', 'expMean', 'expSum']);

export const weightsOf = (weights: z.infer<typeof GoldenWeights>, lm: Weights['lm']): Weights => ({
  isRel: weights.rel,
  isSup: weights.sup,
  isUse: weights.use,
  lm,
});

export const critiquesOf = (tokens: z.infer<typeof Groups>) => {
  const of = <K extends ReflectionKind>(kind: K, map: Record<string, number>) => {
    const probs = distributionOf(kind, fromPublished(kind, map));
    return probs === null ? undefined : { kind, probs };
  };
  return { isRel: of('isRel', tokens.rel), isSup: of('isSup', tokens.sup), isUse: of('isUse', tokens.use) };
};

export const published = (kind: ReflectionKind, probs: Readonly<Record<string, number>> | null | undefined) =>
  probs
    ? Object.fromEntries(REFLECTIONS[kind].map((label) => [publishedToken(kind, label as never), probs[label]]))
    : null;
