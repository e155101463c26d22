import type { LLMResult } from '@langchain/core/outputs';
import { z } from 'zod';
import type { ExtendOptions, ExtendRequest, Generator, SegmentCandidate } from '../../contracts.ts';
import { getPrompt, renderPrompt } from '../../prompts.ts';
import { joinSegments } from '../../text/join.ts';
import { sentenceSpans } from '../../text/sentences.ts';
import { PROBE_TOKENS } from '../generator/chat-probe.ts';
import { type ChatCall, type ChatReply, logprobsUpTo, metadataOf, tokensUpTo } from '../generator/chat-reply.ts';
import { sampleReplies } from '../generator/chat-sample.ts';
import { sampleHashes, samplePrompts } from '../generator/sample-prompt.ts';
import { oneLine } from '../one-line.ts';
import { type LangchainOptions, langchainCalls } from './calls.ts';
import { type Limits, modelsOf } from './limits.ts';
import { replyOf, textOf } from './reply.ts';

/** What is asked of a language model that goes on with a text: every `BaseLLM` has it. */
export interface LlmLike {
  generate(
    prompts: string[],
    options?: { signal?: AbortSignal; callbacks?: LangchainOptions['callbacks']; seed?: number; stop?: string[] },
  ): Promise<LLMResult>;
}

/** An answer is one line, in the examples of the prompts too. */
const STOP = ['\n'];
const LINE_END = /[\n\r\u2028\u2029]/;

interface Completion extends ChatReply {
  /** Alternatives of a token. */
  readonly top: number;
}

const Alternatives = z.object({
  logprobs: z.object({ top_logprobs: z.array(z.record(z.string(), z.number()).nullable()) }),
});

function alternativesIn(metadata: unknown): number {
  const given = Alternatives.safeParse(metadata).data?.logprobs.top_logprobs ?? [];
  return Math.max(0, ...given.map((some) => Object.keys(some ?? {}).length));
}

/** The first sentence of the first line. Before anything was said, empty lines do not end the answer. */
function segmentOf(reply: ChatReply, isFirst: boolean): SegmentCandidate {
  const from = isFirst ? Math.max(0, reply.text.search(/\S/)) : 0;
  const rest = reply.text.slice(from);
  const breaks = rest.search(LINE_END);
  const [sentence, ...more] = sentenceSpans(breaks < 0 ? rest : rest.slice(0, breaks));
  if (!sentence) return { text: '', tokens: 0, logprobs: logprobsUpTo(reply, 0), end: true, quoted: null };
  const stop = from + sentence.end;
  const logprobs = logprobsUpTo(reply, stop);
  const lineEnds = breaks >= 0 || metadataOf(reply).finish_reason === 'stop';
  return {
    text: rest.slice(sentence.start, sentence.end),
    tokens: logprobs?.length ?? tokensUpTo(reply, stop),
    logprobs,
    end: lineEnds && more.length === 0,
    quoted: null,
  };
}

/**
 * Any language model of LangChain that goes on with a text, as a generator. It is used as it is, with its own
 * temperature and limits; a longer segment than asked for is cut. A function is given temperature and limit, and
 * returns the model for them.
 *
 * @example
 * fromLlm(new OpenAI({ model: 'gpt-3.5-turbo-instruct' }))
 */
export function fromLlm(llm: LlmLike, options?: LangchainOptions): Generator;
export function fromLlm(
  make: (limits: Limits) => LlmLike | Promise<LlmLike>,
  options: LangchainOptions & { readonly id: string },
): Generator;
export function fromLlm(
  llm: LlmLike | ((limits: Limits) => LlmLike | Promise<LlmLike>),
  options: LangchainOptions = {},
): Generator {
  const models = modelsOf(llm, options);
  const heard = options.callbacks && { callbacks: options.callbacks };
  const all = langchainCalls({}, models.name, options);
  const withContext = getPrompt('complete-with-context@1');
  const closedBook = getPrompt('complete-closed-book@1');
  const shortAnswer = samplePrompts();
  const probing = getPrompt('probe@1');

  /** Texts of others stand on one line, so that none can begin another example. */
  function promptOf({ question, passage, answerSoFar }: ExtendRequest): string {
    const values = { question: oneLine(question), answerSoFar: oneLine(joinSegments(answerSoFar)) };
    const [message] =
      passage === null
        ? renderPrompt(closedBook, values)
        : renderPrompt(withContext, { ...values, passage: oneLine(passage.text) });
    return message!.content.trimEnd();
  }

  const batch = <T>(
    wanted: ExtendOptions,
    work: (ask: (prompt: string, seed: number) => Promise<Completion>, signal: AbortSignal) => Promise<T>,
  ): Promise<T> =>
    all.batch(wanted.signal, async (signal) => {
      const { model, calls } = await models.for(wanted);
      const ask = async (prompt: string, seed: number): Promise<Completion> => {
        // The seed also keeps samples apart where the model has a cache.
        const given = { signal, seed, stop: STOP, ...heard };
        const { generations, llmOutput } = await calls.one(signal, () => model.generate([prompt], given));
        const said = generations[0]?.[0];
        if (!said) throw new Error('the reply has no text');
        const counted: unknown = llmOutput?.tokenUsage?.completionTokens;
        const tokens = typeof counted === 'number' ? counted : null;
        const metadata: unknown = said.generationInfo;
        return { ...replyOf({ text: said.text, tokens, metadata }, wanted.maxTokens), top: alternativesIn(metadata) };
      };
      return work(ask, signal);
    });

  return {
    id: models.id,
    abilities: { logprobs: true, closedBook: true, quotes: false },
    prompts: {
      completeWithContext: withContext.hash,
      completeClosedBook: closedBook.hash,
      ...sampleHashes(shortAnswer),
    },
    extend: (requests, wanted) =>
      batch(wanted, (ask) =>
        Promise.all(
          requests.map(async (request, index) => {
            const reply = await ask(promptOf(request), wanted.seed + index);
            return [segmentOf(reply, request.answerSoFar.length === 0)];
          }),
        ),
      ),
    sample: (requests, wanted) =>
      batch(wanted, (ask, signal) => {
        const call: ChatCall = ([message], { seed, choices }) => {
          const prompt = typeof message === 'object' && 'content' in message ? textOf(message.content) : '';
          return Promise.all(Array.from({ length: choices }, (_, n) => ask(prompt, seed + n)));
        };
        return sampleReplies(call, requests, shortAnswer, true, wanted, signal);
      }),
    probe: ({ signal } = {}) =>
      batch({ maxTokens: PROBE_TOKENS, temperature: 1, seed: 0, signal }, async (ask) => {
        const [message] = renderPrompt(shortAnswer.closedBook, { question: probing.messages.at(-1)!.text });
        const reply = await ask(message!.content, 0);
        const gives = metadataOf(reply).logprobs != null;
        return {
          logprobs: gives ? 'unknown' : 'none',
          top: gives ? reply.top : null,
          tokenIds: false,
          singleTokenLabels: null,
          thinksFirst: null,
          prefill: true,
          notes: [],
        };
      }),
    close: () => all.close(),
  };
}
