export { seededRandom } from '../text/random.ts';
export {
  ANSWERED_CELLS,
  ANSWERED_POINTS,
  ANSWERED_STAGES,
  type AnsweredCell,
  type AnsweredExample,
  type AnsweredOptions,
  type AnsweredPoint,
  type AnsweredQuestion,
  type AnsweredTable,
  answeredTable,
  type Share,
} from './answered.ts';
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
export {
  CALIBRATION_METHODS,
  type CalibrationMethod,
  crossFitted,
  fitCalibration,
  type LabelledLogits,
  labelNll,
} from './calibrate-labels.ts';
export { type ConformanceResult, checkConformance, isKnownFormat } from './conformance.ts';
export {
  type CalibrationTrial,
  calibrateHead,
  type HeadCalibration,
  type RelevanceThreshold,
  relevanceThreshold,
} from './critics/calibrate.ts';
export { reliabilityChart } from './critics/chart.ts';
export { type CompareOptions, compareCritics, type KindComparison } from './critics/compare.ts';
export { type AnswerEffect, compareAnswers, type SwappedAnswer } from './critics/compare-answers.ts';
export { compareDecisions, type DecisionOptions, type Decisions } from './critics/compare-decisions.ts';
export { type Judged, type JudgeOptions, type Judges, judge, type Pace, predicts } from './critics/judge.ts';
export { type HeadFigures, measureHead, reliabilityOf, type SourceFigures } from './critics/measure.ts';
export { type CriticReport, confusionTable, criticReportPage } from './critics/report.ts';
export {
  caseOf,
  EVAL_LABELS,
  type EvalCase,
  type EvalHead,
  type EvalRow,
  parseEvalRow,
  type Truth,
} from './critics/rows.ts';
export { calibrationThreshold, halvesOf, quantileThreshold } from './critics/transfer.ts';
export { type Dataset, type DatasetContent, type GoldDocument, type GoldQuestion, groupOf } from './data/dataset.ts';
export { type MatchedTraces, matchTraces, requireOneConfig } from './data/match.ts';
export { type LabelledText, readClusterSets, readLabelled, readSts, type StsRow } from './data/mteb.ts';
export {
  DATASET_TYPES,
  type DatasetCounts,
  DatasetSource,
  type DatasetType,
  type OpenedDataset,
  openDataset,
  openDatasets,
} from './data/open.ts';
export { measureRun, type Run, type RunFigures, readRun } from './data/trec.ts';
export { type WrittenDataset, writeDataset } from './data/write.ts';
export {
  type ClusterItem,
  type ClusteringFigures,
  type ClusteringOptions,
  evaluateClustering,
} from './embedding/clustering.ts';
export {
  evaluateProbe,
  type LabelledVector,
  type ProbeFigures,
  type ProbeOptions,
  type ProbeReport,
} from './embedding/probe.ts';
export type { Slices, Tagged } from './embedding/slices.ts';
export { evaluateSts, type StsFigures, type StsPair } from './embedding/sts.ts';
export { experimentChapters } from './experiment/chapters.ts';
export {
  type ChapterBuilder,
  type ExperimentChapter,
  experimentReport,
  type ReportFacts,
} from './experiment/report.ts';
export {
  type FactScope,
  type Failure,
  type Observations,
  type RunOptions,
  runExperiment,
  type SystemRun,
  type TraceStore,
} from './experiment/run.ts';
export {
  type Experiment,
  type ExperimentFile,
  ExperimentSchema,
  parseExperiment,
  type System,
} from './experiment/schema.ts';
export { cardPage, type ExportCard, exportCard } from './export/card.ts';
export { type AskedRequest, type Collection, createCollection, type Said } from './export/collect.ts';
export { type ExportContent, type ExportFile, exportContent } from './export/export.ts';
export { type ExportFormat, FORMATS } from './export/formats.ts';
export { createKnownTexts, type KnownTexts, readKnownTexts } from './export/leaks.ts';
export { type ReviewRow, readReview, reviewCsv, reviewJsonl, reviewRows } from './export/review.ts';
export { type ExportOptions, type ExportRow, reviewable, selectRows } from './export/rows.ts';
export { type SelfRagSample, selfRagSamples } from './export/selfrag.ts';
export { type Placed, type Split, splitByDocument } from './export/split.ts';
export { type Override, type Target, type TargetOptions, targetOf } from './export/targets.ts';
export type { Blame, Said as SaidAnswer } from './faults/blame.ts';
export { checkLimits, type Limit, type LimitResult } from './faults/check.ts';
export type { BackendChange } from './faults/facts.ts';
export type { ChangedAnswer, FaultReport, StageFaults, ValueChange } from './faults/fault-report.ts';
export { type FaultOptions, findFaults, type Run as RecordedRun } from './faults/faults.ts';
export { FAULT_STAGES, type FaultStage } from './faults/stages.ts';
export { containsGold, exactMatch, normalizeAnswer, tokenF1 } from './metrics/answers.ts';
export { containsGoldZh, exactMatchZh, tokenF1Zh, zhTokens } from './metrics/answers-zh.ts';
export { bootstrap } from './metrics/bootstrap.ts';
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
export { gradeOf, isRelevant, judgedId } from './metrics/gold.ts';
export { type Grades, type IrMeasure, type IrOptions, metricNames, metricOf, relevantCount } from './metrics/ir.ts';
export { type MetricRow, meanOf, type Population, type QueryMeans, queryMeans } from './metrics/ir-means.ts';
export { type MeanInterval, meanInterval } from './metrics/mean.ts';
export { holm, type PairedDifference, pairedDifference } from './metrics/paired.ts';
export {
  isRelFigures,
  isRelIntervals,
  type RelevanceFigures,
  type RelevanceObservation,
  relevanceObservations,
} from './metrics/pooled.ts';
export { pairwiseAccuracy, rankByScore, type Scored } from './metrics/ranking.ts';
export { type AnswerMetric, answerMetric, answerMetricNames, type MetricStage } from './metrics/registry.ts';
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
export { answeredChapter } from './report/answered-chapter.ts';
export { chaptersPage } from './report/chapters-page.ts';
export type { ExperimentReport } from './report/experiment-report.ts';
export { faultsChapter } from './report/faults-chapter.ts';
export { type Chapter, type Html, html } from './report/html.ts';
export { experimentPage } from './report/page.ts';
export { sensitivityChapter } from './report/sensitivity-chapter.ts';
export { tuneChapter } from './report/tune-chapter.ts';
export { type OptionRange, rangedOptions, rangeOf } from './sensitivity/ranges.ts';
export { NOISE, type SensitivityOptions, type SensitivityReport, sensitivity } from './sensitivity/sensitivity.ts';
export { askSeper, type SeperFacts, type SeperOptions, type SeperParts } from './seper/collect.ts';
export {
  type ConditionFigures,
  measureSeper,
  type PassageUtility,
  type SeperFigures,
  type SeperGap,
} from './seper/measure.ts';
export { parseRecord, recordLine, type SeperRecord } from './seper/records.ts';
export { type GivenSamples, parseSeperFile, parseSeperRow, type RowPassage, type SeperRow } from './seper/rows.ts';
export {
  findThreshold,
  type SeperThresholds,
  seperThresholds,
  type ThresholdFit,
  type ThresholdRow,
  thresholdConfig,
} from './seper/thresholds.ts';
export {
  type Agreement,
  type PairedMeans,
  reportSeper,
  SEPER_MEASURES,
  type SeperAtK,
  type SeperMeasure,
  type SeperReport,
  type SeperReportOptions,
} from './seper.ts';
export { type Axis, defaultAxes, parseAxes } from './tune/axes.ts';
export { type Budget, parseBudget } from './tune/budget.ts';
export { type Chance, chanceOf, type GroupGains } from './tune/chance.ts';
export { type ClosedSetRow, closedSetSurface, readClosedSet } from './tune/closed-set.ts';
export type { AxisEffect, FrontPoint } from './tune/front.ts';
export type { Compared, HeldOut } from './tune/held-out.ts';
export { backendsOf, differingOptions, type TuneSource, tunedConfig } from './tune/provenance.ts';
export { changeOf, type RecordedQuestion, replaySurface } from './tune/replay-surface.ts';
export { STRATEGIES, type Strategy } from './tune/search.ts';
export type { Outcome, Setting, Surface } from './tune/surface.ts';
export { type FoldResult, type TuneOptions, type TuneResult, tuneSurface } from './tune/tune.ts';
export type { Verdict } from './tune/verdict.ts';
export { type AskWith, askWide, type WideOptions, wideSettings } from './wide.ts';
