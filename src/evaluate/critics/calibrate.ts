import { type Calibration, calibrated } from '../../calibration.ts';
import {
  CALIBRATION_METHODS,
  type CalibrationMethod,
  crossFitted,
  fitCalibration,
  type LabelledLogits,
  labelNll,
} from '../calibrate-labels.ts';
import type { Judged } from './judge.ts';
import { positiveEce } from './measure.ts';
import type { EvalHead } from './rows.ts';

/** How good a calibration is on rows that it was not fitted on; `raw` is none at all. */
export interface CalibrationTrial {
  readonly method: CalibrationMethod | 'raw';
  /** Mean negative log-likelihood, cross-validated. */
  readonly nll: number;
  /** Calibration error of the positive side, cross-validated. */
  readonly ece: number;
}

export interface HeadCalibration {
  readonly n: number;
  readonly trials: readonly CalibrationTrial[];
  /** Of the method with the least nll, or the one that was asked for; fitted on all rows. */
  readonly use: Calibration;
}

const FOLDS = 5;
/** Keeps the logarithm of a probability of 0 finite. */
const LEAST = 1e-12;

/** Raw log-probabilities of the rows with a label. What was decided without the model, at exactly 1, tells nothing. */
function logitsOf(head: EvalHead, judged: readonly Judged[]): LabelledLogits[] {
  return judged.flatMap(({ truth, probs, raw }) => {
    const said = (raw ?? probs)[0]!;
    if ('better' in truth || (head === 'entail' && said[0] === 1)) return [];
    return [{ logits: said.map((p) => Math.log(Math.max(LEAST, p))), label: truth.label }];
  });
}

/** Tries each method by cross-validation and fits the best, or the one that is asked for. Null without rows. */
export function calibrateHead(
  head: EvalHead,
  judged: readonly Judged[],
  { method = null, seed }: { readonly method?: CalibrationMethod | null; readonly seed: number },
): HeadCalibration | null {
  const rows = logitsOf(head, judged);
  if (rows.length === 0) return null;
  const labels = rows.map(({ label }) => label);
  const trial = (name: CalibrationTrial['method'], probs: readonly number[][]): CalibrationTrial => ({
    method: name,
    nll: labelNll(rows, probs)!,
    ece: positiveEce(head, labels, probs)!,
  });
  const fits = CALIBRATION_METHODS.map((name) => trial(name, crossFitted(name, rows, { folds: FOLDS, seed })));
  const best = fits.reduce((kept, one) => (one.nll < kept.nll ? one : kept)).method as CalibrationMethod;
  const raw = trial(
    'raw',
    rows.map(({ logits }) => calibrated(logits, null)),
  );
  return { n: rows.length, trials: [raw, ...fits], use: rounded(fitCalibration(method ?? best, rows)) };
}

/** Six digits: more would say nothing, and a person reads the file. */
const rounded = (use: Calibration): Calibration =>
  JSON.parse(JSON.stringify(use), (_, value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value));

export interface RelevanceThreshold {
  /** Passages whose P(relevant) is not above it are dropped; three digits. */
  readonly threshold: number;
  /** Shares of the rows of each label that stay, 0..1. */
  readonly relevantKept: number;
  readonly irrelevantKept: number;
}

/** The highest threshold, of three digits, under which this share of the relevant rows stays. Null without such rows. */
export function relevanceThreshold(
  judged: readonly Judged[],
  use: Calibration | null,
  keep: number,
): RelevanceThreshold | null {
  const rows = logitsOf('isRel', judged).map(({ logits, label }) => ({ p: calibrated(logits, use)[0]!, label }));
  const relevant = rows.filter(({ label }) => label === 0).map(({ p }) => p);
  const others = rows.filter(({ label }) => label !== 0).map(({ p }) => p);
  if (relevant.length === 0) return null;
  const lowest = relevant.sort((a, b) => a - b)[Math.floor(relevant.length * (1 - keep) + 1e-9)]!;
  const threshold = Math.max(0, (Math.ceil(lowest * 1000) - 1) / 1000);
  const kept = (values: readonly number[]) =>
    values.length === 0 ? 0 : values.filter((p) => p > threshold).length / values.length;
  return { threshold, relevantKept: kept(relevant), irrelevantKept: kept(others) };
}
