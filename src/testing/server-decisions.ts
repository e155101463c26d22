import { type Dialect, type Handler, Refused } from './server-core.ts';
import { openaiError } from './server-openai.ts';

/** A question of either dialect, as the script sees it. */
export interface Question {
  /** Its id; in a list of questions its name, or its number. */
  readonly id: string;
  readonly type: 'yes-no' | 'choice' | 'score';
  readonly instructions: string;
  /** What can be answered, in order: `true` and `false`, the options, or the levels. */
  readonly options: readonly string[];
  readonly state: string;
}

/**
 * Probabilities of the options in their order; they need not sum to one, as a broken server's do not. `refused`: a
 * refusal where the dialect has one, else the answer is left out.
 */
export type Decide = (question: Question) => readonly number[] | 'refused';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const best = (probabilities: readonly number[]): number => probabilities.indexOf(Math.max(...probabilities));

/** 0 where all options are as likely as each other, 1 where one is sure. */
const choiceConfidence = (probabilities: readonly number[]): number => {
  const flat = 1 / probabilities.length;
  return (Math.max(...probabilities) - flat) / (1 - flat);
};

/** One less the mean distance from the likeliest level, in units of that of a flat distribution. */
function scoreConfidence(probabilities: readonly number[]): number {
  const mode = best(probabilities);
  const distance = (weights: readonly number[]) => weights.reduce((sum, p, i) => sum + p * Math.abs(i - mode), 0);
  return Math.max(0, 1 - distance(probabilities) / distance(probabilities.map(() => 1 / probabilities.length)));
}

const expected = (probabilities: readonly number[]): number => probabilities.reduce((sum, p, i) => sum + p * i, 0);

const wrong = (id: string, what: string): Refused => new Refused(400, `question "${id}": ${what}`);

/** Options of a System One question. */
function criteriaOf(id: string, type: unknown, criteria: unknown): readonly string[] {
  if (type === 'noul') {
    if (criteria != null && !isObject(criteria)) throw wrong(id, 'criteria of noul are an object with true and false');
    return ['true', 'false'];
  }
  if (type === 'choice') {
    if (!isObject(criteria) || Object.keys(criteria).length < 2) throw wrong(id, 'choice needs criteria, two or more');
    return Object.keys(criteria);
  }
  if (type !== 'score') throw wrong(id, `unknown type ${JSON.stringify(type)}`);
  if (!Array.isArray(criteria) || criteria.length < 2 || criteria.length > 10)
    throw wrong(id, 'score needs 2 to 10 criteria');
  return criteria.map(textOf);
}

const labelled = (keys: readonly string[], probabilities: readonly number[]) =>
  Object.fromEntries(keys.map((key, i) => [key, probabilities[i]]));

/** `POST /v1/systemone`. Without a script it is a language model, and the route answers 501. */
export const systemone =
  (model: string, decide: Decide | undefined, unsupported: string): Handler =>
  ({ body }) => {
    if (!decide) throw new Refused(501, unsupported);
    const { state, questions } = body;
    if (state == null) throw new Refused(400, 'state is missing');
    if (!isObject(questions) || Object.keys(questions).length === 0) throw new Refused(400, 'questions are missing');
    const answers = Object.entries(questions).flatMap(([id, question]): [string, unknown][] => {
      if (!isObject(question)) throw wrong(id, 'a question is an object');
      const { type, instructions, criteria } = question;
      if (instructions == null) throw wrong(id, 'instructions are missing');
      const options = criteriaOf(id, type, criteria);
      const kind = type === 'noul' ? 'yes-no' : type === 'choice' ? 'choice' : 'score';
      const said = decide({ id, type: kind, instructions: textOf(instructions), options, state: textOf(state) });
      if (said === 'refused') return [];
      if (kind === 'yes-no') return [[id, { type, noul: said[0] }]];
      if (kind === 'choice') {
        const probabilities = labelled(options, said);
        return [[id, { type, choice: options[best(said)], probabilities, confidence: choiceConfidence(said) }]];
      }
      const levels = options.map((_, i) => String(i));
      const [legend, probabilities] = [Object.fromEntries(options.entries()), labelled(levels, said)];
      return [[id, { type, score: expected(said), legend, probabilities, confidence: scoreConfidence(said) }]];
    });
    const input_tokens = Math.ceil(JSON.stringify(body).length / 4);
    return {
      status: 200,
      body: { model, answers: Object.fromEntries(answers), usage: { input_tokens, output_tokens: 0 } },
    };
  };

