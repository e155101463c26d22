import { DiscernError } from '../../errors.ts';
import { type Prompt, renderPrompt } from '../../prompts.ts';
import { asData } from '../../text/as-data.ts';

export { asData, wellFormed } from '../../text/as-data.ts';

/** How models of several families begin a thought. */
export const THOUGHT_MARKS: readonly string[] = [
  '<think>',
  '<thinking>',
  '<thought>',
  '<reasoning>',
  '[THINK]',
  '<seed:think>',
  '◁think▷',
  '<|channel|>',
  '<|begin_of_thought|>',
  '<|START_THINKING|>',
];

export const beginsThought = (text: string): boolean => THOUGHT_MARKS.includes(text.trim());

/** Whether a prompt ends within a thought that the model would go on with. */
export const endsInThought = (prompt: string): boolean => THOUGHT_MARKS.some((mark) => prompt.trimEnd().endsWith(mark));

const dataOf = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, asData(value)]));

/** The messages of a chat, and whether the last one is the beginning of the answer. */
export function messagesOf(prompt: Prompt, values: Readonly<Record<string, string>>) {
  const messages = renderPrompt(prompt, dataOf(values));
  return { messages, begun: messages.at(-1)?.role === 'assistant' };
}

/** One text for a server without a chat template. */
export function textOf(prompt: Prompt, values: Readonly<Record<string, string>>): string {
  const { messages, begun } = messagesOf(prompt, values);
  const said = messages.map(({ content }) => content);
  if (prompt.style === 'completion') return said[0]!;
  const before = (begun ? said.slice(0, -1) : said).join('\n\n');
  return `${before}\n\nAnswer:${begun ? ` ${said.at(-1)}` : ''}`;
}

const TOO_LONG = /context|too (long|large|many)|maximum|exceed/i;
const CUTS = 8;

const tooLong = (error: unknown): boolean =>
  DiscernError.is(error, 'BACKEND_FAILED') &&
  [400, 413, 422].includes(error.details.status as number) &&
  TOO_LONG.test(error.message);

/**
 * Asks with the values as they are, and where the server finds them too long, with the longest halved until they fit.
 * `answerSoFar` loses its beginning, the others their end.
 */
export async function askFitting<T>(
  values: Readonly<Record<string, string>>,
  ask: (values: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  let limit = Math.max(...Object.values(values).map(({ length }) => length));
  const cut = (name: string, text: string) =>
    text.length <= limit ? text : name === 'answerSoFar' ? text.slice(-limit) : text.slice(0, limit);
  for (let cuts = 0; ; cuts++)
    try {
      return await ask(Object.fromEntries(Object.entries(values).map(([name, text]) => [name, cut(name, text)])));
    } catch (error) {
      if (!tooLong(error) || cuts === CUTS || limit < 2) throw error;
      limit = Math.floor(limit / 2);
    }
}
