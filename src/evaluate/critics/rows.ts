import { z } from 'zod';
import { DiscernError } from '../../errors.ts';
import { keyOf } from '../../text/hash.ts';
import { type CritiqueRequest, type Passage, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { tokenF1 } from '../metrics/answers.ts';

/** What labelled rows measure: the four reflection tokens, and whether two answers mean the same. */
export type EvalHead = ReflectionKind | 'entail';

/** The labels of each head, in the order of its probabilities. No labelled row says `continue`. */
export const EVAL_LABELS: Readonly<Record<EvalHead, readonly string[]>> = {
  isRel: REFLECTIONS.isRel,
  isSup: REFLECTIONS.isSup,
  isUse: REFLECTIONS.isUse,
  retrieve: ['yes', 'no'],
  entail: ['equivalent', 'different'],
};

/** Two answers to one question that are compared. */
export interface Comparison {
  readonly question: string;
  readonly first: string;
  readonly second: string;
}

/**
 * What a row knows: the number of its label; that it is any but the first one; or which of its two subjects is better,
 * 0 or 1.
 */
export type Truth = { readonly label: number } | { readonly label: 'notFirst' } | { readonly better: 0 | 1 };

/** A labelled row as what is asked of a critic: one request, two of a pair, or a comparison with each near reference. */
export type EvalCase =
  | {
      readonly head: ReflectionKind;
      readonly source: string;
      readonly truth: Truth;
      readonly asked: readonly CritiqueRequest[];
    }
  | {
      readonly head: 'entail';
      readonly source: string;
      readonly truth: Truth;
      readonly asked: readonly Comparison[];
    };

const question = z.string().nullish();
const rowOf = <T extends string, L extends z.ZodType, F extends z.ZodRawShape>(task: T, label: L, fields: F) =>
  z.looseObject({
    task: z.literal(task),
    label,
    source: z.string().default('unnamed'),
    lang: z.string().nullish(),
    ...fields,
  });

/** Lines of labelled data: the head follows from `task`. */
const EvalRowSchema = z.discriminatedUnion('task', [
  rowOf('relevance', z.enum(['relevant', 'irrelevant']), { question, passage: z.string() }),
  rowOf('support', z.enum(['full', 'partial', 'none', 'not_full']), {
    question,
    passage: z.string(),
    answer: z.string(),
  }),
  rowOf('utility', z.union([z.literal([1, 2, 3, 4, 5]), z.enum(REFLECTIONS.isUse)]), { question, answer: z.string() }),
  rowOf('utility_pair', z.enum(['a', 'b', 'tie']), { question, answer_a: z.string(), answer_b: z.string() }),
  rowOf('retrieve', z.enum(['retrieve', 'no_retrieve']), { question: z.string() }),
  rowOf('answer_equivalence', z.enum(['equivalent', 'different', 'possible']), {
    question,
    answer: z.string(),
    refs: z.array(z.string()).min(1),
  }),
]);

export type EvalRow = z.infer<typeof EvalRowSchema>;

/** Reads a line; `place` names it in the error. Throws INPUT_INVALID for a task, a label or fields that are not known. */
export function parseEvalRow(line: string, place: string): EvalRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${place}: not JSON`, { cause });
  }
  const parsed = EvalRowSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const given = (value as { readonly task?: unknown } | null)?.task;
  const tasks = EvalRowSchema.options.map((row) => row.shape.task.value);
  throw new DiscernError(
    'INPUT_INVALID',
    path[0] === 'task' || path.length === 0
      ? `${place}: task ${JSON.stringify(given) ?? 'is missing'}; known: ${tasks.join(', ')}`
      : `${place}: ${given} row, ${path.join('.')}: ${message}`,
    { cause: parsed.error },
  );
}

/** An answer is compared with so many of its references: those with most words in common. */
const NEAREST = 3;

const SUPPORT = {
  full: { label: 0 },
  partial: { label: 1 },
  none: { label: 2 },
  not_full: { label: 'notFirst' },
} as const;

/** The case of a row; the label where that leaves it out: `tie` and `possible`, which decide nothing. */
export function caseOf(row: EvalRow): EvalCase | 'tie' | 'possible' {
  const { source } = row;
  const question = row.question ?? '';
  switch (row.task) {
    case 'relevance':
      return {
        ...{ head: 'isRel', source, truth: { label: row.label === 'relevant' ? 0 : 1 } },
        asked: [{ kind: 'isRel', question, passage: passageOf(row.passage) }],
      };
    case 'support':
      return {
        ...{ head: 'isSup', source, truth: SUPPORT[row.label] },
        asked: [{ kind: 'isSup', question, passage: passageOf(row.passage), segment: row.answer }],
      };
    case 'utility':
      return {
        ...{ head: 'isUse', source, truth: { label: Number(row.label) - 1 } },
        asked: [{ kind: 'isUse', question, answer: row.answer }],
      };
    case 'utility_pair':
      if (row.label === 'tie') return 'tie';
      return {
        ...{ head: 'isUse', source, truth: { better: row.label === 'a' ? 0 : 1 } },
        asked: [row.answer_a, row.answer_b].map((answer) => ({ kind: 'isUse', question, answer })),
      };
    case 'retrieve':
      return {
        ...{ head: 'retrieve', source, truth: { label: row.label === 'retrieve' ? 0 : 1 } },
        asked: [{ kind: 'retrieve', question, answerSoFar: '' }],
      };
    case 'answer_equivalence':
      if (row.label === 'possible') return 'possible';
      return {
        ...{ head: 'entail', source, truth: { label: row.label === 'equivalent' ? 0 : 1 } },
        asked: nearest(row.answer, row.refs).map((second) => ({ question, first: row.answer, second })),
      };
  }
}

const nearest = (answer: string, references: readonly string[]): string[] =>
  [...new Set(references)]
    .map((reference) => ({ reference, shared: tokenF1(answer, [reference]) }))
    .sort((a, b) => b.shared - a.shared)
    .slice(0, NEAREST)
    .map(({ reference }) => reference);

const passageOf = (text: string): Passage => ({
  ...{ id: keyOf(text), docId: 'row', text, title: null, span: { start: 0, end: text.length } },
  ...{ page: null, heading: null, metadata: {} },
});
