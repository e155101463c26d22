import type { Generator } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { slugOf } from '../llama.ts';
import { chatGenerator } from './chat.ts';
import { PROBE_TOKENS } from './chat-probe.ts';

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

/** What a request that a server does not understand is answered with. */
const REFUSED = new Set<unknown>([400, 422]);

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
  const service = { model, apiKey: apiKey || 'none', configuration: { baseURL }, timeout: timeoutMs };
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
      const client = (n: number) =>
        new ChatOpenAI({
          ...service,
          maxTokens,
          temperature,
          logprobs: true,
          ...(n > 1 && { n }),
          maxRetries: retries,
          maxConcurrency: concurrency,
        });
      const single = client(1);
      const clients = new Map([[1, single]]);
      return async (messages, { signal, seed, choices }) => {
        if (choices === 1) return [await single.invoke(messages, { signal, seed })];
        const several = clients.get(choices) ?? client(choices);
        clients.set(choices, several);
        const result = await several.generate([messages], { signal, seed }).catch((error: unknown) => {
          // Some servers refuse to give several; whatever else is wrong shows again with one.
          if (REFUSED.has((error as { status?: unknown } | null)?.status)) return null;
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
