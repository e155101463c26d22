import { z } from 'zod';
import type { DecisionQuestion } from '../../prompts/decision-questions.ts';
import { checkedAnswer, type DecisionAnswer, type DecisionDialect, wrongAnswer } from './decision-dialect.ts';

const name = z.string().nullable().optional();
const mass = z.number().optional();
const Answer = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('predicate'), name, probability: z.number(), label_mass: mass }),
  z.looseObject({
    type: z.literal('choice'),
    name,
    choice: z.string().optional(),
    probabilities: z.array(z.looseObject({ value: z.string(), probability: z.number() })),
    label_mass: mass,
  }),
  z.looseObject({
    type: z.literal('score'),
    name,
    probabilities: z.array(z.looseObject({ label: z.string(), probability: z.number() })),
    label_mass: mass,
  }),
  z.looseObject({ type: z.literal('refusal'), name }),
]);
type Answer = z.infer<typeof Answer>;

const Reply = z.looseObject({ answers: z.array(Answer) });

const onWire = ({ name, type, instructions, options }: DecisionQuestion) => {
  if (type === 'choice')
    return { type, name, instructions, choices: options.map(({ word, text }) => ({ value: word, description: text })) };
  if (type === 'score')
    return { type, name, instructions, levels: options.map(({ word, text }) => ({ label: word, description: text })) };
  // A predicate has no place of its own for what true and false mean.
  return { type, name, instructions: `${instructions}\nTrue: ${options[0]!.text}\nFalse: ${options[1]!.text}` };
};

/** By name; by place where the server leaves names out and nothing is missing. */
function answersOf(where: string, questions: readonly DecisionQuestion[], answers: readonly Answer[]) {
  const named = new Map(answers.flatMap((answer) => (answer.name ? [[answer.name, answer] as const] : [])));
  const unnamed = answers.length - named.size;
  if (unnamed > 0 && answers.length !== questions.length)
    throw wrongAnswer(
      where,
      questions[0]!,
      `${answers.length} answers to ${questions.length} questions, without names`,
    );
  return questions.map((question, i) => named.get(question.name) ?? (unnamed > 0 ? answers[i] : undefined));
}

function read(where: string, question: DecisionQuestion, answer: Answer | undefined): DecisionAnswer | null {
  if (answer === undefined || answer.type === 'refusal') return null;
  if (answer.type !== question.type) throw wrongAnswer(where, question, JSON.stringify(answer));
  const words = question.options.map(({ word }) => word);
  if (answer.type === 'predicate') {
    const given = new Map([
      [words[0]!, answer.probability],
      [words[1]!, 1 - answer.probability],
    ]);
    return checkedAnswer(where, question, given, { mass: answer.label_mass });
  }
  if (answer.type === 'choice') {
    const given = new Map(answer.probabilities.map(({ value, probability }) => [value, probability]));
    return checkedAnswer(where, question, given, { mass: answer.label_mass, choice: answer.choice });
  }
  const given = new Map(answer.probabilities.map(({ label, probability }) => [label, probability]));
  return checkedAnswer(where, question, given, { mass: answer.label_mass });
}

/** `POST /v1/decisions`: OpenAI, SGLang and others. The state goes in as JSON text. */
export const decisions: DecisionDialect = {
  path: '/decisions',
  async ask(client, { model, state, questions }, options) {
    const body = {
      ...(model !== null && { model }),
      input: JSON.stringify(state),
      questions: questions.map(onWire),
    };
    const { answers } = await client.ask({ path: '/decisions', body, schema: Reply }, options);
    const where = `${client.name}/decisions`;
    return answersOf(where, questions, answers).map((answer, i) => read(where, questions[i]!, answer));
  },
};
