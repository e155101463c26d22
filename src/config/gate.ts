import { z } from 'zod';
import { name } from './option.ts';

/**
 * What speaks for a context, each so that more speaks more for it. `entropyReduction` (nats) and `pseudoSeper` (-1..1)
 * compare the sampled answers with and without it; `disagreement` is 1 minus the mass that both put on the same
 * meanings; `closedBookDoubt` is 1 minus the mass of the likeliest meaning without it; `supported` is the mass of the
 * answers with it that a passage fully supports; `isRel` is P(relevant) of the best passage and `isRelMargin` its lead
 * over the next; `rerank` and `recall` are the scores of the best passage.
 */
export const GATE_FEATURES = [
  'entropyReduction',
  'pseudoSeper',
  'disagreement',
  'closedBookDoubt',
  'supported',
  'isRel',
  'isRelMargin',
  'rerank',
  'recall',
] as const;

/** What the gate can decide by: P(context helps), estimated from all features, or one of them. */
export const GATE_MEASURES = ['helps', ...GATE_FEATURES] as const;

/** The gate: whether a retrieved context helps, and what happens where it does not. */
export const GateSchema = z.strictObject({
  when: z.enum(['never', 'uncertain', 'always']).default('never').meta({
    description:
      'ask whether the retrieved context helps, from answers sampled with and without it: never, where relevance or Retrieve is near its threshold, or always',
  }),
  measure: z.enum(GATE_MEASURES).default('helps').meta({
    description: 'what decides: P(context helps), estimated from all measures together, or one of them alone',
  }),
  threshold: z.number().nullable().default(null).meta({
    description: 'keep the context when the measure is above this; none = 0.5, or 0 for differences and scores',
  }),
  near: z.number().min(0).max(1).default(0.2).meta({
    description: 'uncertain: the best P(relevant) or P(retrieve) is at most so far from its threshold',
  }),
  refuse: z.boolean().default(true).meta({
    description: 'answer nothing where the context is dropped and the answers without it are uncertain too',
  }),
  // ln 3, written out: JavaScript engines differ in its last digit.
  maxEntropy: z.number().min(0).default(1.0986122886681096).meta({
    description: 'semantic entropy, in nats, above which the answers without context are uncertain',
  }),
  closedBook: z.boolean().default(false).meta({
    description: 'let the model answer alone where the context of a quoting generator is dropped',
  }),
  samples: z.int().min(1).max(200).default(10).meta({ description: 'answers sampled of each condition at most' }),
  minSamples: z.int().min(1).max(200).default(3).meta({ description: 'answers sampled of each condition at least' }),
  risk: z.number().min(0).max(1).default(0.02).meta({
    description:
      'stop sampling early where more samples change the decision with at most this probability; 0 = draw all',
  }),
  temperature: z.number().min(0.01).max(2).default(0.3).meta({ description: 'randomness of the sampled answers' }),
  answerTokens: z.int().min(1).max(512).default(24).meta({ description: 'tokens of a sampled answer at most' }),
  maxTokens: z.int().min(16).max(100_000).default(1024).meta({
    description: 'tokens of the context in the prompt of the samples at most',
  }),
  entailment: name(
    'model that says which answers mean the same: a classifier critic such as mini, prompted, or an NLI model',
  ).default('mini'),
  equivalence: z.enum(['head', 'strict', 'loose']).default('head').meta({
    description: 'answers mean the same by the equivalence head, by entailment both ways, or by no contradiction',
  }),
  estimator: name('name or folder of the estimate for helps').default('gate'),
  perPassage: z.boolean().default(false).meta({
    description: 'measure the utility of each passage by leaving it out, and tell of those that hurt',
  }),
});
