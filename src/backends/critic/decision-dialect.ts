import type { CallOptions } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { DecisionQuestion, DecisionState } from '../../prompts/decision-questions.ts';
import type { ServerClient } from '../server/client.ts';

export interface DecisionAnswer {
  /** In order of the options; they sum to one. */
  readonly probabilities: readonly number[];
  /** Share of raw probability on the options, where the server says it; otherwise 1. */
  readonly mass: number;
}

export interface DecisionRequest {
  /** Null: the model that the server has. */
  readonly model: string | null;
  readonly state: DecisionState;
  readonly questions: readonly DecisionQuestion[];
}

/** How a server of decision models is spoken to. */
export interface DecisionDialect {
  readonly path: string;
  /**
   * One for each question, in order; null where the model refused it or left it out. Throws BACKEND_FAILED for an answer
   * that is none: other options than asked, probabilities that do not sum to one.
   */
  ask(client: ServerClient, request: DecisionRequest, options: CallOptions): Promise<(DecisionAnswer | null)[]>;
}

export const wrongAnswer = (where: string, { name }: DecisionQuestion, what: string) =>
  new DiscernError('BACKEND_FAILED', `${where} answered the question "${name}" wrongly: ${what.slice(0, 200)}`);

/** Half of the last digit, where a server rounds to two. */
const ROUNDING = 0.005;

/** Probabilities by word, as they came, checked and scaled to sum to one. */
export function checkedAnswer(
  where: string,
  question: DecisionQuestion,
  given: ReadonlyMap<string, number>,
  stated: { readonly mass?: number | undefined; readonly choice?: string | undefined } = {},
): DecisionAnswer {
  const words = question.options.map(({ word }) => word);
  const others = [...given.keys()].filter((word) => !words.includes(word));
  const missing = words.filter((word) => !given.has(word));
  if (others.length + missing.length > 0)
    throw wrongAnswer(where, question, `options ${[...given.keys()].join(', ')} instead of ${words.join(', ')}`);
  const values = words.map((word) => given.get(word)!);
  const sum = values.reduce((total, value) => total + value, 0);
  if (values.some((value) => value < -1e-6 || value > 1 + 1e-6))
    throw wrongAnswer(where, question, `probabilities ${values.join(', ')}`);
  if (Math.abs(sum - 1) > ROUNDING * words.length + 1e-6)
    throw wrongAnswer(where, question, `probabilities ${values.join(', ')} that sum to ${Number(sum.toFixed(6))}`);
  const { choice, mass = 1 } = stated;
  const chosen = choice === undefined ? Math.max(...values) : given.get(choice);
  if (chosen === undefined || Math.max(...values) - chosen > 2 * ROUNDING)
    throw wrongAnswer(where, question, `${choice} chosen, which is not the likeliest`);
  const clipped = values.map((value) => Math.min(1, Math.max(0, value)));
  const total = clipped.reduce((a, b) => a + b, 0);
  return {
    probabilities: clipped.map((value) => value / total),
    mass: Math.min(1, Math.max(mass, Number.MIN_VALUE)),
  };
}
