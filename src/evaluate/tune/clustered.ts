import { seededRandom } from '../../text/random.ts';
import type { MeanInterval } from '../metrics/mean.ts';

const ROUNDS = 2000;

/** The place of each value's group, from 0 by first appearance, and how many values each group has. */
interface Clusters {
  readonly of: Int32Array;
  readonly sizes: Float64Array;
}

function clustersOf(groups: ArrayLike<string>): Clusters {
  const places = new Map<string, number>();
  const of = Int32Array.from(groups, (group) => {
    const place = places.get(group) ?? places.size;
    places.set(group, place);
    return place;
  });
  const sizes = new Float64Array(places.size);
  for (const place of of) sizes[place]! += 1;
  return { of, sizes };
}

function sumsOf(values: ArrayLike<number>, { of, sizes }: Clusters): Float64Array {
  const sums = new Float64Array(sizes.length);
  for (let i = 0; i < values.length; i++) sums[of[i]!]! += values[i]!;
  return sums;
}

/**
 * The mean of each column with its interval over resampled groups: what stands in one group, such as questions about one
 * document, is drawn together, and alike for all columns. With one value in each group it is `meanInterval`.
 */
export function clusteredMeans(
  columns: readonly ArrayLike<number>[],
  groups: ArrayLike<string>,
  seed: number,
  rounds = ROUNDS,
): MeanInterval[] {
  const n = groups.length;
  const clusters = clustersOf(groups);
  const { sizes } = clusters;
  const varied = columns.map((values) => Array.prototype.some.call(values, (value: number) => value !== values[0]));
  const sums = columns.map((values) => sumsOf(values, clusters));
  const means = columns.map(() => new Float64Array(rounds));
  const next = seededRandom(seed);
  const places = new Int32Array(sizes.length);
  if (varied.includes(true))
    for (let round = 0; round < rounds; round++) {
      let size = 0;
      for (let i = 0; i < places.length; i++) {
        places[i] = Math.floor(next() * places.length);
        size += sizes[places[i]!]!;
      }
      for (const [column, own] of sums.entries()) {
        if (!varied[column]) continue;
        let sum = 0;
        for (let i = 0; i < places.length; i++) sum += own[places[i]!]!;
        means[column]![round] = sum / size;
      }
    }
  return columns.map((values, column) => {
    if (!varied[column]) return { mean: values[0]!, ci95: [values[0]!, values[0]!], n };
    const drawn = means[column]!.sort();
    const at = (share: number) => drawn[Math.min(rounds - 1, Math.floor(share * rounds))]!;
    return { mean: sums[column]!.reduce((all, sum) => all + sum, 0) / n, ci95: [at(0.025), at(0.975)], n };
  });
}

/** As that of `pairedDifference`, with one sign for each group: those of one group change theirs together. */
export function signFlipP(
  differences: ArrayLike<number>,
  groups: ArrayLike<string>,
  seed: number,
  rounds = ROUNDS,
): number {
  const sums = sumsOf(differences, clustersOf(groups));
  const moved = sums.filter((sum) => sum !== 0);
  const seen = Math.abs(moved.reduce((all, sum) => all + sum, 0));
  const next = seededRandom(seed + 1);
  let atLeast = 1;
  for (let round = 0; round < rounds; round++) {
    let all = 0;
    for (const sum of moved) all += next() < 0.5 ? sum : -sum;
    if (Math.abs(all) >= seen - 1e-12) atLeast += 1;
  }
  return atLeast / (rounds + 1);
}

/** Standard error of the mean, with groups as what was drawn. */
export function clusteredError(values: ArrayLike<number>, groups: ArrayLike<string>): number {
  const n = values.length;
  if (n === 0) return 0;
  const clusters = clustersOf(groups);
  const { sizes } = clusters;
  const sums = sumsOf(values, clusters);
  const mean = sums.reduce((all, sum) => all + sum, 0) / n;
  let squares = 0;
  for (let i = 0; i < sums.length; i++) squares += (sums[i]! - sizes[i]! * mean) ** 2;
  return Math.sqrt(squares) / n;
}
