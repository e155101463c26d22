import { z } from 'zod';
import { distributionOf, fromPublished, publishedToken, readReflectionStream } from '../../reflection.ts';
import { decideRetrieve, hasNoSupport, relativeWeights, scoreSegment } from '../../stages/score.ts';
import type { ReflectionKind } from '../../types.ts';
import { type CaseRunner, type GoldenFile, listed, Num } from './case.ts';
import { critiquesOf, GoldenWeights, Groups, published, Seq, TokenMap, weightsOf } from './selfrag.ts';

const SegmentCase = z.object({
  weights: GoldenWeights,
  seqMode: Seq.default('none'),
  segmentLogprobs: z.array(Num).nullable().default(null),
  tokens: Groups,
});
const runSegment: CaseRunner = (input) => {
  const { weights, seqMode, segmentLogprobs, tokens } = SegmentCase.parse(input);
  const critiques = critiquesOf(tokens);
  const { total, parts } = scoreSegment(critiques, segmentLogprobs, weightsOf(weights, seqMode));
  return {
    sRel: parts.isRel,
    sSup: parts.isSup,
    sUse: parts.isUse,
    seq: parts.lm,
    score: total,
    present: { rel: parts.isRel !== null, sup: parts.isSup !== null, use: parts.isUse !== null },
    distribution: {
      rel: published('isRel', critiques.isRel?.probs),
      sup: published('isSup', critiques.isSup?.probs),
      use: published('isUse', critiques.isUse?.probs),
    },
    noSupport: hasNoSupport(critiques.isSup),
  };
};

const RetrieveCase = z.object({ tokens: TokenMap, thresholds: z.array(Num) });
const runRetrieve: CaseRunner = (input) => {
  const { tokens, thresholds } = RetrieveCase.parse(input);
  const logprobs = fromPublished('retrieve', tokens);
  const weights = relativeWeights(logprobs);
  const distribution = distributionOf('retrieve', logprobs);
  return {
    probability: decideRetrieve(weights, 0).probability,
    withContinue: distribution === null ? null : distribution.yes + distribution.continue,
    distribution: published('retrieve', distribution),
    decisions: thresholds.map((threshold) => decideRetrieve(weights, threshold).retrieve),
    argmaxDecision: decideRetrieve(weights, null).retrieve,
  };
};

const StreamCase = z.object({
  steps: z.array(z.object({ token: z.string(), logprob: Num.optional(), top: TokenMap.default({}) })),
  weights: GoldenWeights,
  seqMode: Seq.default('none'),
});
const runStream: CaseRunner = (input) => {
  const { steps, weights, seqMode } = StreamCase.parse(input);
  const found = readReflectionStream(steps);
  const tokens = {
    rel: publishedLogs('isRel', found.isRel),
    sup: publishedLogs('isSup', found.isSup),
    use: publishedLogs('isUse', found.isUse),
  };
  const logprobs = steps.flatMap(({ logprob }) => (logprob === undefined ? [] : [logprob]));
  const { total, parts } = scoreSegment(critiquesOf(tokens), logprobs, weightsOf(weights, seqMode));
  return { groups: tokens, sRel: parts.isRel, sSup: parts.isSup, sUse: parts.isUse, seq: parts.lm, score: total };
};
const publishedLogs = (kind: ReflectionKind, logprobs: Readonly<Record<string, number | undefined>> = {}) =>
  Object.fromEntries(Object.entries(logprobs).map(([label, value]) => [publishedToken(kind, label as never), value!]));

export const selfragScores = (file: unknown): GoldenFile => ({
  cases: [
    ...listed(file, 'segments', runSegment),
    ...listed(file, 'retrieve', runRetrieve),
    ...listed(file, 'streams', runStream),
  ],
});
