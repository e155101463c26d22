import type { BaseMessageLike } from '@langchain/core/messages';
import type { SampledChat } from '../../src/backends/critic/sampled.ts';
import type { StructuredChat } from '../../src/backends/critic/structured.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { overlapOracle } from '../../src/testing/scripted-critic.ts';
import type { CritiqueRequest } from '../../src/types.ts';

export interface ChatAsked {
  readonly text: string;
  readonly seed: number | undefined;
}

const contentOf = (message: BaseMessageLike | undefined): string => (message as { content: string }).content;

/** Says what a function makes of the user's message; one call at a time is seen in `asked`. */
export function scriptedChat(reply: (asked: ChatAsked, number: number) => unknown) {
  const asked: ChatAsked[] = [];
  const say = async (messages: BaseMessageLike[], options: { signal?: AbortSignal; seed?: number } = {}) => {
    asked.push({ text: contentOf(messages.at(-1)), seed: options.seed });
    const said = reply(asked.at(-1)!, asked.length - 1);
    if (said instanceof Error) throw said;
    return said;
  };
  const words: SampledChat = { invoke: async (messages, options) => ({ content: await say(messages, options) }) };
  const objects: StructuredChat = {
    withStructuredOutput: () => ({
      async invoke(messages, options) {
        const said = await say(messages, options);
        return typeof said === 'string' ? { raw: { content: said }, parsed: null } : { raw: null, parsed: said };
      },
    }),
  };
  return { asked, words, objects };
}

/** What a prompt of a critic was made of, read from its message. */
export function requestIn(text: string): CritiqueRequest {
  const part = (name: string, next: string): string =>
    new RegExp(`${name}: ?\\n?([\\s\\S]*?)\\n\\n(?:${next})`).exec(text)?.[1] ?? '';
  const rest = 'Does |How likely|A: |5: |Must ';
  const question = part('Question', 'Passage: |Answer: |Answer so far: |Statement: ');
  if (text.includes('\n\nStatement:'))
    return {
      kind: 'isSup',
      question,
      passage: passageOf(part('Passage', 'Statement: ')),
      segment: part('Statement', rest),
    };
  if (text.includes('\n\nPassage:')) return { kind: 'isRel', question, passage: passageOf(part('Passage', rest)) };
  if (text.includes('\n\nAnswer so far:'))
    return { kind: 'retrieve', question, answerSoFar: part('Answer so far', rest) };
  return { kind: 'isUse', question, answer: part('Answer', rest) };
}

/** The labels that the overlap of words gives a request, by their weight. */
export const oracleOf = (text: string): Readonly<Record<string, number>> => overlapOracle(requestIn(text));
