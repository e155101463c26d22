import { bootstrap } from '../metrics/bootstrap.ts';
import type { MeanInterval } from '../metrics/mean.ts';

/** The rows of each group, by first appearance. */
export function membersOf(groups: readonly string[]): number[][] {
  const members = new Map<string, number[]>();
  for (const [row, group] of groups.entries()) {
    const list = members.get(group);
    if (list === undefined) members.set(group, [row]);
    else list.push(row);
  }
  return [...members.values()];
}

/**
 * Figures of rows with bootstrap intervals of 95%: rows of one group, such as several contexts of one question, are
 * drawn together. `n` counts rows.
 */
export function groupedBootstrap<K extends string>(
  groups: readonly string[],
  seed: number,
  measure: (rows: readonly number[]) => Readonly<Record<K, number | null>>,
): Record<K, MeanInterval | null> {
  const members = membersOf(groups);
  const figures = bootstrap([members.length], seed, ([places]) => measure(places!.flatMap((place) => members[place]!)));
  const entries = Object.entries<MeanInterval | null>(figures);
  return Object.fromEntries(
    entries.map(([key, figure]) => [key, figure && { ...figure, n: groups.length }]),
  ) as typeof figures;
}

/** The mean of what is known, with its interval; null where nothing is. */
export function groupedMean(
  values: readonly (number | null)[],
  groups: readonly string[],
  seed: number,
): MeanInterval | null {
  const known = values.flatMap((value, i) => (value === null ? [] : [{ value, group: groups[i]! }]));
  const { mean } = groupedBootstrap(
    known.map(({ group }) => group),
    seed,
    (rows) => ({
      mean: rows.length === 0 ? null : rows.reduce((sum, row) => sum + known[row]!.value, 0) / rows.length,
    }),
  );
  return mean;
}
