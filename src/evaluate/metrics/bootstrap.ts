import { seededRandom } from '../../text/random.ts';
import type { MeanInterval } from './mean.ts';

const ROUNDS = 1000;

/**
 * Figures of rows with their percentile bootstrap intervals of 95%. `sizes` are the rows of each group (usually one);
 * rows are drawn again within their group, and come to `measure` as ascending places, one list for each group. A figure
 * that is undefined on all rows is null; draws on which it is undefined are left out.
 */
export function bootstrap<K extends string>(
  sizes: readonly number[],
  seed: number,
  measure: (places: readonly (readonly number[])[]) => Readonly<Record<K, number | null>>,
  rounds = ROUNDS,
): Record<K, MeanInterval | null> {
  const n = sizes.reduce((sum, size) => sum + size, 0);
  const whole = measure(sizes.map((size) => Array.from({ length: size }, (_, i) => i)));
  const next = seededRandom(seed);
  const drawn = n === 0 ? [] : Array.from({ length: rounds }, () => measure(sizes.map((size) => draw(size, next))));
  const interval = (key: K): MeanInterval | null => {
    const mean = whole[key];
    if (mean === null) return null;
    const values = drawn.flatMap((figures) => figures[key] ?? []).sort((a, b) => a - b);
    const at = (share: number) => values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? mean;
    return { mean, ci95: [at(0.025), at(0.975)], n };
  };
  const keys = Object.keys(whole) as K[];
  return Object.fromEntries(keys.map((key) => [key, interval(key)])) as Record<K, MeanInterval | null>;
}

function draw(size: number, next: () => number): number[] {
  const times = new Uint16Array(size);
  for (let i = 0; i < size; i++) times[Math.floor(next() * size)]! += 1;
  const places: number[] = [];
  for (let place = 0; place < size; place++) for (let i = 0; i < times[place]!; i++) places.push(place);
  return places;
}
