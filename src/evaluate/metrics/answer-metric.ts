import type { Answer } from '../../types.ts';
import type { GoldQuestion } from '../data/dataset.ts';

export type MetricStage = 'recall' | 'rerank' | 'critics' | 'gate' | 'generation' | 'end to end' | 'cost';

/** A figure of one answered question. Its mean over questions is what tables show. */
export interface AnswerMetric {
  readonly name: string;
  readonly stage: MetricStage;
  readonly better: 'higher' | 'lower';
  /** One sentence: what it is, and its range. */
  readonly description: string;
  /** Null where it is undefined for this question. */
  readonly of: (answer: Answer, gold: GoldQuestion) => number | null;
}

/** Metrics by their names. */
export type MetricTable = Readonly<Record<string, Omit<AnswerMetric, 'name'>>>;
