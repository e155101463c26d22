import { bootstrap } from '../metrics/bootstrap.ts';
import { accuracyOf, type Confusion, confusionOf, kappa, macro, perClass } from '../metrics/confusion.ts';
import { averagePrecisionScore, brier, expectedLevel, rocAuc, topClass, topLabelEce } from '../metrics/critics.ts';
import type { MeanInterval } from '../metrics/mean.ts';
import { calibrationError, type ReliabilityBin, reliabilityBins } from '../metrics/reliability.ts';
import type { Judged, Pace } from './judge.ts';
import { EVAL_LABELS, type EvalHead } from './rows.ts';

type Figure = MeanInterval | null;

/** What can be said of the rows of one source. Null where it says nothing, such as AUROC where all have one label. */
export interface SourceFigures {
  readonly n: number;
  readonly accuracy: Figure;
  /** Of the positive side against the rest: relevant, fully, yes, 4 or 5, equivalent. So are the next three. */
  readonly auroc: Figure;
  readonly averagePrecision: Figure;
  /** Expected calibration error in 15 bins of equal width. */
  readonly ece: Figure;
  readonly brier: Figure;
  /** isUse only: agreement of grades. */
  readonly kappaQuadratic?: Figure;
  /** isUse only: share of pairs whose better answer has the higher expected grade, a tie counting a half. */
  readonly pairwiseAccuracy?: Figure;
}

export interface HeadFigures extends SourceFigures {
  readonly macroF1: Figure;
  /** Calibration error of the likeliest label, for heads of more than two. */
  readonly eceTop?: Figure;
  /** The same before calibration; absent where the critic says no such thing. */
  readonly eceRaw?: Figure;
  readonly brierRaw?: Figure;
  readonly rowsPerSecond: Figure;
  /** Mean of the AUROC of the sources that have one; n counts sources, rows are drawn again within each. */
  readonly aurocOverSources: Figure;
  readonly perClass: Readonly<
    Record<string, { readonly precision: Figure; readonly recall: Figure; readonly f1: Figure }>
  >;
  /** `table[true][predicted]`. */
  readonly confusion: { readonly labels: readonly string[]; readonly table: Confusion };
  readonly bySource: Readonly<Record<string, SourceFigures>>;
}

const BINS = 15;
/** Labels that count as the positive side. */
const POSITIVE: Readonly<Record<EvalHead, readonly number[]>> = {
  isRel: [0],
  isSup: [0],
  retrieve: [0],
  entail: [0],
  isUse: [3, 4],
};

/** The positive side of a head: `fully`, `4 or 5`. */
export const positiveName = (head: EvalHead): string =>
  POSITIVE[head].map((label) => EVAL_LABELS[head][label]!).join(' or ');

/** A row whose truth is one label, or any but the first. */
interface Row {
  readonly label: number | 'notFirst';
  readonly probs: readonly number[];
  readonly raw: readonly number[] | null;
}

const rowsOf = (judged: readonly Judged[]): Row[] =>
  judged.flatMap(({ truth, probs, raw }) =>
    'label' in truth ? [{ ...truth, probs: probs[0]!, raw: raw?.[0] ?? null }] : [],
  );

const positiveChance = (head: EvalHead, probs: readonly number[]): number =>
  POSITIVE[head].reduce((sum, label) => sum + probs[label]!, 0);

const isPositive = (head: EvalHead, label: number | 'notFirst'): 0 | 1 =>
  label !== 'notFirst' && POSITIVE[head].includes(label) ? 1 : 0;

