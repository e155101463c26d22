import { z } from 'zod';
import {
  AVERAGES,
  adjustedRand,
  ami,
  fowlkesMallows,
  mutualInformation,
  nmi,
  purity,
  randIndex,
  vMeasure,
} from '../metrics/clustering.ts';
import {
  averageRanks,
  cosine,
  dot,
  euclidean,
  isZeroVector,
  kendallTauB,
  kendallTauC,
  pearson,
  spearman,
} from '../metrics/correlation.ts';
import { type CaseRunner, type GoldenFile, keysOf, listed, Num } from './case.ts';

const Labels = z.array(z.union([z.string(), z.number()]));
const ClusterCase = z.object({
  labelsTrue: Labels,
  labelsPred: Labels,
  expected: z.object({ vMeasureBeta: z.unknown() }),
});
const runClustering: CaseRunner = (input) => {
  const { labelsTrue, labelsPred, expected } = ClusterCase.parse(input);
  const averages = Object.keys(AVERAGES) as (keyof typeof AVERAGES)[];
  const { homogeneity, completeness, v } = vMeasure(labelsTrue, labelsPred);
  return {
    purity: purity(labelsTrue, labelsPred),
    inversePurity: purity(labelsPred, labelsTrue),
    nmi: Object.fromEntries(averages.map((average) => [average, nmi(labelsTrue, labelsPred, average)])),
    mi: mutualInformation(labelsTrue, labelsPred),
    ami: ami(labelsTrue, labelsPred),
    ari: adjustedRand(labelsTrue, labelsPred),
    rand: randIndex(labelsTrue, labelsPred),
    homogeneity,
    completeness,
    vMeasure: v,
    vMeasureBeta: Object.fromEntries(
      keysOf(expected.vMeasureBeta).map((beta) => [beta, vMeasure(labelsTrue, labelsPred, Number(beta)).v]),
    ),
    fowlkesMallows: fowlkesMallows(labelsTrue, labelsPred),
  };
};

const PairCase = z.object({ x: z.array(Num), y: z.array(Num) });
const runCorrelation: CaseRunner = (input) => {
  const { x, y } = PairCase.parse(input);
  return {
    pearson: pearson(x, y),
    spearman: spearman(x, y),
    kendallTauB: kendallTauB(x, y),
    kendallTauC: kendallTauC(x, y),
    rankX: averageRanks(x),
    rankY: averageRanks(y),
  };
};

const VectorCase = z.object({ a: z.array(Num), b: z.array(Num) });
const runSimilarity: CaseRunner = (input) => {
  const { a, b } = VectorCase.parse(input);
  return {
    cosine: cosine(a, b),
    dot: dot(a, b),
    euclidean: euclidean(a, b),
    zeroVector: isZeroVector(a) || isZeroVector(b),
  };
};

export const clusterSts = (file: unknown): GoldenFile => ({
  cases: [
    ...listed(file, 'clustering', runClustering),
    ...listed(file, 'correlation', runCorrelation),
    ...listed(file, 'similarity', runSimilarity),
  ],
});
