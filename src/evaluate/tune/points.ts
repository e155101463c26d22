import { optionValue } from '../../options.ts';
import { seededRandom } from '../../text/random.ts';
import type { Axis, Leaf, Range } from './axes.ts';
import type { Setting, Surface } from './surface.ts';
import { THRESHOLDS } from './tree.ts';

/** Steps of a range without one: values are that short, and near ones are one. */
const STEPS = 10_000;

const countOf = ({ low, high, step }: Range): number =>
  step === null ? STEPS + 1 : Math.floor((high - low) / step + 1e-9) + 1;

/** How many values an axis has. */
const sizeOf = ({ values }: Axis): number => ('low' in values ? countOf(values) : values.length);

/** The value of an axis at a place, from 0 (its first) to 1 (its last). */
export function valueAt({ values }: Axis, place: number): Leaf {
  const at = Math.min(1, Math.max(0, place));
  if (!('low' in values)) return values[Math.min(values.length - 1, Math.floor(at * values.length))]!;
  const last = countOf(values) - 1;
  const i = Math.round(at * last);
  const value = values.low + i * (values.step ?? (values.high - values.low) / STEPS);
  return Number(value.toPrecision(12));
}

/** Where a value stands on its axis, 0 to 1; null for one that is not on it. */
export function placeOf({ values }: Axis, value: Leaf): number | null {
  if (!('low' in values)) {
    const i = values.indexOf(value);
    return i < 0 ? null : (i + 0.5) / values.length;
  }
  if (typeof value !== 'number' || value < values.low || value > values.high) return null;
  const last = countOf(values) - 1;
  return Math.min(1, (value - values.low) / (values.step === null ? values.high - values.low : last * values.step));
}

/** The setting of the axes that the base is. */
export function baseSetting(axes: readonly Axis[], base: Surface['base']): Setting {
  return Object.fromEntries(axes.map(({ path }) => [path, (optionValue(base, path) ?? null) as Leaf]));
}

/** Same settings have the same key. */
export const keyOfSetting = (axes: readonly Axis[], setting: Setting): string =>
  JSON.stringify(axes.map(({ path }) => setting[path]));

/** The first of each that is the same. */
export function distinct(axes: readonly Axis[], settings: readonly Setting[]): Setting[] {
  const byKey = new Map<string, Setting>();
  for (const setting of settings) {
    const key = keyOfSetting(axes, setting);
    if (!byKey.has(key)) byKey.set(key, setting);
  }
  return [...byKey.values()];
}

/** How far a setting is from another: on each axis the share of its length, 1 where values have no order; summed. */
export function distanceOf(axes: readonly Axis[], a: Setting, b: Setting): number {
  let sum = 0;
  for (const { path, values } of axes) {
    const [x, y] = [a[path], b[path]];
    if (x === y) continue;
    const numbers = 'low' in values ? [values.low, values.high] : values.filter((value) => typeof value === 'number');
    const length = Math.max(...numbers) - Math.min(...numbers);
    sum += typeof x === 'number' && typeof y === 'number' && length > 0 ? Math.abs(x - y) / length : 1;
  }
  return sum;
}

/** The same number of evenly spread values on each axis, as far as it has them, so that all together are at most `count`. */
export function gridSettings(axes: readonly Axis[], count: number): Setting[] {
  const sizes = axes.map(sizeOf);
  const levels = sizes.map(() => 1);
  const room = (i: number) =>
    levels[i]! < sizes[i]! && levels.reduce((all, size, j) => all * (j === i ? size + 1 : size), 1) <= count;
  for (;;) {
    const open = levels.map((_, i) => i).filter(room);
    if (open.length === 0) break;
    const least = open.reduce((best, i) => (levels[i]! < levels[best]! ? i : best));
    levels[least]! += 1;
  }
  // Thresholds change fastest: a surface remembers what differs in them alone.
  const isThreshold = ({ path }: Axis) => THRESHOLDS.some((name) => name === path);
  const order = [...axes.filter((axis) => !isThreshold(axis)), ...axes.filter(isThreshold)];
  const settings = order.reduce<Setting[]>(
    (before, axis) => {
      const values = spread(axis, levels[axes.indexOf(axis)]!);
      return before.flatMap((setting) => values.map((value) => ({ ...setting, [axis.path]: value })));
    },
    [{}],
  );
  return settings.map((setting) => Object.fromEntries(axes.map(({ path }) => [path, setting[path]!])));
}

function spread(axis: Axis, count: number): Leaf[] {
  const size = sizeOf(axis);
  const at = (i: number) => (count === 1 ? 0.5 : i / (count - 1));
  const { values } = axis;
  if ('low' in values) {
    const { low, high, step } = values;
    if (step !== null) return Array.from({ length: count }, (_, i) => valueAt(axis, at(i)));
    // Six digits are short, and even: the ends stay what they are.
    return Array.from({ length: count }, (_, i) =>
      at(i) === 1 ? high : at(i) === 0 ? low : Number((low + at(i) * (high - low)).toPrecision(6)),
    );
  }
  return Array.from({ length: count }, (_, i) => values[count === size ? i : Math.round(at(i) * (size - 1))]!);
}

const PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];

/** Places from 0 to 1 that fill the space evenly: a Halton sequence, moved by the seed (Cranley and Patterson 1976). */
export function haltonPoints(dimensions: number, count: number, seed: number): number[][] {
  const next = seededRandom(seed);
  const shifts = Array.from({ length: dimensions }, next);
  // Beyond the primes at hand, plain random numbers fill no worse than a sequence of large bases.
  return Array.from({ length: count }, (_, i) =>
    shifts.map((shift, d) => (d < PRIMES.length ? (radicalInverse(PRIMES[d]!, i + 1) + shift) % 1 : next())),
  );
}

function radicalInverse(prime: number, index: number): number {
  let [share, value] = [1, 0];
  for (let rest = index; rest > 0; rest = Math.floor(rest / prime)) {
    share /= prime;
    value += share * (rest % prime);
  }
  return value;
}

export const settingAt = (axes: readonly Axis[], point: readonly number[]): Setting =>
  Object.fromEntries(axes.map((axis, i) => [axis.path, valueAt(axis, point[i]!)]));
