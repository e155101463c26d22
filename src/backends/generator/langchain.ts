import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { Generator } from '../../contracts.ts';
import { DiscernError, messageOf } from '../../errors.ts';
import { slugOf } from '../llama.ts';
import { chatGenerator } from './chat.ts';
import { PROBE_TOKENS } from './chat-probe.ts';

export interface LangchainGeneratorOptions {
  /** A chat model of yours, or `provider:model` for LangChain's own look-up (`initChatModel`), such as `ollama:qwen3`. */
  readonly model: BaseChatModel | string;
}

/**
 * Any chat model of LangChain. A model that is looked up finds its key as its LangChain package does; one of yours is
 * used as it is, with its own temperature and limits.
 */
export function langchainGenerator({ model }: LangchainGeneratorOptions): Generator {
  const name = typeof model === 'string' ? model : model.getName();
  const chatFor = (limits: { maxTokens: number; temperature: number }) =>
    typeof model === 'string' ? lookUp(model, limits) : model;
  return chatGenerator({
    id: `langchain-${slugOf(name)}@1`,
    name,
    logprobs: false,
    probe: {
      adjustable: false,
      async ask({ messages, temperature }, signal) {
        const chat = await chatFor({ maxTokens: PROBE_TOKENS, temperature });
        return chat.invoke(messages, { signal });
      },
    },
    async connect({ maxTokens, temperature }) {
      const chat = await chatFor({ maxTokens, temperature });
      return async (messages, { signal }) => [await chat.invoke(messages, { signal })];
    },
  });
}

async function lookUp(name: string, options: { maxTokens: number; temperature: number }) {
  const { initChatModel } = await import('langchain').catch((cause: unknown) => {
    throw new DiscernError('PACKAGE_MISSING', `the chat model "${name}" is looked up by the package langchain`, {
      hint: 'npm install langchain',
      cause,
    });
  });
  return initChatModel(name, options).catch((cause: unknown) => {
    throw new DiscernError('PACKAGE_MISSING', `LangChain cannot make the chat model "${name}": ${messageOf(cause)}`, {
      hint: 'name it provider:model, and install the LangChain package of that provider, such as @langchain/ollama',
      cause,
    });
  });
}
