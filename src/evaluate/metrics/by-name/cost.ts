import type { Cost } from '../../../types.ts';
import type { AnswerMetric, MetricTable } from '../answer-metric.ts';

const metric = (key: keyof Cost, description: string): Omit<AnswerMetric, 'name'> => ({
  stage: 'cost',
  better: 'lower',
  description,
  of: ({ cost }) => cost[key],
});

export const COST_METRICS: MetricTable = {
  calls: metric('calls', 'calls to models, each for one batch of requests'),
  requests: metric('requests', 'requests to models'),
  tokens: metric('tokens', 'generated tokens'),
  ms: metric('ms', 'milliseconds of model time, also where facts come from a record'),
};
