import { cpus, loadavg } from 'node:os';

/** Nearest-rank percentile, `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export interface Timing {
  readonly p50: number;
  readonly p95: number;
  readonly runs: number;
}

export const timing = (ms: readonly number[]): Timing => ({
  p50: percentile(ms, 0.5),
  p95: percentile(ms, 0.95),
  runs: ms.length,
});

/** Milliseconds that one awaited call takes. */
export async function clock(call: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await call();
  return performance.now() - started;
}

/** What figures depend on: machine, runtime and how busy the machine was. */
export const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  node: process.version,
  load1: Number(loadavg()[0]!.toFixed(2)),
});

/** Columns are padded, as the formatter wants them. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(3, cell.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
