import { seededRandom } from '../../text/random.ts';
import { type MeanInterval, meanInterval } from './mean.ts';

/** How much better `b` is than `a` on the same questions, in the units of the metric. */
export interface PairedDifference extends MeanInterval {
  /** Two-sided, of the randomisation test that flips the sign of each difference; 1 where nothing differs. */
  readonly p: number;
}

/** Enough that a correction over a hundred comparisons can still find something. */
const FLIPS = 20_000;

/** b - a over the places where both are defined; null where there is none. */
export function pairedDifference(
  a: readonly (number | null)[],
  b: readonly (number | null)[],
  seed: number,
  rounds = 2000,
): PairedDifference | null {
  const differences = a.flatMap((value, i) => {
    const other = b[i] ?? null;
    return value === null || other === null ? [] : [other - value];
  });
  if (differences.length === 0) return null;
  return { ...meanInterval(differences, seed, rounds), p: signFlipP(differences, seed, FLIPS) };
}

/** Share of random sign patterns whose sum is at least as far from 0; counts the one that was seen (Phipson and Smyth 2010). */
function signFlipP(differences: readonly number[], seed: number, rounds: number): number {
  const moved = differences.filter((value) => value !== 0);
  const seen = Math.abs(moved.reduce((sum, value) => sum + value, 0));
  const next = seededRandom(seed + 1);
  let atLeast = 1;
  for (let round = 0; round < rounds; round++) {
    let sum = 0;
    for (const value of moved) sum += next() < 0.5 ? value : -value;
    if (Math.abs(sum) >= seen - 1e-12) atLeast += 1;
  }
  return atLeast / (rounds + 1);
}

/** Holm's step-down correction: the chance of one false finding among all of them stays what a p says. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((p, i) => ({ p, i })).sort((x, y) => x.p - y.p);
  const adjusted = new Array<number>(ps.length).fill(1);
  let least = 0;
  order.forEach(({ p, i }, rank) => {
    least = Math.max(least, Math.min(1, p * (ps.length - rank)));
    adjusted[i] = least;
  });
  return adjusted;
}
