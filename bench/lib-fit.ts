/** Small statistics for fitting curves: seeded randomness, a minimiser for a handful of parameters, and their figures. */

export { seededRandom as random } from '../src/text/random.ts';

export function shuffle<T>(items: readonly T[], next: () => number): T[] {
  const mixed = [...items];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
  }
  return mixed;
}

/** Damped Newton steps with numerical derivatives: for smooth losses of a few parameters. */
export function minimise(loss: (parameters: readonly number[]) => number, start: readonly number[]): number[] {
  let at = [...start];
  let value = loss(at);
  const h = 1e-3;
  const moved = (changes: readonly (readonly [number, number])[]) => {
    const to = [...at];
    for (const [i, by] of changes) to[i]! += by;
    return loss(to);
  };
  let damping = 1e-3;
  for (let round = 0; round < 200; round++) {
    const gradient = at.map((_, i) => (moved([[i, h]]) - moved([[i, -h]])) / (2 * h));
    if (Math.hypot(...gradient) < 1e-7) break;
    const hessian = at.map((_, i) =>
      at.map(
        (_, j) =>
          (moved([
            [i, h],
            [j, h],
          ]) -
            moved([
              [i, h],
              [j, -h],
            ]) -
            moved([
              [i, -h],
              [j, h],
            ]) +
            moved([
              [i, -h],
              [j, -h],
            ])) /
          (4 * h * h),
      ),
    );
    for (;;) {
      const step = solve(
        hessian.map((row, i) => row.map((cell, j) => (i === j ? cell + damping : cell))),
        gradient,
      );
      const to = at.map((parameter, i) => parameter - step[i]!);
      const there = loss(to);
      if (there < value) {
        at = to;
        value = there;
        damping = Math.max(damping / 10, 1e-9);
        break;
      }
      damping *= 10;
      if (damping > 1e6) return at;
    }
  }
  return at;
}

/** Gaussian elimination with pivoting. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    const pivot = rows
      .slice(column)
      .reduce((best, row, i) => (Math.abs(row[column]!) > Math.abs(rows[best]![column]!) ? column + i : best), column);
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let i = 0; i < n; i++) {
      if (i === column) continue;
      const factor = rows[i]![column]! / rows[column]![column]!;
      for (let k = column; k <= n; k++) rows[i]![k]! -= factor * rows[column]![k]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}

export interface Scored {
  readonly p: number;
  readonly positive: boolean;
}

/** Chance that a positive scores above a negative; ties count a half. */
export function auroc(rows: readonly Scored[]): number {
  const sorted = [...rows].sort((a, b) => a.p - b.p);
  let ranks = 0;
  for (let i = 0; i < sorted.length; ) {
    let j = i;
    while (j < sorted.length && sorted[j]!.p === sorted[i]!.p) j++;
    for (let k = i; k < j; k++) if (sorted[k]!.positive) ranks += (i + j + 1) / 2;
    i = j;
  }
  const positives = rows.filter(({ positive }) => positive).length;
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (rows.length - positives));
}

/** Mean distance between the probability said and the share seen, over ten equal bins. */
export function expectedCalibrationError(rows: readonly Scored[]): number {
  let error = 0;
  for (let bin = 0; bin < 10; bin++) {
    const some = rows.filter(({ p }) => Math.min(9, Math.floor(p * 10)) === bin);
    error += Math.abs(some.reduce((sum, { p, positive }) => sum + p - (positive ? 1 : 0), 0)) / rows.length;
  }
  return error;
}

/** Percentile interval of 95% over resampled rows. */
export function bootstrap<T>(
  rows: readonly T[],
  of: (rows: readonly T[]) => number,
  rounds: number,
  next: () => number,
): [number, number] {
  const values = Array.from({ length: rounds }, () => of(rows.map(() => rows[Math.floor(next() * rows.length)]!)))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  return [values[Math.floor(values.length * 0.025)]!, values[Math.floor(values.length * 0.975)]!];
}
