/**
 * Whether stated probabilities come true (Guo et al., arXiv 1706.04599): expected calibration error and its table.
 * `hit[i]` is 1 where what was given probability `p[i]` came true, else 0.
 */
export interface ReliabilityBin {
  readonly count: number;
  /** Null in an empty bin. */
  readonly meanPredicted: number | null;
  readonly fractionPositive: number | null;
}

export interface CalibrationError {
  /** Mean gap over the items. Null without items. */
  readonly ece: number | null;
  /** The largest gap of a bin. */
  readonly mce: number | null;
  /** Root of the mean squared gap. */
  readonly rmsce: number | null;
}

interface Item {
  readonly p: number;
  readonly hit: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const itemsOf = (hit: readonly number[], p: readonly number[]): Item[] =>
  p.map((value, i) => ({ p: value, hit: hit[i]! }));

const summarise = (bin: readonly Item[]): ReliabilityBin =>
  bin.length === 0
    ? { count: 0, meanPredicted: null, fractionPositive: null }
    : {
        count: bin.length,
        meanPredicted: mean(bin.map(({ p }) => p)),
        fractionPositive: mean(bin.map(({ hit }) => hit)),
      };

/** Bins of equal width, open below and closed above; 0 is in the first. */
export function reliabilityBins(hit: readonly number[], p: readonly number[], bins: number): ReliabilityBin[] {
  const filled: Item[][] = Array.from({ length: bins }, () => []);
  for (const item of itemsOf(hit, p)) filled[binOf(item.p, bins)]!.push(item);
  return filled.map(summarise);
}

/** The first bin whose upper edge is not below p. Edges are quotients: a product would put 0.6 past 3 * 0.2. */
function binOf(p: number, bins: number): number {
  let bin = Math.min(bins - 1, Math.max(0, Math.ceil(p * bins) - 1));
  while (bin > 0 && p <= bin / bins) bin--;
  while (bin < bins - 1 && p > (bin + 1) / bins) bin++;
  return bin;
}

/** Bins with as equal counts as can be, in order of p (of equals, in their own order); the larger ones first. */
export function equalCountBins(hit: readonly number[], p: readonly number[], bins: number): ReliabilityBin[] {
  const sorted = itemsOf(hit, p).sort((a, b) => a.p - b.p);
  const [size, larger] = [Math.floor(sorted.length / bins), sorted.length % bins];
  const start = (bin: number) => bin * size + Math.min(bin, larger);
  return Array.from({ length: bins }, (_, bin) => summarise(sorted.slice(start(bin), start(bin + 1))));
}

/** The gaps between what was stated and what came true. */
export function calibrationError(bins: readonly ReliabilityBin[]): CalibrationError {
  const n = bins.reduce((sum, { count }) => sum + count, 0);
  if (n === 0) return { ece: null, mce: null, rmsce: null };
  const gaps = bins
    .filter(({ count }) => count > 0)
    .map(({ count, meanPredicted, fractionPositive }) => ({
      share: count / n,
      gap: Math.abs(meanPredicted! - fractionPositive!),
    }));
  return {
    ece: gaps.reduce((sum, { share, gap }) => sum + share * gap, 0),
    mce: Math.max(...gaps.map(({ gap }) => gap)),
    rmsce: Math.sqrt(gaps.reduce((sum, { share, gap }) => sum + share * gap * gap, 0)),
  };
}
