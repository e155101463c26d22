import { DiscernError } from '../../errors.ts';
import type { AnswerMetric } from '../metrics/registry.ts';
import type { FaultReport } from './fault-report.ts';

/** How much worse a metric may be than in the baseline: by so much lower, or higher where lower is better. */
export interface Limit {
  readonly metric: AnswerMetric;
  /** In the units of the metric, at least 0. */
  readonly most: number;
}

export interface LimitResult {
  readonly metric: string;
  readonly better: AnswerMetric['better'];
  readonly most: number;
  /** How much worse it is; below 0 where it is better. */
  readonly worse: number;
  readonly ci95: readonly [low: number, high: number];
  /** Questions on which it is defined in both runs. */
  readonly n: number;
  readonly before: number;
  readonly after: number;
  readonly passed: boolean;
}

/** Sums of decimals are not exact: 0.31 - 0.3 is a little more than 0.01. */
const ROUNDING = 1e-9;

/**
 * Whether each metric is worse by more than its limit; `sure`: only where the whole 95% interval is beyond it. `report`
 * must have been made with these metrics. Throws INPUT_INVALID where one is defined for no question.
 */
export function checkLimits(report: FaultReport, limits: readonly Limit[], sure: boolean): LimitResult[] {
  return limits.map(({ metric: { name, better }, most }) => {
    const { a, b, difference } = report.metrics.find((metric) => metric.name === name) ?? {};
    if (!a || !b || !difference)
      throw new DiscernError('INPUT_INVALID', `${name} is defined for none of ${report.pairs} questions in both runs`, {
        hint: 'metrics of quality need the gold answers to these questions, or the documents that are relevant',
      });
    const [low, high] = difference.ci95;
    const [worse, ci95] =
      better === 'higher' ? [-difference.mean, [-high, -low] as const] : [difference.mean, [low, high] as const];
    const passed = (sure ? ci95[0] : worse) <= most + ROUNDING;
    return { metric: name, better, most, worse, ci95, n: difference.n, before: a.mean, after: b.mean, passed };
  });
}
