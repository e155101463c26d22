import type { MetricStage } from '../metrics/registry.ts';
import type { ExperimentReport, SystemReport, TableCell } from './experiment-report.ts';

export type Metric = ExperimentReport['metrics'][number];

/** A comparison is named only with p, after Holm's correction, at most this. */
export const SIGNIFICANT = 0.05;

export const STAGES: readonly MetricStage[] = [
  'recall',
  'rerank',
  'critics',
  'gate',
  'generation',
  'end to end',
  'cost',
];

export type Verdict = 'better' | 'worse' | 'unclear';

/** What the data say of a difference to the baseline; null for the baseline, and where nothing can be compared. */
export function verdictOf(cell: TableCell | undefined, better: Metric['better']): Verdict | null {
  if (!cell?.difference) return null;
  const [low, high] = cell.difference.ci95;
  if (cell.adjustedP === null || cell.adjustedP > SIGNIFICANT || (low <= 0 && high >= 0)) return 'unclear';
  return low > 0 === (better === 'higher') ? 'better' : 'worse';
}

/** The cell of a metric and a system. */
export function cellFinder({ table }: ExperimentReport): (metric: string, system: string) => TableCell | undefined {
  const key = (metric: string, system: string) => JSON.stringify([metric, system]);
  const cells = new Map(table.map((cell) => [key(cell.metric, cell.system), cell]));
  return (metric, system) => cells.get(key(metric, system));
}

/** Metrics of answers end to end; where an experiment has none, the first that is not a cost. */
export function mainMetrics({ metrics }: ExperimentReport): Metric[] {
  const whole = metrics.filter(({ stage }) => stage === 'end to end');
  return whole.length > 0 ? whole : metrics.filter(({ stage }) => stage !== 'cost').slice(0, 1);
}

export const othersThanBaseline = ({ systems, baseline }: ExperimentReport): SystemReport[] =>
  systems.filter(({ name }) => name !== baseline);

const MILLISECONDS = /(?:^|[._ -])ms$|Ms$/;

/** Decimals of all figures of a metric: none for milliseconds, few for large ones, else three. */
export function decimalsOf({ table }: ExperimentReport, metric: string): number {
  if (MILLISECONDS.test(metric)) return 0;
  const largest = Math.max(0, ...table.map((cell) => (cell.metric === metric ? Math.abs(cell.value?.mean ?? 0) : 0)));
  return largest >= 1000 ? 0 : largest >= 100 ? 1 : 3;
}
