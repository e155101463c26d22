import { z } from 'zod';
import {
  applyIsotonic,
  applyPlatt,
  applyTemperature,
  fitIsotonic,
  fitPlatt,
  fitTemperature,
  temperatureNll,
} from '../calibrate.ts';
import { accuracyOf, confusionOf, kappa, macro, matthews, perClass, weighted } from '../metrics/confusion.ts';
import {
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
  topClass,
  topLabelEce,
} from '../metrics/critics.ts';
import { calibrationError, equalCountBins, reliabilityBins } from '../metrics/reliability.ts';
import { type CaseRunner, type Expected, type GoldenCase, type GoldenFile, keysOf, listed, Num } from './case.ts';

const Classes = z.array(z.int().min(0));
const Rows = z.array(z.array(Num));
const byKey = (table: unknown, of: (key: number) => unknown): Expected =>
  Object.fromEntries(keysOf(table).map((key) => [key, of(Number(key))]));

const BinaryCase = z.object({
  y: z.array(z.union([z.literal(0), z.literal(1)])),
  p: z.array(Num),
  expected: z.looseObject({ thresholds: z.array(z.object({ threshold: Num })).default([]) }),
});
const runBinary: CaseRunner = (input) => {
  const { y, p, expected } = BinaryCase.parse(input);
  const thresholds = expected.thresholds.map(({ threshold }) => threshold);
  return {
    brier: brier(y, p),
    logLoss: logLoss(y, p),
    rocAuc: rocAuc(y, p),
    averagePrecision: averagePrecisionScore(y, p),
    ece: byKey(expected.ece, (count) => {
      const bins = reliabilityBins(y, p, count);
      return { ...calibrationError(bins), bins };
    }),
    eceEqualCount: byKey(expected.eceEqualCount, (count) => calibrationError(equalCountBins(y, p, count)).ece),
    thresholds: thresholds.map((threshold) => {
      const { confusion, ...scores } = scoresAt(y, p, threshold);
      return { ...scores, tn_fp_fn_tp: confusion.flat() };
    }),
    bestF1: bestF1(y, p, thresholds),
  };
};

const MulticlassCase = z.object({
  classes: z.int().min(1),
  y: Classes,
  p: Rows.nullable(),
  /** Without probabilities the predictions themselves are what is given. */
  expected: z.looseObject({ predicted: Classes }),
});
const LEVELS = 5;
const runMulticlass: CaseRunner = (input) => {
  const { classes, y, p, expected } = MulticlassCase.parse(input);
  const predicted = p?.map(topClass) ?? expected.predicted;
  const confusion = confusionOf(y, predicted, classes);
  const scores = perClass(confusion);
  const accuracy = accuracyOf(confusion);
  return {
    predicted,
    accuracy,
    confusion,
    perClass: scores,
    macro: { precision: macro(scores.precision), recall: macro(scores.recall), f1: macro(scores.f1) },
    micro: { f1: accuracy },
    weighted: { f1: weighted(scores.f1, scores.support) },
    kappa: kappa(confusion),
    kappaLinear: kappa(confusion, 'linear'),
    kappaQuadratic: kappa(confusion, 'quadratic'),
    mcc: matthews(confusion),
    brier: p && brierMulticlass(y, p),
    logLoss: p && logLossMulticlass(y, p),
    topLabelEce: p && byKey(expected.topLabelEce, (bins) => topLabelEce(y, p, bins)),
    rocAucOvrMacro: p && rocAucOvr(y, p),
    expectedLevel: p && classes === LEVELS ? p.map(expectedLevel) : null,
  };
};

const TemperatureCase = z.object({ logits: Rows, y: Classes, applyTo: Rows.default([]) });
const runTemperature: CaseRunner = (input) => {
  const { logits, y, applyTo } = TemperatureCase.parse(input);
  const temperature = fitTemperature(logits, y);
  const calibrated = logits.map((row) => applyTemperature(row, temperature));
  return {
    temperature,
    nllBefore: temperatureNll(logits, y, 1),
    nllAfter: temperatureNll(logits, y, temperature),
    probabilitiesApplyTo: applyTo.map((row) => applyTemperature(row, temperature)),
    topLabelEceAfter10: topLabelEce(y, calibrated, 10),
  };
};

const PlattCase = z.object({ scores: z.array(Num), y: Classes, applyTo: z.array(Num).default([]) });
const runPlatt: CaseRunner = (input) => {
  const { scores, y, applyTo } = PlattCase.parse(input);
  const fitted = (targets: 'platt' | 'logistic') => {
    const curve = fitPlatt(scores, y, targets);
    return { ...curve, probabilities: applyTo.map((score) => applyPlatt(curve, score)) };
  };
  return { platt: fitted('platt'), logistic: fitted('logistic') };
};

const IsotonicCase = z.object({ x: z.array(Num), y: z.array(Num), applyTo: z.array(Num).default([]) });
const runIsotonic: CaseRunner = (input) => {
  const { x, y, applyTo } = IsotonicCase.parse(input);
  const curve = fitIsotonic(x, y);
  return {
    fittedAtX: x.map((value) => applyIsotonic(curve, value)),
    applied: applyTo.map((value) => applyIsotonic(curve, value)),
  };
};

/** What a golden file holds as information only. */
const INFORMATION = [
  'sklearnTemperature',
  'sklearn_a',
  'sklearn_b',
  'slope',
  'intercept',
  'xThresholds',
  'yThresholds',
];
const compared = (expected: Expected): Expected =>
  Object.fromEntries(
    Object.entries(expected)
      .filter(([key]) => !INFORMATION.includes(key))
      .map(([key, value]) => [key, isTable(value) ? compared(value) : value]),
  );
const isTable = (value: unknown): value is Expected =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const Tolerances = z.object({
  tolerance: z
    .object({ temperature: z.number().default(1e-3), plattProbabilities: z.number().default(1e-4) })
    .catch({ temperature: 1e-3, plattProbabilities: 1e-4 }),
});

export function calibration(file: unknown): GoldenFile {
  const { tolerance } = Tolerances.parse(file);
  const fitted = (key: string, run: CaseRunner, allowed: (path: string) => number | undefined): GoldenCase[] =>
    listed(file, key, run).map((golden) => ({ ...golden, expected: compared(golden.expected), tolerance: allowed }));
  return {
    cases: [
      ...listed(file, 'binary', runBinary),
      ...listed(file, 'multiclass', runMulticlass),
      // All but the loss before it hangs on the fitted temperature.
      ...fitted('temperature', runTemperature, (path) => (path === 'nllBefore' ? undefined : tolerance.temperature)),
      ...fitted('platt', runPlatt, () => tolerance.plattProbabilities),
      ...fitted('isotonic', runIsotonic, () => undefined),
    ],
  };
}
