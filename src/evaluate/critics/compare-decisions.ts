import { confusionOf, kappa } from '../metrics/confusion.ts';
import {
  type Figure,
  isRight,
  meanOf,
  overQuestions,
  type Pair,
  questionsOf,
  type Said,
  shareOf,
} from './compare-states.ts';
import { calibrationThreshold, type Halves, quantileThreshold, type Transfer } from './transfer.ts';

/** The tokens whose number is compared with a threshold. */
export const DECIDING = ['retrieve', 'isRel'] as const;
export type DecidingKind = (typeof DECIDING)[number];

/** What becomes of A's decisions where B decides. Shares are of the measured states. */
export interface Flips {
  /** Null where states have thresholds of their own. */
  readonly threshold: number | null;
  /** Share that B keeps, or retrieves for. */
  readonly kept: Figure;
  readonly flips: Figure;
  /** Kept by A alone, and by B alone. */
  readonly lost: Figure;
  readonly gained: Figure;
  /** Agreement of the decisions beyond what their rates make by chance: 0 where B might as well draw lots at its rate. */
  readonly kappa: Figure;
  /** Share of the labelled states that are decided by their label. */
  readonly right: Figure;
}

/** Thresholds of B: the one that A had, the one that was fitted for B, the one that was carried over from A. */
export const VARIANTS = ['unchanged', 'own', 'transferred'] as const;
export type Variant = (typeof VARIANTS)[number];

export interface DecisionFigures {
  readonly n: number;
  readonly questions: number;
  readonly a: { readonly threshold: number | null; readonly kept: Figure; readonly right: Figure };
  /** Null where B has no such threshold. */
  readonly variants: Readonly<Record<Variant, Flips | null>>;
}

export interface Decisions extends DecisionFigures {
  /** The states that the threshold was carried over on; the figures are of the others. */
  readonly fitted: { readonly n: number; readonly questions: number };
  readonly bySource: Readonly<Record<string, DecisionFigures>>;
}

export interface DecisionOptions {
  readonly transfer: Transfer;
  readonly halves: Halves;
  /** Threshold that was fitted for B; null where none was. */
  readonly own: number | null;
  readonly seed: number;
}

/** What flips where B decides in place of A. Null where no threshold decides. */
export function compareDecisions(all: readonly Pair[], options: DecisionOptions): Decisions | null {
  const pairs = all.filter(({ state }) => state.threshold !== null);
  if (pairs.length === 0) return null;
  const { halves, own, seed } = options;
  const half = (side: keyof Halves) => pairs.filter(({ state }) => halves[side].has(state.request.question));
  const [fit, measured] = [half('fit'), half('measure')];
  const transferred = transferredThreshold(fit, options.transfer);
  const sources = [...new Set(measured.map(({ state }) => state.source))].sort();
  const figures = (some: readonly Pair[]) => decisionFigures(some, { own, transferred }, seed);
  const whole = figures(measured);
  const ofSource = (source: string) =>
    sources.length === 1 ? whole : figures(measured.filter(({ state }) => state.source === source));
  return {
    fitted: { n: fit.length, questions: questionsOf(fit).length },
    ...whole,
    bySource: Object.fromEntries(sources.map((source) => [source, ofSource(source)])),
  };
}

function transferredThreshold(fit: readonly Pair[], transfer: Transfer): number | null {
  if (transfer === 'quantile')
    return quantileThreshold(
      fit.map(({ b }) => b.number),
      fit.filter(keptByA).length,
    );
  const threshold = onlyThreshold(fit);
  const labelled = fit.flatMap(({ state: { truth }, a, b }) =>
    typeof truth === 'number'
      ? [{ a: a.number, b: b.number, positive: truth === 0 ? (1 as const) : (0 as const) }]
      : [],
  );
  return threshold === null ? null : calibrationThreshold(labelled, threshold);
}

/** Both tokens have their positive label first, and both comparisons are strict. */
const keeps = ({ number }: Said, threshold: number): boolean => number > threshold;
const keptByA = ({ state, a }: Pair): boolean => keeps(a, state.threshold!);

/** The threshold of A that all states share. */
function onlyThreshold(pairs: readonly Pair[]): number | null {
  const thresholds = new Set(pairs.map(({ state }) => state.threshold));
  return thresholds.size === 1 ? [...thresholds][0]! : null;
}

function decisionFigures(
  pairs: readonly Pair[],
  { own, transferred }: { readonly own: number | null; readonly transferred: number | null },
  seed: number,
): DecisionFigures {
  const a = overQuestions(pairs, seed, (drawn) => ({
    kept: shareOf(drawn, keptByA),
    right: rightShare(drawn, keptByA),
  }));
  return {
    n: pairs.length,
    questions: questionsOf(pairs).length,
    a: { threshold: onlyThreshold(pairs), ...a },
    variants: {
      unchanged: flipsOf(pairs, null, seed),
      own: own === null ? null : flipsOf(pairs, own, seed),
      transferred: transferred === null ? null : flipsOf(pairs, transferred, seed),
    },
  };
}

/** Null: the threshold of each state. */
function flipsOf(pairs: readonly Pair[], threshold: number | null, seed: number): Flips {
  const keptByB = ({ state, b }: Pair): boolean => keeps(b, threshold ?? state.threshold!);
  const figures = overQuestions(pairs, seed, (drawn) => ({
    kept: shareOf(drawn, keptByB),
    flips: shareOf(drawn, (pair) => keptByA(pair) !== keptByB(pair)),
    lost: shareOf(drawn, (pair) => keptByA(pair) && !keptByB(pair)),
    gained: shareOf(drawn, (pair) => !keptByA(pair) && keptByB(pair)),
    kappa: kappaOf(drawn, keptByB),
    right: rightShare(drawn, keptByB),
  }));
  return { threshold: threshold ?? onlyThreshold(pairs), ...figures };
}

function kappaOf(pairs: readonly Pair[], keptByB: (pair: Pair) => boolean): number | null {
  const place = (kept: boolean) => (kept ? 0 : 1);
  const [a, b] = [pairs.map((pair) => place(keptByA(pair))), pairs.map((pair) => place(keptByB(pair)))];
  return pairs.length === 0 ? null : kappa(confusionOf(a, b, 2));
}

const rightShare = (pairs: readonly Pair[], kept: (pair: Pair) => boolean): number | null =>
  meanOf(
    pairs.flatMap((pair) => (pair.state.truth === null ? [] : [isRight(pair.state.truth, kept(pair) ? 0 : 1) ? 1 : 0])),
  );
