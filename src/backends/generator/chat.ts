import { setMaxListeners } from 'node:events';
import type { BaseMessageLike } from '@langchain/core/messages';
import type { CallOptions, ExtendOptions, ExtendRequest, Generator, SegmentCandidate } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import { getPrompt, renderPrompt } from '../../prompts.ts';
import { stopWith } from '../../stop-with.ts';
import { joinSegments } from '../../text/join.ts';
import { sentenceSpans } from '../../text/sentences.ts';
import { type ChatProbe, probeChat } from './chat-probe.ts';
import { type ChatCall, type ChatReply, logprobsUpTo, metadataOf, oneReply, tokensUpTo } from './chat-reply.ts';
import { sampleReplies } from './chat-sample.ts';
import { sampleHashes, samplePrompts } from './sample-prompt.ts';

export interface ChatGeneratorOptions {
  readonly id: string;
  /** For error messages: the model and where it runs. */
  readonly name: string;
  readonly logprobs: boolean;
  /** A client with these limits. */
  readonly connect: (limits: Pick<ExtendOptions, 'maxTokens' | 'temperature'>) => Promise<ChatCall>;
  /** Takes secrets out of what a server said. */
  readonly clean?: (text: string) => string;
  /** How to find out what it gives. */
  readonly probe?: ChatProbe;
}

/** What the prompt asks for when nothing is to be added. */
const END = /^\W*END\W*$/;

/** The first sentence of a reply. The first call gets a whole answer begun, later ones are asked for one sentence only. */
function segmentOf(reply: ChatReply, withLogprobs: boolean, isFirst: boolean): SegmentCandidate {
  const spans = sentenceSpans(reply.text);
  const logprobsTo = (stop: number) => (withLogprobs ? logprobsUpTo(reply, stop) : null);
  if (spans.length === 0 || END.test(reply.text))
    return { text: '', tokens: 0, logprobs: logprobsTo(0), end: true, quoted: null };
  const { start, end: stop } = spans[0]!;
  const logprobs = logprobsTo(stop);
  return {
    text: reply.text.slice(start, stop),
    tokens: logprobs?.length ?? tokensUpTo(reply, stop),
    logprobs,
    end: isFirst && metadataOf(reply).finish_reason === 'stop' && spans.length === 1,
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
  probe,
}: ChatGeneratorOptions): Generator {
  const withContext = getPrompt('answer-with-context@1');
  const closedBook = getPrompt('answer-closed-book@1');
  const goOn = getPrompt('continue-answer@1');
  const shortAnswer = samplePrompts();
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

  /** One failure or abort stops the rest of the batch. */
  async function batch<T>(options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { stop, release } = stopWith(closing.signal, options.signal);
    // Every request of the batch listens to it.
    setMaxListeners(0, stop.signal);
    try {
      check(options.signal);
      return await work(stop.signal);
    } catch (error) {
      stop.abort();
      check(options.signal);
      throw failure(error);
    } finally {
      release();
    }
  }

  return {
    id,
    abilities: { logprobs, closedBook: true, quotes: false },
    prompts: {
      answerWithContext: withContext.hash,
      answerClosedBook: closedBook.hash,
      continueAnswer: goOn.hash,
      ...sampleHashes(shortAnswer),
    },
    async extend(requests, options) {
      check(options.signal);
      if (requests.length === 0) return [];
      return batch(options, async (signal) => {
        const call = await connect(options);
        return Promise.all(
          requests.map(async (request, index) => {
            const reply = await oneReply(call, messagesOf(request), { signal, seed: options.seed + index });
            return [segmentOf(reply, logprobs, request.answerSoFar.length === 0)];
          }),
        );
      });
    },
    async sample(requests, options) {
      check(options.signal);
      if (requests.length === 0) return [];
      return batch(options, async (signal) =>
        sampleReplies(await connect(options), requests, shortAnswer, logprobs, options, signal),
      );
    },
    ...(probe && {
      probe: (options: CallOptions = {}) => batch(options, (signal) => probeChat(probe, signal)),
    }),
    async close() {
      closing.abort();
    },
  };
}
