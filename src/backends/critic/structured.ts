import type { BaseMessageLike } from '@langchain/core/messages';
import { z } from 'zod';
import type { Critic } from '../../contracts.ts';
import { getPrompt, renderPrompt } from '../../prompts.ts';
import type { Critique } from '../../types.ts';
import { textOf } from '../langchain/reply.ts';
import { asMessages, type ChatCriticOptions, type ChatQuestion, chatCritic } from './chat.ts';
import { byLabel, undecidedCritique } from './composed.ts';

/** What is asked of a chat model: every `BaseChatModel` that can bind tools or a schema has it. */
export interface StructuredChat {
  withStructuredOutput(
    schema: z.ZodType<Record<string, number>>,
    config: { readonly name: string; readonly includeRaw: true },
  ): { invoke(messages: BaseMessageLike[], options?: { signal?: AbortSignal }): Promise<unknown> };
}

const PROMPTS = {
  retrieve: 'state-retrieve@1',
  isRel: 'state-is-rel@1',
  isSup: 'state-is-sup@1',
  isUse: 'state-is-use@1',
} as const;

/** The object itself is a few tokens; models that think first need room before it. */
const LIMITS = { temperature: 0, maxTokens: 1024 };

const NUMBER = z.number().min(0).max(100);

/** What the model is told, without bounds: some servers take no schema that has them. */
const toldSchema = (names: readonly string[]) => z.object(Object.fromEntries(names.map((name) => [name, z.number()])));

const checkedSchema = (names: readonly string[]) =>
  z
    .object(Object.fromEntries(names.map((name) => [name, NUMBER])))
    .refine((numbers) => Object.values(numbers).some((value) => value > 0), { error: 'all numbers are 0' });

/** What comes of a model that writes around its object, such as a fence. */
function objectIn(text: string): unknown {
  try {
    return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1));
  } catch {
    return null;
  }
}

/** LangChain gives the parsed object beside the message, or the object alone where a model ignores `includeRaw`. */
function objectOf(said: unknown): unknown {
  if (typeof said !== 'object' || said === null || !('raw' in said)) return said;
  const { raw, parsed } = said as { raw: { content?: unknown } | null; parsed?: unknown };
  return parsed ?? objectIn(textOf(raw?.content));
}

/** Errors of reading what the model wrote; all others are failures of the call. */
function isUnreadable(error: unknown): boolean {
  const { name, lc_error_code: code } = (error ?? {}) as { name?: unknown; lc_error_code?: unknown };
  return name === 'SyntaxError' || name === 'OutputParserException' || code === 'OUTPUT_PARSING_FAILURE';
}

/**
 * Any chat model as a critic by the numbers that it writes down for each label, 0 to 100: for models that give no
 * log-probabilities. They are marked `stated`, being no probabilities until they are calibrated. A reply that cannot be
 * used is asked for once more, and is undecided then.
 */
export function structuredCritic(options: ChatCriticOptions<StructuredChat>): Critic {
  const again = getPrompt('state-again@1');

  async function numbersOf(
    { prompt, messages }: Pick<ChatQuestion, 'prompt' | 'messages'>,
    call: <T>(work: (model: StructuredChat) => Promise<T>) => Promise<T>,
    signal: AbortSignal,
  ): Promise<{ readonly numbers: Readonly<Record<string, number>> | null; readonly problem: string }> {
    const names = Object.keys(prompt.labels);
    const said = await call(async (model) => {
      try {
        const asked = model.withStructuredOutput(toldSchema(names), { name: 'judgement', includeRaw: true });
        return objectOf(await asked.invoke(asMessages(messages), { signal }));
      } catch (error) {
        if (isUnreadable(error)) return null;
        throw error;
      }
    });
    const checked = checkedSchema(names).safeParse(said);
    if (checked.success) return { numbers: checked.data, problem: '' };
    const { path, message } = checked.error.issues[0]!;
    return { numbers: null, problem: [path.join('.'), message].filter((part) => part !== '').join(': ') };
  }

  return chatCritic(options, {
    type: 'structured',
    version: '@1',
    promptIds: PROMPTS,
    limits: LIMITS,
    async judge({ kind, prompt, messages }, call, signal): Promise<Critique> {
      const first = await numbersOf({ prompt, messages }, call, signal);
      const { numbers } =
        first.numbers === null
          ? await numbersOf({ prompt, messages: repaired(messages, first.problem, prompt.labels) }, call, signal)
          : first;
      if (numbers === null) return undecidedCritique(kind);
      const total = Object.values(numbers).reduce((sum, value) => sum + value, 0);
      const words = new Map(Object.entries(prompt.labels).map(([word, label]) => [label, word]));
      const probs = byLabel(kind, (label) => (numbers[words.get(label) ?? ''] ?? 0) / total);
      return { kind, probs, mass: 1, basis: 'stated' };
    },
  });

  /** In the same message, as many chat templates take no two of one role in a row. */
  function repaired(
    messages: ChatQuestion['messages'],
    problem: string,
    labels: Readonly<Record<string, string>>,
  ): ChatQuestion['messages'] {
    const { content } = renderPrompt(again, { problem, names: Object.keys(labels).join(', ') })[0]!;
    return messages.map((message, i) =>
      i === messages.length - 1 ? { ...message, content: `${message.content}\n\n${content}` } : message,
    );
  }
}
