import type { Generator } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { slugOf } from '../llama.ts';
import { chatGenerator } from './chat.ts';
import { isRefusal, PROBE_TOKENS, refusesLogprobs } from './chat-probe.ts';

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

async function library() {
  return import('@langchain/openai').catch((cause: unknown) => {
    throw new DiscernError('PACKAGE_MISSING', 'the openai generator needs the package @langchain/openai', {
      hint: 'npm install @langchain/openai',
      cause,
    });
  });
}

/**
 * Any server that speaks OpenAI's chat completions. The key comes from the caller alone and appears in no error.
 */
export function openaiGenerator(options: OpenaiGeneratorOptions): Generator {
  const { model, apiKey = '', concurrency = 4, retries = 2, timeoutMs = 60_000 } = options;
  const baseURL = options.baseUrl ?? OPENAI_URL;
  // Without a key the client would look for one in the environment.
  // The client's own log would print the key.
  const service = {
    model,
    apiKey: apiKey || 'none',
    configuration: { baseURL, logLevel: 'off' as const },
    timeout: timeoutMs,
  };
  // Models that think refuse to tell them.
  let givesLogprobs = true;
  return chatGenerator({
    id: `openai-${slugOf(model)}@1`,
    name: `${model} at ${new URL(baseURL).host}`,
    logprobs: true,
    clean: (text) => (apiKey === '' ? text : text.replaceAll(apiKey, '***')),
    probe: {
      adjustable: true,
      async ask({ messages, top, temperature }, signal) {
        const { ChatOpenAI } = await library();
        const client = new ChatOpenAI({
          ...service,
          maxTokens: PROBE_TOKENS,
          temperature,
          ...(top !== null && { logprobs: true, ...(top > 0 && { topLogprobs: top }) }),
          maxRetries: 0,
          // What a model thought stands nowhere else.
          __includeRawResponse: true,
        });
        return client.invoke(messages, { signal });
      },
    },
    async connect({ maxTokens, temperature }) {
      const { ChatOpenAI } = await library();
      const make = (n: number, logprobs: boolean) =>
        new ChatOpenAI({
          ...service,
          maxTokens,
          temperature,
          ...(logprobs && { logprobs }),
          ...(n > 1 && { n }),
          maxRetries: retries,
          maxConcurrency: concurrency,
        });
      const clients = new Map<string, ReturnType<typeof make>>();
      const client = (n: number, logprobs: boolean) => {
        const key = `${n} ${logprobs}`;
        const known = clients.get(key) ?? make(n, logprobs);
        clients.set(key, known);
        return known;
      };
      return async (messages, { signal, seed, choices }) => {
        const call = { signal, seed };
        if (choices === 1) {
          if (!givesLogprobs) return [await client(1, false).invoke(messages, call)];
          return client(1, true)
            .invoke(messages, call)
            .then((reply) => [reply])
            .catch(async (error: unknown) => {
              if (!refusesLogprobs(error)) throw error;
              const reply = await client(1, false).invoke(messages, call);
              givesLogprobs = false;
              return [reply];
            });
        }
        const several = client(choices, givesLogprobs);
        const result = await several.generate([messages], call).catch((error: unknown) => {
          // Some servers refuse to give several; whatever else is wrong shows again with one.
          if (isRefusal(error) || refusesLogprobs(error)) return null;
          throw error;
        });
        return (result?.generations[0] ?? []).map(({ text, generationInfo }) => ({
          text,
          response_metadata: generationInfo,
        }));
      };
    },
  });
}
