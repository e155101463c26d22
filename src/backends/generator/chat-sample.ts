import type { SampledAnswer, SampleOptions, SampleRequest } from '../../contracts.ts';
import { renderPrompt } from '../../prompts.ts';
import { oneLine } from '../one-line.ts';
import { type ChatCall, type ChatReply, logprobsUpTo, oneReply, tokensUpTo } from './chat-reply.ts';
import { contextOf, type SamplePrompts } from './sample-prompt.ts';

/** The server has the tokenizer; of most texts a token has about so many characters. */
const CHARS_PER_TOKEN = 4;

/** The completion prompt as the user's message. */
function messagesOf(
  { question, passages }: SampleRequest,
  { withContext, closedBook }: SamplePrompts,
  contextTokens: number,
): { role: string; content: string }[] {
  const asked = oneLine(question);
  if (passages.length === 0) return renderPrompt(closedBook, { question: asked });
  // Half of a character at the cut goes too.
  const passage = contextOf(passages)
    .slice(0, contextTokens * CHARS_PER_TOKEN)
    .replace(/[\uD800-\uDBFF]$/, '');
  return renderPrompt(withContext, { question: asked, passage });
}

/** The first line with words in it. */
function answerOf(reply: ChatReply, withLogprobs: boolean, maxTokens: number): SampledAnswer {
  const start = Math.max(0, reply.text.search(/\S/));
  const text = reply.text
    .slice(start)
    .replace(/[\n\r\u2028\u2029].*/s, '')
    .trim();
  const stop = text === '' ? 0 : start + text.length;
  const logprobs = withLogprobs ? logprobsUpTo(reply, stop) : null;
  // Some servers count what a model thought before with its reply.
  return { text, tokens: logprobs?.length ?? Math.min(maxTokens, tokensUpTo(reply, stop)), logprobs };
}

/**
 * All samples of a request as choices of one call, so that the server reads the prompt once. What is missing then is
 * asked for one by one, with the seed plus the number of the sample.
 */
export async function sampleReplies(
  call: ChatCall,
  requests: readonly SampleRequest[],
  prompts: SamplePrompts,
  withLogprobs: boolean,
  options: SampleOptions,
  signal: AbortSignal,
): Promise<SampledAnswer[][]> {
  const { count, maxTokens, contextTokens } = options;
  if (count === 0) return requests.map(() => []);
  const seed = options.seed + options.first;
  const messages = requests.map((request) => messagesOf(request, prompts, contextTokens));
  const begun = await Promise.all(messages.map((said) => call(said, { signal, seed, choices: count })));
  return Promise.all(
    begun.map(async (given, i) => {
      const missing = Array.from({ length: Math.max(0, count - given.length) }, (_, n) => given.length + n);
      const singly = await Promise.all(missing.map((n) => oneReply(call, messages[i]!, { signal, seed: seed + n })));
      return [...given, ...singly].slice(0, count).map((reply) => answerOf(reply, withLogprobs, maxTokens));
    }),
  );
}
