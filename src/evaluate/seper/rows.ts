import { z } from 'zod';
import type { SampledAnswer } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { normalizeAnswer } from '../../text/answer.ts';
import { keyOf } from '../../text/hash.ts';
import type { Passage } from '../../types.ts';

/** Answers that were sampled before: with the whole context, without any, and without each of its passages. */
export interface GivenSamples {
  readonly with: readonly SampledAnswer[] | null;
  readonly without: readonly SampledAnswer[] | null;
  readonly rests: readonly (readonly SampledAnswer[])[] | null;
}

/** A passage of a row, and what was said of its relevance; null where nothing was. */
export interface RowPassage {
  readonly passage: Passage;
  readonly isRel: number | null;
  readonly rerank: number | null;
}

/** A question with its reference answers and its context. */
export interface SeperRow {
  /** Names it in reports: its own id, or its line. */
  readonly id: string;
  /** File and line, for errors. */
  readonly place: string;
  readonly question: string;
  /** Without empty ones and without ones that are equal after normalisation. */
  readonly answers: readonly string[];
  readonly lang: string | null;
  readonly passages: readonly RowPassage[];
  /** Null: they are to be drawn. */
  readonly samples: GivenSamples | null;
  /** SePer with context as it was published for these samples; null where it was not. */
  readonly published: number | null;
  /** The row as it was given. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** JSON has no infinities: null or the word stand for a token that the model held for impossible. */
const Logprob = z
  .preprocess(
    (value) => (value === '-Infinity' ? null : value),
    z.number().max(0.001, 'a log-probability is at most 0').nullable(),
  )
  .transform((value) => value ?? Number.NEGATIVE_INFINITY);

const Samples = z
  .array(
    z
      .tuple([z.string(), z.array(Logprob).nullable()])
      .transform(([text, logprobs]): SampledAnswer => ({ text, tokens: logprobs?.length ?? 0, logprobs })),
  )
  .min(1)
  .refine(
    (samples) => new Set(samples.map(({ logprobs }) => logprobs === null)).size === 1,
    'either all samples have log-probabilities or none',
  );

const Score = z.number().nullish();
const PassageField = z.union(
  [
    z.string(),
    z.looseObject({
      ...{ text: z.string(), id: z.string().nullish(), title: z.string().nullish() },
      ...{ isRel: Score, rerank: Score },
    }),
  ],
  'expected a text, or an object with a text',
);

const RowSchema = z.looseObject({
  id: z.union([z.string(), z.number()]).transform(String).nullish(),
  question: z.string().refine((text) => text.trim() !== '', 'is empty'),
  answers: z.array(z.string()).nullish(),
  answer: z.string().nullish(),
  lang: z.string().nullish(),
  passage: z.string().nullish(),
  title: z.string().nullish(),
  passages: z.array(PassageField).nullish(),
  samples_with: Samples.nullish(),
  samples_without: Samples.nullish(),
  samples_rest: z.array(Samples).nullish(),
  responses: Samples.nullish(),
  context: z.string().nullish(),
  published: z.number().nullish(),
});

/** The published example: rows of samples with both pieces of the context, and what SePer was said to be for them. */
const ExampleSchema = z.looseObject({
  samples_with_both_pieces: z.array(z.looseObject({})).min(1),
  seper: z.looseObject({ both: z.number() }).optional(),
});

const invalid = (place: string, issue: z.core.$ZodIssue, cause: unknown) => {
  const path = issue.path.join('.');
  return new DiscernError('INPUT_INVALID', `${place}: ${path === '' ? '' : `${path}: `}${issue.message}`, { cause });
};

/** Reads one row; `place` names it in errors, `id` where it has none of its own. Throws INPUT_INVALID. */
export function parseSeperRow(value: unknown, place: string, id: string): SeperRow {
  const parsed = RowSchema.safeParse(value);
  if (!parsed.success) throw invalid(place, parsed.error.issues[0]!, parsed.error);
  const row = parsed.data;
  const answers = row.answers ?? (row.answer == null ? null : [row.answer]);
  if (answers === null) throw new DiscernError('INPUT_INVALID', `${place}: answers: the reference answers are missing`);
  const given: GivenSamples = {
    with: row.samples_with ?? row.responses ?? null,
    without: row.samples_without ?? null,
    rests: row.samples_rest ?? null,
  };
  const passages = passagesOf(row);
  if (given.rests !== null && given.rests.length > 0 && given.rests.length !== passages.length)
    throw new DiscernError(
      'INPUT_INVALID',
      `${place}: samples_rest: ${given.rests.length} lists for ${passages.length} passages`,
    );
  const { samples_with: _with, samples_without: _without, ...fields } = row;
  return {
    id: row.id ?? id,
    place,
    question: row.question,
    answers: distinct(answers),
    lang: row.lang ?? null,
    passages,
    samples: given.with === null && given.without === null ? null : given,
    published: row.published ?? null,
    fields,
  };
}

/** The rows of a whole JSON file: a list of rows, one row, or the published example. Throws INPUT_INVALID. */
export function parseSeperFile(value: unknown, name: string): SeperRow[] {
  if (Array.isArray(value))
    return value.map((row: unknown, i) => parseSeperRow(row, `${name}, row ${i + 1}`, `row ${i + 1}`));
  const example = ExampleSchema.safeParse(value);
  if (!example.success) return [parseSeperRow(value, name, 'row 1')];
  const { samples_with_both_pieces: rows, seper } = example.data;
  // The published value is of one condition: with several rows it would belong to none.
  const published = rows.length === 1 ? seper?.both : undefined;
  return rows.map((row, i) =>
    parseSeperRow({ ...row, published }, `${name}, samples_with_both_pieces ${i + 1}`, `row ${i + 1}`),
  );
}

function distinct(answers: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const answer of answers) {
    const name = normalizeAnswer(answer);
    if (name !== '' && !byName.has(name)) byName.set(name, answer);
  }
  return [...byName.values()];
}

function passagesOf({ passages, passage, title, context }: z.infer<typeof RowSchema>): RowPassage[] {
  const given = passages ?? [];
  if (given.length > 0)
    return given.map((one) =>
      typeof one === 'string'
        ? { passage: passageOf(one), isRel: null, rerank: null }
        : {
            passage: passageOf(one.text, one.title, one.id),
            ...{ isRel: one.isRel ?? null, rerank: one.rerank ?? null },
          },
    );
  const text = passage ?? context ?? '';
  return text.trim() === '' ? [] : [{ passage: passageOf(text, title), isRel: null, rerank: null }];
}

const passageOf = (text: string, title: string | null = null, id: string | null = null): Passage => ({
  ...{ id: id ?? keyOf(text), docId: 'row', text, title, span: { start: 0, end: text.length } },
  ...{ page: null, heading: null, metadata: {} },
});

/** The label of a row as a number: a number or a truth value of the field, or whether its text is the given one. */
export function labelOf({ place, fields }: SeperRow, field: string, positive: string | null): number | null {
  const value = fields[field] ?? null;
  if (value === null) return null;
  if (positive !== null) return String(value) === positive ? 1 : 0;
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new DiscernError('INPUT_INVALID', `${place}: the label ${field} is no number: ${JSON.stringify(value)}`, {
    hint: `say which value counts as 1, as in --label ${field}=relevant`,
  });
}