/** The evidence of a decisions request: a text, or messages of the user. */
function inputOf(input: unknown): string {
  if (typeof input === 'string') return input;
  if (!Array.isArray(input) || input.length === 0) throw new Refused(400, "Missing required parameter: 'input'.");
  return input
    .map((message: unknown) => {
      if (!isObject(message) || message.role !== 'user') throw new Refused(400, "Only 'user' messages are supported.");
      if (typeof message.content === 'string') return message.content;
      const parts: readonly unknown[] = Array.isArray(message.content) ? message.content : [];
      return parts.map((part) => (isObject(part) && part.type === 'input_text' ? textOf(part.text) : '')).join('');
    })
    .join('\n');
}

const list = (id: string, value: unknown, most: number): readonly Readonly<Record<string, unknown>>[] => {
  if (!Array.isArray(value) || value.length < 2 || value.length > most || !value.every(isObject))
    throw wrong(id, `needs 2 to ${most} of them`);
  return value;
};

/** One answer of `POST /v1/decisions`. */
function decisionOf(question: unknown, index: number, state: string, decide: Decide): unknown {
  if (!isObject(question)) throw wrong(String(index), 'a question is an object');
  const { type, instructions, name = null } = question;
  const id = typeof name === 'string' ? name : String(index);
  if (typeof instructions !== 'string') throw wrong(id, 'instructions are missing');
  const asked = { id, instructions, state };
  if (type === 'predicate') {
    const said = decide({ ...asked, type: 'yes-no', options: ['true', 'false'] });
    return said === 'refused' ? { type: 'refusal', name } : { type, name, probability: said[0] };
  }
  if (type === 'choice') {
    const values = list(id, question.choices, 255).map(({ value }) => value);
    const said = decide({ ...asked, type: 'choice', options: values.map(String) });
    if (said === 'refused') return { type: 'refusal', name };
    const probabilities = values.map((value, i) => ({ value, probability: said[i] }));
    return { type, name, choice: values[best(said)], probabilities, confidence: choiceConfidence(said) };
  }
  if (type !== 'score') throw wrong(id, `unknown type ${JSON.stringify(type)}`);
  const labels = list(id, question.levels, 10).map(({ label }) => textOf(label));
  const said = decide({ ...asked, type: 'score', options: labels });
  if (said === 'refused') return { type: 'refusal', name };
  const probabilities = labels.map((label, value) => ({ value, label, probability: said[value] }));
  return { type, name, score: expected(said), probabilities, confidence: scoreConfidence(said) };
}

/** `POST /v1/decisions` of OpenAI: answers in the order of the questions, each of which may be refused. */
export const decisions =
  (served: string, decide: Decide | undefined): Handler =>
  ({ body }) => {
    const { model, input, questions } = body;
    if (typeof model !== 'string') throw new Refused(400, "Missing required parameter: 'model'.");
    if (!decide) throw new Refused(400, `The model '${model}' does not support this API.`);
    const state = inputOf(input);
    if (!Array.isArray(questions) || questions.length === 0 || questions.length > 400)
      throw new Refused(400, "Invalid 'questions': 1 to 400 of them.");
    const answers = questions.map((question: unknown, i) => decisionOf(question, i, state, decide));
    const input_tokens = Math.ceil(JSON.stringify(body).length / 4);
    const usage = {
      ...{ input_tokens, input_tokens_details: { cache_write_tokens: 0, cached_tokens: 0 } },
      ...{ output_tokens: 0, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: input_tokens },
    };
    return { status: 200, body: { model: served, answers, usage } };
  };

/** A hosted service that only decides, in both dialects. */
export function decisionsDialect(name: string, decide: Decide | undefined): Dialect {
  return {
    routes: {
      'POST /v1/systemone': systemone(name, decide, `The model '${name}' is not a decision model.`),
      'POST /v1/decisions': decisions(name, decide),
    },
    notFound: openaiError(404, 'Unknown request URL'),
    error: openaiError,
  };
}
