import { z } from 'zod';
import { type DecisionQuestion, systemOneQuestion } from '../../prompts/decision-questions.ts';
import { checkedAnswer, type DecisionAnswer, type DecisionDialect, wrongAnswer } from './decision-dialect.ts';

const Reply = z.looseObject({ answers: z.record(z.string(), z.unknown()) });

// vLLM and others say how much of the raw probability lay on the options.
const mass = { label_mass: z.number().optional(), option_mass: z.number().optional() };
const Predicate = z.looseObject({ type: z.literal('noul'), noul: z.number(), ...mass });
const Choice = z.looseObject({
  type: z.literal('choice'),
  choice: z.string().optional(),
  probabilities: z.record(z.string(), z.number()),
  ...mass,
});
const Score = z.looseObject({ type: z.literal('score'), probabilities: z.record(z.string(), z.number()), ...mass });

const Refused = z.union([z.null(), z.undefined(), z.looseObject({ type: z.literal('refusal') })]);

function read(where: string, question: DecisionQuestion, answer: unknown): DecisionAnswer | null {
  if (Refused.safeParse(answer).success) return null;
  const words = question.options.map(({ word }) => word);
  const parse = <T>(schema: z.ZodType<T>): T => {
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw wrongAnswer(where, question, JSON.stringify(answer));
  };
  if (question.type === 'predicate') {
    const { noul, label_mass, option_mass } = parse(Predicate);
    const given = new Map([
      [words[0]!, noul],
      [words[1]!, 1 - noul],
    ]);
    return checkedAnswer(where, question, given, { mass: label_mass ?? option_mass });
  }
  if (question.type === 'choice') {
    const { choice, probabilities, label_mass, option_mass } = parse(Choice);
    const given = new Map(Object.entries(probabilities));
    return checkedAnswer(where, question, given, { mass: label_mass ?? option_mass, choice });
  }
  const { probabilities, label_mass, option_mass } = parse(Score);
  // Levels are numbered from 0.
  const given = new Map(Object.entries(probabilities).map(([level, value]) => [words[Number(level)] ?? level, value]));
  return checkedAnswer(where, question, given, { mass: label_mass ?? option_mass });
}

/** `POST /v1/systemone`: llama-server, vLLM, Ollama and the services that took the form over. */
export const systemone: DecisionDialect = {
  path: '/systemone',
  async ask(client, { model, state, questions }, options) {
    const body = {
      ...(model !== null && { model }),
      state,
      questions: Object.fromEntries(questions.map((question) => [question.name, systemOneQuestion(question)])),
    };
    const { answers } = await client.ask({ path: '/systemone', body, schema: Reply }, options);
    return questions.map((question) => read(`${client.name}/systemone`, question, answers[question.name]));
  },
};
