import type { BaseMessageLike } from '@langchain/core/messages';
import type { Generator } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { chatGenerator } from '../generator/chat.ts';
import { PROBE_TOKENS } from '../generator/chat-probe.ts';
import type { LangchainOptions } from './calls.ts';
import { type Limits, modelsOf } from './limits.ts';
import { replyOf, textOf } from './reply.ts';
import { withoutSecrets } from './secrets.ts';

/** What is asked of a chat model: every `BaseChatModel` has it, also one bound with `withConfig`. */
export interface ChatModelLike {
  invoke(
    messages: BaseMessageLike[],
    options?: { signal?: AbortSignal; callbacks?: LangchainOptions['callbacks']; seed?: number },
  ): Promise<ChatMessageLike>;
}

export interface ChatMessageLike {
  readonly content: unknown;
  readonly response_metadata?: unknown;
  readonly usage_metadata?:
    | { readonly output_tokens: number; readonly output_token_details?: { readonly reasoning?: number } }
    | undefined;
}

/**
 * Any chat model of LangChain as a generator. It is used as it is, with its own temperature and limits; a longer segment
 * than asked for is cut. A function is given temperature and limit, and returns the model for them.
 *
 * @example
 * fromChatModel(new ChatOpenAI({ model: 'gpt-4o-mini', logprobs: true }))
 */
export function fromChatModel(model: ChatModelLike, options?: LangchainOptions): Generator;
export function fromChatModel(
  make: (limits: Limits) => ChatModelLike | Promise<ChatModelLike>,
  options: LangchainOptions & { readonly id: string },
): Generator;
export function fromChatModel(
  model: ChatModelLike | ((limits: Limits) => ChatModelLike | Promise<ChatModelLike>),
  options: LangchainOptions = {},
): Generator {
  const models = modelsOf(model, options);
  // Only where there are some: a bound model keeps its own.
  const heard = options.callbacks && { callbacks: options.callbacks };
  return chatGenerator({
    id: models.id,
    name: models.name,
    logprobs: true,
    clean: (text) => withoutSecrets(text, []),
    probe: {
      adjustable: false,
      async ask({ messages, temperature }, signal) {
        const { model: chat, calls } = await models.for({ maxTokens: PROBE_TOKENS, temperature });
        return calls.one(signal, () => chat.invoke(messages, { signal, ...heard })).catch(refusalOf);
      },
    },
    async connect(limits) {
      const { model: chat, calls } = await models.for(limits);
      const ask = async (messages: BaseMessageLike[], signal: AbortSignal, seed: number) => {
        // The seed also keeps samples apart where the model has a cache.
        const { content, usage_metadata, response_metadata } = await calls.one(signal, () =>
          chat.invoke(messages, { signal, seed, ...heard }),
        );
        const { output_tokens, output_token_details } = usage_metadata ?? {};
        const thought = output_token_details?.reasoning ?? 0;
        const tokens = output_tokens === undefined ? null : Math.max(0, output_tokens - thought);
        return replyOf({ text: textOf(content), tokens, metadata: response_metadata }, limits.maxTokens);
      };
      return (messages, { signal, seed, choices }) =>
        Promise.all(Array.from({ length: choices }, (_, n) => ask(messages, signal, seed + n)));
    },
  });
}

/** A probe tells a refusal by its status. */
function refusalOf(error: unknown): never {
  if (!DiscernError.is(error, 'BACKEND_FAILED') || !(error.cause instanceof Error)) throw error;
  throw Object.assign(error.cause, { status: error.details.status });
}
