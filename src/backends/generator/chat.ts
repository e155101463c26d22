import { setMaxListeners } from 'node:events';
import type { BaseMessageLike } from '@langchain/core/messages';
import type { ExtendOptions, ExtendRequest, Generator, SegmentCandidate } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import { getPrompt, renderPrompt } from '../../prompts.ts';
import { joinSegments } from '../../text/join.ts';
import { sentenceSpans } from '../../text/sentences.ts';

/** What a reply of a LangChain chat model is read for. */
export interface ChatReply {
  readonly text: string;
  readonly usage_metadata?: { readonly output_tokens: number } | undefined;
  readonly response_metadata?: unknown;
}

export type ChatCall = (
  messages: BaseMessageLike[],
  options: { readonly signal: AbortSignal; readonly seed: number },
) => Promise<ChatReply>;

export interface ChatGeneratorOptions {
  readonly id: string;
  /** For error messages: the model and where it runs. */
  readonly name: string;
  readonly logprobs: boolean;
  /** A client with these limits. */
  readonly connect: (options: ExtendOptions) => Promise<ChatCall>;
  /** Takes secrets out of what a server said. */
  readonly clean?: (text: string) => string;
}

/** What the prompt asks for when nothing is to be added. */
const END = /^\W*END\W*$/;

interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes?: readonly number[] | null;
}

interface ReplyMetadata {
  readonly finish_reason?: string;
  readonly logprobs?: { readonly content?: readonly TokenLogprob[] | null } | null;
}

const bytesOf = (text: string) => Buffer.byteLength(text, 'utf8');

/** The tokens that make the first `stop` characters; null where the server gives no log-probabilities. */
function logprobsUpTo(
  text: string,
  stop: number,
  content: readonly TokenLogprob[] | null | undefined,
): number[] | null {
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

/** The first sentence of a reply. The first call gets a whole answer begun, later ones are asked for one sentence only. */
function segmentOf({ text, usage_metadata, response_metadata }: ChatReply, isFirst: boolean): SegmentCandidate {
  const { finish_reason, logprobs } = (response_metadata ?? {}) as ReplyMetadata;
  const spans = sentenceSpans(text);
  if (spans.length === 0 || END.test(text))
    return { text: '', tokens: 0, logprobs: logprobs?.content ? [] : null, end: true, quoted: null };
  const { start, end: stop } = spans[0]!;
  const taken = logprobsUpTo(text, stop, logprobs?.content);
  const tokens = usage_metadata?.output_tokens ?? Math.ceil(text.length / 4);
  return {
    text: text.slice(start, stop),
    tokens: taken?.length ?? Math.max(1, Math.round((tokens * stop) / text.length)),
    logprobs: taken,
    end: isFirst && finish_reason === 'stop' && spans.length === 1,
    quoted: null,
  };
}

/** A chat model that writes one sentence at a time. The passage goes in as content of the user's message. */
export function chatGenerator({
  id,
  name,
  logprobs,
  connect,
  clean = (text) => text,
}: ChatGeneratorOptions): Generator {
  const withContext = getPrompt('answer-with-context@1');
  const closedBook = getPrompt('answer-closed-book@1');
  const goOn = getPrompt('continue-answer@1');
  const closing = new AbortController();

  const check = (signal?: AbortSignal) => {
    if (closing.signal.aborted) throw new DiscernError('BACKEND_CLOSED', `the client of ${name} is closed`);
    throwIfAborted(signal);
  };

  /** Servers repeat keys in their messages, so nothing of the original error is passed on but its cleaned text. */
  const failure = (error: unknown) => {
    if (DiscernError.is(error)) return error;
    const status = (error as { status?: unknown } | null)?.status;
    const said = clean(messageOf(error));
    return new DiscernError('BACKEND_FAILED', `${name} failed: ${said}`, {
      details: typeof status === 'number' ? { status } : {},
      cause: new Error(said),
    });
  };

  function messagesOf({ question, passage, answerSoFar }: ExtendRequest): BaseMessageLike[] {
    const values = { question, answerSoFar: joinSegments(answerSoFar) };
    const messages =
      passage === null
        ? renderPrompt(closedBook, values)
        : renderPrompt(withContext, { ...values, passage: passage.text });
    return answerSoFar.length === 0 ? messages.slice(0, -1) : [...messages, ...renderPrompt(goOn, {})];
  }

  return {
    id,
    abilities: { logprobs, closedBook: true, quotes: false },
    prompts: { answerWithContext: withContext.hash, answerClosedBook: closedBook.hash, continueAnswer: goOn.hash },
    async extend(requests, options) {
      check(options.signal);
      if (requests.length === 0) return [];
      // One failure or abort stops the rest of the batch.
      const stop = new AbortController();
      const signal = AbortSignal.any([closing.signal, stop.signal, ...(options.signal ? [options.signal] : [])]);
      // Every request of the batch listens to it.
      setMaxListeners(0, signal);
      try {
        const call = await connect(options);
        return await Promise.all(
          requests.map(async (request, index) => {
            const reply = await call(messagesOf(request), { signal, seed: options.seed + index });
            return [segmentOf(reply, request.answerSoFar.length === 0)];
          }),
        );
      } catch (error) {
        stop.abort();
        check(options.signal);
        throw failure(error);
      }
    },
    async close() {
      closing.abort();
    },
  };
}
