import { z } from 'zod';
import type { SampledAnswer } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { keyOf } from '../../text/hash.ts';
import type { SeperFacts } from './collect.ts';
import { parseSeperRow, type SeperRow } from './rows.ts';

/** What a row asks of models: rows of one key have the same facts. */
export const rowKey = ({ question, answers, lang, passages, samples }: SeperRow): string =>
  keyOf({ question, answers, lang, passages: passages.map(({ passage }) => passage.text), samples });

const listed = (samples: readonly SampledAnswer[] | null) => samples?.map(({ text, logprobs }) => [text, logprobs]);

/** How every record begins: a line that a kill cut off is told from another file by it. */
export const RECORD_START = '{"version":1,"settings":';

/** The facts of a question as one line of JSON, which is a row with samples too. -Infinity is null there. */
export function recordLine(facts: SeperFacts, settings: string, key: string): string {
  const { samples, passages, pairs, ...rest } = facts;
  return JSON.stringify({
    ...{ version: 1, settings, key, ...rest },
    passages: passages.map(({ passage: { id, title, text }, isRel, rerank }) => ({ id, title, text, isRel, rerank })),
    samples_with: listed(samples.with),
    samples_without: listed(samples.without),
    samples_rest: samples.rests?.map(listed),
    pairs: pairs.map((golds) =>
      golds.map(({ answerToGold: to, goldToAnswer: from }) =>
        [to, from].flatMap(({ contradiction, neutral, entailment }) => [contradiction, neutral, entailment]),
      ),
    ),
  });
}

const Record = z.looseObject({
  version: z.literal(1),
  settings: z.string(),
  key: z.string(),
  texts: z.array(z.string()),
  pairs: z.array(
    z.array(
      z
        .tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.number()])
        .transform(([c, n, e, backC, backN, backE]) => ({
          answerToGold: { contradiction: c, neutral: n, entailment: e },
          goldToAnswer: { contradiction: backC, neutral: backN, entailment: backE },
        })),
    ),
  ),
  same: z.array(z.tuple([z.int(), z.int()])),
  by: z.enum(['entail', 'equivalent']).nullable(),
  models: z.object({ sampler: z.string().nullable(), entailment: z.string().nullable() }),
});

export interface SeperRecord {
  readonly settings: string;
  readonly key: string;
  readonly facts: SeperFacts;
}

/** Reads what `recordLine` wrote; `place` names it in errors. Throws INPUT_INVALID. */
export function parseRecord(value: unknown, place: string): SeperRecord {
  const parsed = Record.safeParse(value);
  if (!parsed.success)
    throw new DiscernError('INPUT_INVALID', `${place}: no record of discern seper; the file is left as it is`, {
      hint: 'give another file with --out',
      cause: parsed.error,
    });
  const { settings, key, texts, pairs, same, by, models } = parsed.data;
  const { id, question, answers, lang, passages, samples, published } = parseSeperRow(value, place, '');
  const none = { with: null, without: null, rests: null };
  const facts = { id, question, answers, lang, published, passages, samples: samples ?? none };
  return { settings, key, facts: { ...facts, texts, pairs, same, by, models } };
}