/** All figures of one head; the seed is that of the intervals. */
export function measureHead(
  head: EvalHead,
  judged: readonly Judged[],
  pace: readonly Pace[],
  seed: number,
): HeadFigures {
  const rows = rowsOf(judged);
  const sources = [...new Set(judged.map(({ source }) => source))].sort();
  const ofSource = (name: string) => judged.filter(({ source }) => source === name);
  const { macroF1, perClass: classes, confusion, ...labels } = labelFigures(head, rows, seed);
  return {
    ...orderOf(head, judged, rows, labels, seed),
    macroF1,
    ...(EVAL_LABELS[head].length > 2 && { eceTop: topFigure(rows, seed) }),
    ...rawFigures(head, rows, seed),
    rowsPerSecond: paceFigure(pace, seed),
    aurocOverSources: overSources(
      head,
      sources.map((name) => rowsOf(ofSource(name))),
      seed,
    ),
    perClass: classes,
    confusion,
    bySource: Object.fromEntries(
      sources.map((name) => {
        const own = ofSource(name);
        const ownRows = rowsOf(own);
        return [name, orderOf(head, own, ownRows, labelFigures(head, ownRows, seed), seed)];
      }),
    ),
  };
}

/** The figures that a source has too, in the order in which they are printed. */
function orderOf(
  head: EvalHead,
  judged: readonly Judged[],
  rows: readonly Row[],
  { accuracy, kappaQuadratic }: { readonly accuracy: Figure; readonly kappaQuadratic: Figure },
  seed: number,
): SourceFigures {
  const { auroc, averagePrecision, ece, brier: squared } = chanceFigures(head, rows, seed);
  return {
    n: judged.length,
    ...{ accuracy, auroc, averagePrecision, ece, brier: squared },
    ...(head === 'isUse' && { kappaQuadratic, pairwiseAccuracy: pairFigure(judged, seed) }),
  };
}

function labelFigures(head: EvalHead, all: readonly Row[], seed: number) {
  const names = EVAL_LABELS[head];
  const rows = all.flatMap(({ label, probs }) => (label === 'notFirst' ? [] : [{ label, predicted: topClass(probs) }]));
  const tableOf = (places: readonly number[]) =>
    confusionOf(
      places.map((place) => rows[place]!.label),
      places.map((place) => rows[place]!.predicted),
      names.length,
    );
  const figures = bootstrap([rows.length], seed, ([places]) => {
    const table = tableOf(places!);
    const { precision, recall, f1 } = perClass(table);
    const empty = places!.length === 0;
    return {
      accuracy: accuracyOf(table),
      macroF1: empty ? null : macro(f1),
      kappaQuadratic: empty ? null : kappa(table, 'quadratic'),
      ...Object.fromEntries(
        names.flatMap((name, i) => [
          [`precision ${name}`, empty ? null : precision[i]!],
          [`recall ${name}`, empty ? null : recall[i]!],
          [`f1 ${name}`, empty ? null : f1[i]!],
        ]),
      ),
    } as Record<string, number | null>;
  });
  return {
    accuracy: figures.accuracy!,
    macroF1: figures.macroF1!,
    kappaQuadratic: figures.kappaQuadratic!,
    perClass: Object.fromEntries(
      names.map((name) => [
        name,
        { precision: figures[`precision ${name}`]!, recall: figures[`recall ${name}`]!, f1: figures[`f1 ${name}`]! },
      ]),
    ),
    confusion: { labels: names, table: tableOf(rows.map((_, i) => i)) },
  };
}

/** Truth and probability of the positive side, by rising probability. */
const chances = (head: EvalHead, rows: readonly Row[], probsOf: (row: Row) => readonly number[]) =>
  rows
    .map((row) => ({ y: isPositive(head, row.label), p: positiveChance(head, probsOf(row)) }))
    .sort((a, b) => a.p - b.p);

const eceOf = (y: readonly number[], p: readonly number[]): number | null =>
  calibrationError(reliabilityBins(y, p, BINS)).ece;

/** Calibration error of the positive side. Null without rows. */
export const positiveEce = (
  head: EvalHead,
  labels: readonly (number | 'notFirst')[],
  probs: readonly (readonly number[])[],
): number | null =>
  eceOf(
    labels.map((label) => isPositive(head, label)),
    probs.map((row) => positiveChance(head, row)),
  );

