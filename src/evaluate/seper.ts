import { pearson, spearman } from './metrics/correlation.ts';
import { rocAuc } from './metrics/critics.ts';
import type { MeanInterval } from './metrics/mean.ts';
import type { SeperFacts } from './seper/collect.ts';
import { groupedBootstrap, groupedMean } from './seper/intervals.ts';
import { measureSeper, SEPER_GAPS, type SeperFigures, type SeperGap } from './seper/measure.ts';
import { type SeperThresholds, seperThresholds } from './seper/thresholds.ts';

/** What is compared with a labelled utility. */
export const SEPER_MEASURES = [
  'deltaSoft',
  'deltaHard',
  'deltaF1',
  'entropyReduction',
  'pseudoSeper',
  'isRel',
  'rerank',
] as const;
export type SeperMeasure = (typeof SEPER_MEASURES)[number];

type Figure = MeanInterval | null;

/** Means over the questions that have one; the difference over those that have both. */
export interface PairedMeans {
  readonly with: Figure;
  readonly without: Figure;
  /** What the context gains: for entropy, by how much it falls. */
  readonly gain: Figure;
}

/** The first k samples against all of them, over the questions that have as many. */
export interface SeperAtK {
  readonly k: number;
  readonly n: number;
  readonly soft: KFigures;
  readonly hard: KFigures;
}

interface KFigures {
  readonly delta: Figure;
  /** Correlation of the differences with those at the largest k, and how far they move to it in the mean. */
  readonly pearson: number | null;
  readonly change: number | null;
}

export interface Agreement {
  readonly n: number;
  readonly pearson: Figure;
  readonly spearman: Figure;
  /** Where the label has two values. */
  readonly auroc: Figure;
}

export interface SeperReport {
  /** Rows, and the different questions in them: rows of one question are drawn together in intervals. */
  readonly rows: number;
  readonly questions: number;
  /** Samples of each condition that are measured, and rows that have fewer. */
  readonly k: number;
  readonly fewer: number;
  /** Rows whose samples have no log-probabilities: each weighs the same. */
  readonly discrete: number;
  /** `equivalent`: no NLI was at hand, and SePer is by P(equivalent). */
  readonly by: readonly ('entail' | 'equivalent')[];
  readonly models: { readonly sampler: readonly string[]; readonly entailment: readonly string[] };
  readonly soft: PairedMeans;
  readonly hard: PairedMeans;
  readonly f1: PairedMeans;
  readonly entropy: PairedMeans;
  readonly pseudoSeper: Figure;
  /** Rows without a difference, by reason. */
  readonly leftOut: Readonly<Partial<Record<SeperGap, number>>>;
  /** Ascending; empty where only one k was asked for. */
  readonly ablation: readonly SeperAtK[];
  readonly correlation: {
    readonly field: string;
    /** Rows without a label. */
    readonly unlabelled: number;
    readonly measures: Readonly<Record<SeperMeasure, Agreement | null>>;
  } | null;
  readonly passages: { readonly n: number; readonly negative: number; readonly delta: Figure } | null;
  readonly thresholds: SeperThresholds | null;
  /** Beside the value that was published for the same samples. */
  readonly published: readonly { readonly id: string; readonly published: number; readonly soft: number | null }[];
}

export interface SeperReportOptions {
  /** Numbers of samples to compare; the largest that was drawn makes the figures. None: all samples. */
  readonly ks: readonly number[];
  readonly seed: number;
  /** A label for each row, null where it has none; and its name. */
  readonly label?: { readonly field: string; readonly values: readonly (number | null)[] } | null;
  readonly thresholds?: boolean;
}

/** What the questions say together, and each by itself at the largest k. Pure. */
export function reportSeper(
  facts: readonly SeperFacts[],
  { ks, seed, label = null, thresholds = false }: SeperReportOptions,
): { report: SeperReport; figures: SeperFigures[] } {
  const counts = facts.map(countsOf).filter(({ length }) => length > 0);
  const whole = Math.max(0, ...counts.map((count) => Math.min(...count)));
  const asked = [...new Set(ks)].sort((a, b) => a - b).filter((size) => size <= whole);
  const sizes = asked.length > 0 ? asked : [Math.max(0, ...counts.flat())];
  const k = sizes.at(-1)!;
  const figures = facts.map((one) => measureSeper(one, k));
  const groups = facts.map(({ question }) => question);
  const mean = (of: (one: SeperFigures) => number | null): Figure => groupedMean(figures.map(of), groups, seed);
  const paired = (of: 'soft' | 'hard' | 'f1' | 'entropy', gain: (one: SeperFigures) => number | null) => ({
    with: mean((one) => one.with?.[of] ?? null),
    without: mean((one) => one.without?.[of] ?? null),
    gain: mean(gain),
  });
  const known = <T>(of: (one: SeperFacts) => T | null) => [...new Set(facts.map(of).filter((value) => value !== null))];
  const gaps = SEPER_GAPS.map((gap) => [gap, figures.filter((one) => one.gap === gap).length] as const);
  const report: SeperReport = {
    rows: facts.length,
    questions: new Set(groups).size,
    k,
    fewer: figures.filter(({ samples, gap }) => gap === null && Math.min(samples.with, samples.without) < k).length,
    discrete: facts.filter(isDiscrete).length,
    by: known(({ by }) => by),
    models: { sampler: known(({ models }) => models.sampler), entailment: known(({ models }) => models.entailment) },
    soft: paired('soft', (one) => one.deltaSoft),
    hard: paired('hard', (one) => one.deltaHard),
    f1: paired('f1', (one) => one.deltaF1),
    entropy: paired('entropy', (one) => one.entropyReduction),
    pseudoSeper: mean((one) => one.pseudoSeper),
    leftOut: Object.fromEntries(gaps.filter(([, count]) => count > 0)),
    ablation: sizes.length < 2 ? [] : sizes.map((size) => atK(facts, figures, groups, size, k, seed)),
    correlation: label && correlate(figures, groups, label, seed),
    passages: passageFigures(figures, groups, seed),
    thresholds: thresholds ? seperThresholds(figures, groups, seed) : null,
    published: facts.flatMap(({ id, published }, i) =>
      published === null ? [] : [{ id, published, soft: figures[i]!.with?.soft ?? null }],
    ),
  };
  return { report, figures };
}

