import { DiscernError } from '../../errors.ts';
import type { AnswerMetric, MetricTable } from './answer-metric.ts';
import { ANSWER_METRICS } from './by-name/answers.ts';
import { COST_METRICS } from './by-name/cost.ts';
import { CRITIC_METRICS } from './by-name/critics.ts';
import { PAIRWISE_METRICS, rankingMetric, rankingMetricNames } from './by-name/ranking.ts';

export type { AnswerMetric, MetricStage } from './answer-metric.ts';

const METRICS: MetricTable = { ...PAIRWISE_METRICS, ...CRITIC_METRICS, ...ANSWER_METRICS, ...COST_METRICS };

/** The metric of a name such as `f1` or `recall.ndcg@10`. Throws INPUT_INVALID with the names that are known. */
export function answerMetric(name: string): AnswerMetric {
  const found = Object.hasOwn(METRICS, name) ? METRICS[name]! : rankingMetric(name);
  if (found === null)
    throw new DiscernError('INPUT_INVALID', `metric "${name}" is not known; known: ${answerMetricNames().join(', ')}`);
  return { name, ...found };
}

/** The names that `answerMetric` knows; `@k` stands for a rank such as `@10`, `[@k]` where it may be left out. */
export const answerMetricNames = (): string[] => [...rankingMetricNames(), ...Object.keys(METRICS)];
