import { seededRandom } from '../../text/random.ts';

export interface MeanInterval {
  readonly mean: number;
  /** Percentile bootstrap interval of 95%. */
  readonly ci95: readonly [low: number, high: number];
  readonly n: number;
}

/** The mean of at least one value, with its interval over resampled values. */
export function meanInterval(values: readonly number[], seed: number, rounds = 2000): MeanInterval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const next = seededRandom(seed);
  const means = Array.from({ length: rounds }, () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[Math.floor(next() * n)]!;
    return sum / n;
  }).sort((a, b) => a - b);
  const at = (share: number) => means[Math.min(rounds - 1, Math.floor(share * rounds))]!;
  return { mean, ci95: [at(0.025), at(0.975)], n };
}