/** How many samples each condition of a question has. */
const countsOf = ({ samples }: SeperFacts): number[] =>
  [samples.with, samples.without].flatMap((list) => (list === null ? [] : [list.length]));

const isDiscrete = ({ samples }: SeperFacts): boolean =>
  [...(samples.with ?? []), ...(samples.without ?? [])].some(({ logprobs }) => logprobs === null);

function atK(
  facts: readonly SeperFacts[],
  largest: readonly SeperFigures[],
  groups: readonly string[],
  k: number,
  most: number,
  seed: number,
): SeperAtK {
  // Only questions that have the largest number: every k is measured on the same ones.
  const places = facts.flatMap((_, i) => {
    const { samples, gap } = largest[i]!;
    return gap === null && Math.min(samples.with, samples.without) >= most ? [i] : [];
  });
  const own = new Map(places.map((i) => [i, k === most ? largest[i]! : measureSeper(facts[i]!, k)]));
  const figuresOf = (name: 'deltaSoft' | 'deltaHard'): KFigures => {
    const pairs = places.flatMap((i) => {
      const [at, end] = [own.get(i)![name], largest[i]![name]];
      return at === null || end === null ? [] : [{ at, end, group: groups[i]! }];
    });
    const [at, end] = [pairs.map((pair) => pair.at), pairs.map((pair) => pair.end)];
    const moved = at.reduce((sum, value, i) => sum + Math.abs(value - end[i]!), 0);
    return {
      delta: groupedMean(
        at,
        pairs.map(({ group }) => group),
        seed,
      ),
      pearson: pearson(at, end),
      change: pairs.length === 0 ? null : moved / pairs.length,
    };
  };
  return { k, n: places.length, soft: figuresOf('deltaSoft'), hard: figuresOf('deltaHard') };
}

function correlate(
  figures: readonly SeperFigures[],
  groups: readonly string[],
  { field, values }: NonNullable<SeperReportOptions['label']>,
  seed: number,
): SeperReport['correlation'] {
  const labels = values.filter((value) => value !== null);
  const [low, high, ...others] = [...new Set(labels)].sort((a, b) => a - b);
  const isBinary = low !== undefined && high !== undefined && others.length === 0;
  const agreement = (measure: SeperMeasure): Agreement | null => {
    const rows = figures.flatMap((one, i) => {
      const [x, y] = [one[measure], values[i] ?? null];
      return x === null || y === null ? [] : [{ x, y, group: groups[i]! }];
    });
    if (rows.length === 0) return null;
    const found = groupedBootstrap(
      rows.map(({ group }) => group),
      seed,
      (places) => {
        const x = places.map((place) => rows[place]!.x);
        const y = places.map((place) => rows[place]!.y);
        const auroc = isBinary
          ? rocAuc(
              y.map((value) => (value === high ? 1 : 0)),
              x,
            )
          : null;
        return { pearson: pearson(x, y), spearman: spearman(x, y), auroc };
      },
    );
    return { n: rows.length, ...found };
  };
  const measures = Object.fromEntries(SEPER_MEASURES.map((name) => [name, agreement(name)]));
  return {
    field,
    unlabelled: values.length - labels.length,
    measures: measures as Record<SeperMeasure, Agreement | null>,
  };
}

function passageFigures(
  figures: readonly SeperFigures[],
  groups: readonly string[],
  seed: number,
): SeperReport['passages'] {
  const all = figures.flatMap(({ passages }, i) => passages.map((one) => ({ ...one, group: groups[i]! })));
  const measured = all.filter(({ deltaSoft }) => deltaSoft !== null);
  if (measured.length === 0) return null;
  return {
    n: measured.length,
    negative: measured.filter(({ negative }) => negative).length,
    delta: groupedMean(
      measured.map(({ deltaSoft }) => deltaSoft),
      measured.map(({ group }) => group),
      seed,
    ),
  };
}