function chanceFigures(head: EvalHead, rows: readonly Row[], seed: number) {
  const points = chances(head, rows, ({ probs }) => probs);
  return bootstrap([points.length], seed, ([places]) => {
    const y = places!.map((place) => points[place]!.y);
    const p = places!.map((place) => points[place]!.p);
    const auroc = rocAuc(y, p);
    const averagePrecision = auroc === null ? null : averagePrecisionScore(y, p);
    return { auroc, averagePrecision, ece: eceOf(y, p), brier: brier(y, p) };
  });
}

function rawFigures(head: EvalHead, rows: readonly Row[], seed: number): { eceRaw?: Figure; brierRaw?: Figure } {
  if (rows.length === 0 || rows.some(({ raw }) => raw === null)) return {};
  const points = chances(head, rows, ({ raw }) => raw!);
  return bootstrap([points.length], seed, ([places]) => {
    const y = places!.map((place) => points[place]!.y);
    const p = places!.map((place) => points[place]!.p);
    return { eceRaw: eceOf(y, p), brierRaw: brier(y, p) };
  });
}

function topFigure(all: readonly Row[], seed: number): Figure {
  const rows = all.flatMap(({ label, probs }) => (label === 'notFirst' ? [] : [{ label, probs }]));
  return bootstrap([rows.length], seed, ([places]) => ({
    top: topLabelEce(
      places!.map((place) => rows[place]!.label),
      places!.map((place) => rows[place]!.probs),
      BINS,
    ),
  })).top;
}

function pairFigure(judged: readonly Judged[], seed: number): Figure {
  const right = judged.flatMap(({ truth, probs: [a, b] }) => {
    if (!('better' in truth)) return [];
    const lead = (expectedLevel(a!) - expectedLevel(b!)) * (truth.better === 0 ? 1 : -1);
    return [lead > 0 ? 1 : lead === 0 ? 0.5 : 0];
  });
  return bootstrap([right.length], seed, ([places]) => ({ pairs: mean(places!.map((place) => right[place]!)) })).pairs;
}

function overSources(head: EvalHead, sources: readonly (readonly Row[])[], seed: number): Figure {
  const groups = sources
    .map((rows) => chances(head, rows, ({ probs }) => probs))
    .filter((points) => new Set(points.map(({ y }) => y)).size === 2);
  const { over } = bootstrap(
    groups.map(({ length }) => length),
    seed,
    (drawn) => ({
      over: mean(
        groups.flatMap((points, group) => {
          const places = drawn[group]!;
          const area = rocAuc(
            places.map((place) => points[place]!.y),
            places.map((place) => points[place]!.p),
          );
          return area === null ? [] : [area];
        }),
      ),
    }),
  );
  return over && { ...over, n: groups.length };
}

function paceFigure(pace: readonly Pace[], seed: number): Figure {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const { speed } = bootstrap([pace.length], seed, ([places]) => {
    const seconds = sum(places!.map((place) => pace[place]!.seconds));
    return { speed: seconds > 0 ? sum(places!.map((place) => pace[place]!.rows)) / seconds : null };
  });
  return speed && { ...speed, n: sum(pace.map(({ rows }) => rows)) };
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Bins of a reliability plot: calibrated, and raw where the critic says it. */
export function reliabilityOf(
  head: EvalHead,
  judged: readonly Judged[],
): { readonly calibrated: readonly ReliabilityBin[]; readonly raw: readonly ReliabilityBin[] | null } {
  const rows = rowsOf(judged);
  const bins = (probsOf: (row: Row) => readonly number[]) => {
    const points = chances(head, rows, probsOf);
    return reliabilityBins(
      points.map(({ y }) => y),
      points.map(({ p }) => p),
      BINS,
    );
  };
  const hasRaw = rows.length > 0 && rows.every(({ raw }) => raw !== null);
  return { calibrated: bins(({ probs }) => probs), raw: hasRaw ? bins(({ raw }) => raw!) : null };
}
