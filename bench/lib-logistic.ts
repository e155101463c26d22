/** Ridge logistic regression by Newton's method: for a handful of standardised features. */
export interface LogisticFit {
  readonly bias: number;
  readonly weights: readonly number[];
}

export function fitLogistic(
  rows: readonly (readonly number[])[],
  labels: readonly number[],
  importance: readonly number[],
  ridge: number,
): LogisticFit {
  const width = rows[0]!.length + 1;
  let at: number[] = Array.from({ length: width }, () => 0);
  for (let round = 0; round < 50; round++) {
    const gradient = at.map((value, j) => (j === 0 ? 0 : -ridge * value));
    const hessian = at.map((_, i) => at.map((__, j) => (i === j && i > 0 ? ridge : i === j ? 1e-9 : 0)));
    for (const [r, row] of rows.entries()) {
      const x = [1, ...row];
      const p = 1 / (1 + Math.exp(-x.reduce((sum, value, j) => sum + value * at[j]!, 0)));
      const w = importance[r]!;
      for (let i = 0; i < width; i++) {
        gradient[i]! += w * (labels[r]! - p) * x[i]!;
        for (let j = 0; j < width; j++) hessian[i]![j]! += w * p * (1 - p) * x[i]! * x[j]!;
      }
    }
    const step = solve(hessian, gradient);
    at = at.map((value, i) => value + step[i]!);
    if (Math.max(...step.map(Math.abs)) < 1e-8) break;
  }
  return { bias: at[0]!, weights: at.slice(1) };
}

/** Gaussian elimination with partial pivoting. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    const pivot = rows.slice(column).reduce((best, row, i) => {
      return Math.abs(row[column]!) > Math.abs(rows[best]![column]!) ? column + i : best;
    }, column);
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let r = column + 1; r < n; r++) {
      const factor = rows[r]![column]! / rows[column]![column]!;
      for (let c = column; c <= n; c++) rows[r]![c]! -= factor * rows[column]![c]!;
    }
  }
  const x: number[] = Array.from({ length: n }, () => 0);
  for (let r = n - 1; r >= 0; r--) {
    const known = x.reduce((sum, value, c) => (c > r ? sum + rows[r]![c]! * value : sum), 0);
    x[r] = (rows[r]![n]! - known) / rows[r]![r]!;
  }
  return x;
}
