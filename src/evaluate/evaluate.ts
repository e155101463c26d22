export { seededRandom } from '../text/random.ts';
export {
  applyIsotonic,
  applyPlatt,
  applyTemperature,
  fitIsotonic,
  fitPlatt,
  fitTemperature,
  type Isotonic,
  type Platt,
  temperatureNll,
} from './calibrate.ts';
export { type ConformanceResult, checkConformance, isKnownFormat } from './conformance.ts';
export { containsGold, exactMatch, normalizeAnswer, tokenF1 } from './metrics/answers.ts';
export { exactMatchZh, tokenF1Zh, zhTokens } from './metrics/answers-zh.ts';
export {
  adjustedRand,
  ami,
  type ClusterLabel,
  fowlkesMallows,
  mutualInformation,
  nmi,
  purity,
  randIndex,
  vMeasure,
} from './metrics/clustering.ts';
export {
  accuracyOf,
  balancedAccuracy,
  type ClassScores,
  type Confusion,
  confusionOf,
  kappa,
  macro,
  matthews,
  perClass,
  weighted,
} from './metrics/confusion.ts';
export {
  averageRanks,
  cosine,
  euclidean,
  isZeroVector,
  kendallTauB,
  kendallTauC,
  pearson,
  spearman,
} from './metrics/correlation.ts';
export {
  averagePrecisionScore,
  bestF1,
  brier,
  brierMulticlass,
  expectedLevel,
  logLoss,
  logLossMulticlass,
  rocAuc,
  rocAucOvr,
  scoresAt,
  type ThresholdScores,
  topClass,
  topLabelEce,
} from './metrics/critics.ts';
export { type Grades, type IrMeasure, type IrOptions, metricNames, metricOf, relevantCount } from './metrics/ir.ts';
export { type MetricRow, meanOf, type Population, type QueryMeans, queryMeans } from './metrics/ir-means.ts';
export { type MeanInterval, meanInterval } from './metrics/mean.ts';
export { pairwiseAccuracy, rankByScore, type Scored } from './metrics/ranking.ts';
export {
  type CalibrationError,
  calibrationError,
  equalCountBins,
  type ReliabilityBin,
  reliabilityBins,
} from './metrics/reliability.ts';
export { type Overlap, type Rouge, type RougeTokenizer, rouge, rougeL, rougeN, rougeTokens } from './metrics/rouge.ts';
export {
  clustersMatchingGold,
  type GoldEntailment,
  type GoldPairs,
  keepsContext,
  seperHard,
  seperSoft,
  seperSoftPerGold,
} from './metrics/seper.ts';
