import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { z } from 'zod';
import type { CallOptions } from '../../contracts.ts';
import { DiscernError, messageOf } from '../../errors.ts';
import type { Limits } from '../langchain/limits.ts';
import { serverClient } from '../server/client.ts';

export interface CriticModelOptions {
  /** Of a server: the model's name there. Without a server: a model of OpenAI, or `provider:model` for LangChain's look-up. */
  readonly model: string;
  readonly baseUrl: string | null;
  readonly apiKey?: string | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly concurrency: number;
}

const missing = (name: string, cause: unknown) =>
  new DiscernError('PACKAGE_MISSING', `this critic needs the package ${name}`, { hint: `npm install ${name}`, cause });

/** What makes the chat model of a critic with the limits of its calls. */
export function criticModel(options: CriticModelOptions): (limits: Limits) => Promise<BaseChatModel> {
  const { model, baseUrl, apiKey = '', timeoutMs, retries, concurrency } = options;
  return async (limits) => {
    if (baseUrl === null && model.includes(':')) {
      const { initChatModel } = await import('langchain').catch((cause: unknown) => {
        throw missing('langchain', cause);
      });
      return initChatModel(model, { ...limits, maxRetries: retries, timeout: timeoutMs }).catch((cause: unknown) => {
        throw new DiscernError('PACKAGE_MISSING', `LangChain cannot make "${model}": ${messageOf(cause)}`, {
          hint: 'name it provider:model, and install the LangChain package of that provider, such as @langchain/ollama',
          cause,
        });
      });
    }
    const { ChatOpenAI } = await import('@langchain/openai').catch((cause: unknown) => {
      throw missing('@langchain/openai', cause);
    });
    return new ChatOpenAI({
      ...limits,
      model,
      // Without a key the client would look for one in the environment.
      apiKey: apiKey || 'none',
      // The client's own log would print the key.
      configuration: { logLevel: 'off', ...(baseUrl !== null && { baseURL: baseUrl }) },
      maxRetries: retries,
      maxConcurrency: concurrency,
      timeout: timeoutMs,
    });
  };
}

const ModelList = z.object({ data: z.array(z.object({ id: z.string().min(1) })).min(1) });

/** The first model that a server has. */
export async function firstModel(
  options: Omit<CriticModelOptions, 'model' | 'baseUrl'> & { readonly baseUrl: string },
  call: CallOptions,
): Promise<string> {
  const client = serverClient(options);
  try {
    const { data } = await client.ask({ path: '/models', schema: ModelList }, call);
    return data[0]!.id;
  } finally {
    await client.close();
  }
}
