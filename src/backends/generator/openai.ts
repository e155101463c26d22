import { setMaxListeners } from 'node:events';
import type { ExtendOptions, ExtendRequest, Generator, SegmentCandidate } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import { getPrompt, renderPrompt } from '../../prompts.ts';
import { joinSegments } from '../../text/join.ts';
import { sentenceSpans } from '../../text/sentences.ts';
import { slugOf } from '../llama.ts';

export interface OpenaiGeneratorOptions {
  readonly model: string;
  /** Null: the service of OpenAI itself. */
  readonly baseUrl: string | null;
  /** Many servers of one's own need none. */
  readonly apiKey?: string | undefined;
  /** Requests that run at the same time. */
  readonly concurrency?: number;
  /** Further tries of a request that failed in a way that may pass. */
  readonly retries?: number;
  readonly timeoutMs?: number;
}

const OPENAI_URL = 'https://api.openai.com/v1';
/** What the prompt asks for when nothing is to be added. */
const END = /^\W*END\W*$/;

interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes?: readonly number[] | null;
}

const bytesOf = (text: string) => Buffer.byteLength(text, 'utf8');

/** The tokens that make the first `stop` characters; null where the server gives no log-probabilities. */
function logprobsUpTo(text: string, stop: number, content: readonly TokenLogprob[] | undefined): number[] | null {
  if (!content || content.length === 0) return null;
  const wanted = bytesOf(text.slice(0, stop));
  const logprobs: number[] = [];
  let seen = 0;
  for (const { token, logprob, bytes } of content) {
    if (seen >= wanted) break;
    seen += bytes?.length ?? bytesOf(token);
    // Some servers round to a little above zero.
    logprobs.push(Math.min(0, logprob));
  }
  return logprobs;
}

interface Reply {
  readonly text: string;
  /** The model stopped by itself. */
  readonly stopped: boolean;
  readonly tokens: number;
  readonly logprobs: readonly TokenLogprob[] | undefined;
}

/** The first sentence of a reply. The first call gets a whole answer begun, later ones are asked for one sentence only. */
function segmentOf({ text, stopped, tokens, logprobs }: Reply, isFirst: boolean): SegmentCandidate {
  const spans = sentenceSpans(text);
  if (spans.length === 0 || END.test(text))
    return { text: '', tokens: 0, logprobs: logprobs ? [] : null, end: true, quoted: null };
  const { start, end: stop } = spans[0]!;
  const taken = logprobsUpTo(text, stop, logprobs);
  return {
    text: text.slice(start, stop),
    tokens: taken?.length ?? Math.max(1, Math.round((tokens * stop) / text.length)),
    logprobs: taken,
    end: isFirst && stopped && spans.length === 1,
    quoted: null,
  };
}

/**
 * Any server that speaks OpenAI's chat completions. The passage goes in as content of the user's message.
 * The key comes from the caller alone and appears in no error.
 */
export function openaiGenerator(options: OpenaiGeneratorOptions): Generator {
  const { model, apiKey = '', concurrency = 4, retries = 2, timeoutMs = 60_000 } = options;
  const baseUrl = options.baseUrl ?? OPENAI_URL;
  const withContext = getPrompt('answer-with-context@1');
  const closedBook = getPrompt('answer-closed-book@1');
  const goOn = getPrompt('continue-answer@1');
  const closing = new AbortController();

  const check = (signal?: AbortSignal) => {
    if (closing.signal.aborted) throw new DiscernError('BACKEND_CLOSED', `the client of ${model} is closed`);
    throwIfAborted(signal);
  };

  /** Servers repeat keys in their messages, so nothing of the original error is passed on but its cleaned text. */
  const failure = (error: unknown) => {
    const clean = (text: string) => (apiKey === '' ? text : text.replaceAll(apiKey, '***'));
    const status = (error as { status?: unknown } | null)?.status;
    const said = clean(messageOf(error));
    return new DiscernError('BACKEND_FAILED', `${model} at ${new URL(baseUrl).host} failed: ${said}`, {
      details: typeof status === 'number' ? { status } : {},
      cause: new Error(said),
    });
  };

  function messagesOf({ question, passage, answerSoFar }: ExtendRequest) {
    const values = { question, answerSoFar: joinSegments(answerSoFar) };
    const messages =
      passage === null
        ? renderPrompt(closedBook, values)
        : renderPrompt(withContext, { ...values, passage: passage.text });
    return answerSoFar.length === 0 ? messages.slice(0, -1) : [...messages, ...renderPrompt(goOn, {})];
  }

  async function client({ maxTokens, temperature }: ExtendOptions) {
    const { ChatOpenAI } = await import('@langchain/openai').catch((cause: unknown) => {
      throw new DiscernError('PACKAGE_MISSING', 'the openai generator needs the package @langchain/openai', {
        hint: 'npm install @langchain/openai',
        cause,
      });
    });
    return new ChatOpenAI({
      model,
      // Without a key the client would look for one in the environment.
      apiKey: apiKey || 'none',
      configuration: { baseURL: baseUrl },
      maxTokens,
      temperature,
      logprobs: true,
      maxRetries: retries,
      maxConcurrency: concurrency,
      timeout: timeoutMs,
    });
  }

  return {
    id: `openai-${slugOf(model)}@1`,
    abilities: { logprobs: true, closedBook: true, quotes: false },
    prompts: { answerWithContext: withContext.hash, answerClosedBook: closedBook.hash, continueAnswer: goOn.hash },
    async extend(requests, extendOptions) {
      check(extendOptions.signal);
      if (requests.length === 0) return [];
      const chat = await client(extendOptions);
      // One failure or abort stops the rest of the batch.
      const stop = new AbortController();
      const signal = AbortSignal.any([
        closing.signal,
        stop.signal,
        ...(extendOptions.signal ? [extendOptions.signal] : []),
      ]);
      // Every request of the batch listens to it.
      setMaxListeners(0, signal);
      try {
        return await Promise.all(
          requests.map(async (request, index) => {
            const reply = await chat.invoke(messagesOf(request), { signal, seed: extendOptions.seed + index });
            const meta = reply.response_metadata as {
              finish_reason?: string;
              logprobs?: { content?: TokenLogprob[] | null } | null;
            };
            return [
              segmentOf(
                {
                  text: reply.text,
                  stopped: meta.finish_reason === 'stop',
                  tokens: reply.usage_metadata?.output_tokens ?? Math.ceil(reply.text.length / 4),
                  logprobs: meta.logprobs?.content ?? undefined,
                },
                request.answerSoFar.length === 0,
              ),
            ];
          }),
        );
      } catch (error) {
        stop.abort();
        check(extendOptions.signal);
        throw failure(error);
      }
    },
    async close() {
      closing.abort();
    },
  };
}
