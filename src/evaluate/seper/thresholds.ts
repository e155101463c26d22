import { seededRandom } from '../../text/random.ts';
import type { MeanInterval } from '../metrics/mean.ts';
import { groupedMean, membersOf } from './intervals.ts';
import type { SeperFigures } from './measure.ts';

/** Something that is kept when its score is above a threshold, and what keeping it gains. */
export interface ThresholdRow {
  readonly score: number;
  readonly gain: number;
  /** Rows of one group are never split between choosing and judging. */
  readonly group: string;
}

export interface ThresholdFit {
  /** Half way between two scores; null where keeping all gains most. */
  readonly threshold: number | null;
  readonly n: number;
  readonly kept: number;
  /** Mean gain of the rows below the threshold, and of those above it; null where there are none. */
  readonly below: number | null;
  readonly above: number | null;
  /**
   * What the threshold gains a row over keeping all, on rows that it was not chosen on (five folds); null with fewer
   * than two groups.
   */
  readonly gain: MeanInterval | null;
  /** The interval of that gain lies above 0. */
  readonly evidence: boolean;
}

/** Scores nearer than this are one score. */
const NEAR = 1e-9;
const FOLDS = 5;

/** The threshold above which keeping gains most in sum. Pure: the seed deals the folds and draws the interval. */
export function findThreshold(rows: readonly ThresholdRow[], seed: number): ThresholdFit {
  const threshold = bestThreshold(rows);
  const dropped = rows.filter(({ score }) => threshold !== null && score < threshold);
  const kept = rows.filter(({ score }) => threshold === null || score > threshold);
  const gain = heldOutGain(rows, seed);
  return {
    ...{ threshold, n: rows.length, kept: kept.length, below: meanGain(dropped), above: meanGain(kept), gain },
    evidence: threshold !== null && gain !== null && gain.ci95[0] > 0,
  };
}

const meanGain = (rows: readonly ThresholdRow[]): number | null =>
  rows.length === 0 ? null : rows.reduce((sum, { gain }) => sum + gain, 0) / rows.length;

/** The lowest of those that save most. */
function bestThreshold(rows: readonly ThresholdRow[]): number | null {
  const sorted = [...rows].sort((a, b) => a.score - b.score);
  let [saved, most]: [number, number] = [0, 0];
  let cut: number | null = null;
  for (const [i, { score, gain }] of sorted.entries()) {
    saved -= gain;
    const next = sorted[i + 1]?.score;
    if (next === undefined || next - score <= NEAR || saved <= most + NEAR) continue;
    most = saved;
    cut = between(score, next);
  }
  return cut;
}

/** Half way, with as few decimals as still lie between the two. */
function between(low: number, high: number): number {
  const middle = (low + high) / 2;
  for (let digits = 2; digits < 12; digits++) {
    const short = Number(middle.toFixed(digits));
    if (short > low && short < high) return short;
  }
  return middle;
}

function heldOutGain(rows: readonly ThresholdRow[], seed: number): MeanInterval | null {
  const groups = rows.map(({ group }) => group);
  const members = membersOf(groups);
  if (members.length < 2) return null;
  const next = seededRandom(seed);
  const order = members.map((list) => ({ list, at: next() })).sort((a, b) => a.at - b.at);
  const folds = Math.min(FOLDS, members.length);
  const foldOf = new Map(order.flatMap(({ list }, place) => list.map((row) => [row, place % folds] as const)));
  const gains = rows.map(() => 0);
  for (let fold = 0; fold < folds; fold++) {
    const threshold = bestThreshold(rows.filter((_, row) => foldOf.get(row) !== fold));
    for (const [row, { score, gain }] of rows.entries())
      if (foldOf.get(row) === fold && threshold !== null && score <= threshold) gains[row] = -gain;
  }
  return groupedMean(gains, groups, seed);
}

export interface SeperThresholds {
  /** The score that contexts are told apart by: P(relevant) of the best passage, or its rerank score without one. */
  readonly by: 'isRel' | 'rerank' | null;
  /** Below it a context takes more SePer than it gives. */
  readonly context: ThresholdFit | null;
  /** Entropy of the answers without context above which they are wrong more often than right. */
  readonly refuse: ThresholdFit | null;
}

/** Thresholds for the config from what questions say. Null where no question says anything. */
export function seperThresholds(
  figures: readonly SeperFigures[],
  groups: readonly string[],
  seed: number,
): SeperThresholds {
  const by = (['isRel', 'rerank'] as const).find((name) => figures.some((one) => one[name] !== null)) ?? null;
  const contexts = figures.flatMap((one, i): ThresholdRow[] =>
    by === null || one[by] === null || one.deltaSoft === null
      ? []
      : [{ score: one[by], gain: one.deltaSoft, group: groups[i]! }],
  );
  // To answer alone is a bet at even odds on the reference; the answers are kept where their entropy is low.
  const closed = figures.flatMap(({ without }, i): ThresholdRow[] =>
    without === null ? [] : [{ score: -without.entropy, gain: without.soft - 0.5, group: groups[i]! }],
  );
  const refuse = closed.length === 0 ? null : findThreshold(closed, seed);
  return {
    by,
    context: contexts.length === 0 ? null : findThreshold(contexts, seed),
    refuse: refuse && { ...refuse, threshold: refuse.threshold === null ? null : -refuse.threshold },
  };
}

/** The options that there is evidence for, as a config file holds them. */
export function thresholdConfig({ by, context, refuse }: SeperThresholds): Record<string, Record<string, unknown>> {
  const gate: Record<string, unknown> = {};
  const config: Record<string, Record<string, unknown>> = {};
  if (context?.evidence && by === 'isRel') config.isRel = { threshold: context.threshold };
  if (context?.evidence && by === 'rerank')
    Object.assign(gate, { when: 'always', measure: 'rerank', threshold: context.threshold });
  if (refuse?.evidence) gate.maxEntropy = refuse.threshold;
  return Object.keys(gate).length === 0 ? config : { ...config, gate };
}
