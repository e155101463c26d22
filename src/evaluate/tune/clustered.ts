import { seededRandom } from '../../text/random.ts';
import type { MeanInterval } from '../metrics/mean.ts';
import type { PairedDifference } from '../metrics/paired.ts';

const ROUNDS = 2000;

/** Values summed over their groups. */
interface Clusters {
  readonly sums: Float64Array;
  readonly sizes: Float64Array;
}

function clustersOf(values: ArrayLike<number>, groups: ArrayLike<string>): Clusters {
  const places = new Map<string, number>();
  const [sums, sizes]: [number[], number[]] = [[], []];
  for (let i = 0; i < values.length; i++) {
    const place = places.get(groups[i]!) ?? sums.length;
    places.set(groups[i]!, place);
    sums[place] = (sums[place] ?? 0) + values[i]!;
    sizes[place] = (sizes[place] ?? 0) + 1;
  }
  return { sums: Float64Array.from(sums), sizes: Float64Array.from(sizes) };
}

/**
 * The mean over values with its interval over resampled groups: what stands in one group, such as questions about one
 * document, is drawn together. With one value in each group it is `meanInterval`. Null without values.
 */
export function clusteredMean(
  values: ArrayLike<number>,
  groups: ArrayLike<string>,
  seed: number,
  rounds = ROUNDS,
): MeanInterval | null {
  const n = values.length;
  if (n === 0) return null;
  let [total, same] = [0, true];
  for (let i = 0; i < n; i++) {
    total += values[i]!;
    same &&= values[i] === values[0];
  }
  if (same) return { mean: values[0]!, ci95: [values[0]!, values[0]!], n };
  const { sums, sizes } = clustersOf(values, groups);
  const next = seededRandom(seed);
  const means = new Float64Array(rounds);
  for (let round = 0; round < rounds; round++) {
    let [sum, size] = [0, 0];
    for (let i = 0; i < sums.length; i++) {
      const place = Math.floor(next() * sums.length);
      sum += sums[place]!;
      size += sizes[place]!;
    }
    means[round] = sum / size;
  }
  means.sort();
  const at = (share: number) => means[Math.min(rounds - 1, Math.floor(share * rounds))]!;
  return { mean: total / n, ci95: [at(0.025), at(0.975)], n };
}

/** b - a over the places where both are defined; groups are resampled, and change their sign, as a whole. Null without such places. */
export function clusteredDifference(
  a: readonly (number | null)[],
  b: readonly (number | null)[],
  groups: readonly string[],
  seed: number,
  rounds = ROUNDS,
): PairedDifference | null {
  const places = a.flatMap((value, i) => (value === null || (b[i] ?? null) === null ? [] : [i]));
  const differences = places.map((i) => b[i]! - a[i]!);
  const of = places.map((i) => groups[i]!);
  const interval = clusteredMean(differences, of, seed, rounds);
  return interval && { ...interval, p: signFlipP(clustersOf(differences, of), seed, rounds) };
}

/** As that of `pairedDifference`, with one sign for each group. */
function signFlipP({ sums }: Clusters, seed: number, rounds: number): number {
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
  const { sums, sizes } = clustersOf(values, groups);
  const mean = sums.reduce((all, sum) => all + sum, 0) / n;
  let squares = 0;
  for (let i = 0; i < sums.length; i++) squares += (sums[i]! - sizes[i]! * mean) ** 2;
  return Math.sqrt(squares) / n;
}
