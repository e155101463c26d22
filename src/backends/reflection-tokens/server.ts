import { setMaxListeners } from 'node:events';
import { z } from 'zod';
import type { CallOptions, Capabilities } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { ReflectionKind } from '../../types.ts';
import { slugOf } from '../llama.ts';
import { type ServerOptions, serverClient } from '../server/client.ts';
import { askFitting } from '../server/route-text.ts';
import { serverAddress } from '../server/route-types.ts';
import {
  CONTROL_TOKENS,
  critiquePrompt,
  LABEL_TOKENS,
  promptText,
  type Spelling,
  type TokenPrompt,
  tokensOf,
} from './format.ts';
import { type Completion, CompletionSchema, firstStep, type NamedTokens, streamOf } from './server-reply.ts';
import type { TokenModel } from './token-model.ts';

export interface ServerTokenModelOptions extends ServerOptions {
  /** Null: the request names none. */
  readonly model: string | null;
  /** Alternatives to ask for; a server may give fewer. */
  readonly top?: number;
  /** Where the model's tokens are not called as published. */
  readonly spelling?: Spelling;
}

const PROBE = { kind: 'retrieve', question: 'Hi', answerSoFar: '' } as const;

/** Control tokens of one segment, beside those of its text. */
const CONTROLS = 8;

// vLLM adds how long its context is.
const TokenizeSchema = z.object({ tokens: z.array(z.int()), max_model_len: z.int().optional() });

interface Vocabulary extends NamedTokens {
  /** By published token; null where the server does not say. */
  readonly ids: ReadonlyMap<string, number> | null;
  readonly flavour: 'vllm' | 'llama' | null;
}

/** Statuses of a route that a server does not have, or has in another form. */
const LACKING = new Set<unknown>([200, 400, 404, 405, 422, 501]);

/**
 * A language model with reflection tokens on a server with text completions and log-probabilities, such as vLLM or
 * llama-server. Prompts are sent as text, in which texts of passages and users have every control token broken.
 */
export function serverTokenModel(options: ServerTokenModelOptions): TokenModel {
  const { model, top = 20, spelling = {} } = options;
  const { root, api } = serverAddress(options.baseUrl);
  const client = serverClient({ ...options, baseUrl: root });
  const named = model === null ? {} : { model };
  const spelt = (token: string) => spelling[token] ?? token;
  let found: Vocabulary | null = null;

  async function vocabularyOf(call: CallOptions): Promise<Vocabulary> {
    const byText = new Map(CONTROL_TOKENS.map((token) => [spelt(token), token]));
    const ask = (token: string) => {
      const text = spelt(token);
      const body = { ...named, prompt: text, add_special_tokens: false, content: text, parse_special: true };
      return client.ask({ path: '/tokenize', body, schema: TokenizeSchema }, call);
    };
    let said: z.infer<typeof TokenizeSchema>[];
    try {
      said = await Promise.all(CONTROL_TOKENS.map(ask));
    } catch (error) {
      if (!DiscernError.is(error, 'BACKEND_FAILED') || !LACKING.has(error.details.status)) throw error;
      return { byText, byId: new Map(), ids: null, flavour: null };
    }
    const tokens = CONTROL_TOKENS.map((token, i) => [token, said[i]!.tokens] as const);
    const labels = tokens.slice(0, LABEL_TOKENS.length);
    const wrong = labels.filter(
      ([token, ids]) => ids.length !== 1 || labels.some(([other, [id]]) => other !== token && id === ids[0]),
    );
    if (wrong.length > 0)
      throw new DiscernError(
        'LABELS_NOT_SINGLE_TOKENS',
        `${model ?? 'the model'} at ${client.name} does not have these reflection tokens as one token each: ${wrong.map(([token, ids]) => `${token} (${ids.length})`).join(', ')}`,
        { hint: 'serve a model that was trained to write them, such as selfrag_llama2_7b, or use the critic logprobs' },
      );
    const single = tokens.filter(([, ids]) => ids.length === 1);
    return {
      byText,
      byId: new Map(single.map(([token, ids]) => [ids[0]!, token])),
      ids: new Map(single.map(([token, ids]) => [token, ids[0]!])),
      flavour: said[0]!.max_model_len === undefined ? 'llama' : 'vllm',
    };
  }

  async function vocabulary(call: CallOptions): Promise<Vocabulary> {
    found ??= await vocabularyOf(call);
    return found;
  }

  async function complete(prompt: TokenPrompt, body: object, call: CallOptions): Promise<Completion> {
    return askFitting(prompt.values, (values) =>
      client.ask(
        {
          path: `${api}/completions`,
          body: { ...named, prompt: promptText(prompt, values, spelling), ...body, logprobs: top },
          schema: CompletionSchema,
        },
        call,
      ),
    );
  }

  /** What a server understands besides: vLLM exactly the labels, llama.cpp a prompt that is evaluated in one piece. */
  function extraOf({ ids, flavour }: Vocabulary, labels: readonly string[]) {
    const wanted = labels.map((token) => ids?.get(token)).filter((id) => id !== undefined);
    if (flavour === 'vllm') return { skip_special_tokens: false, logprob_token_ids: wanted };
    return flavour === 'llama' ? { cache_prompt: false } : {};
  }

  const given = <T>(value: T | null): T => {
    if (value !== null) return value;
    throw new DiscernError('BACKEND_FAILED', `${client.name}${api}/completions gives no log-probabilities`, {
      hint: 'use a server whose completions give them, such as vLLM or llama-server',
    });
  };

  async function label(prompt: TokenPrompt, kind: ReflectionKind, known: Vocabulary, call: CallOptions) {
    const labels = tokensOf(kind);
    // llama.cpp says nothing of a place where it ends the answer; what it reports is from before the bias.
    const bias =
      known.flavour === 'llama' && known.ids !== null
        ? { logit_bias: Object.fromEntries(labels.map((token) => [known.ids!.get(token)!, 100])) }
        : {};
    const body = { max_tokens: 1, temperature: 0, ...extraOf(known, labels), ...bias };
    return given(firstStep(await complete(prompt, body, call), known, top));
  }

  /** One failure stops the rest of the batch. */
  async function batch<I, O>(
    items: readonly I[],
    call: CallOptions,
    work: (item: I, call: CallOptions, i: number) => Promise<O>,
  ) {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, ...(call.signal ? [call.signal] : [])]);
    setMaxListeners(0, signal);
    try {
      return await Promise.all(items.map((item, i) => work(item, { signal }, i)));
    } catch (error) {
      stop.abort();
      throw error;
    }
  }

  return {
    id: `reflection-tokens-${slugOf(model ?? 'server')}@1`,
    async read(asked, call) {
      const known = await vocabulary(call);
      return batch(asked, call, ({ prompt, kind }, inner) => label(prompt, kind, known, inner));
    },
    async write(prompts, call) {
      const known = await vocabulary(call);
      const { maxTokens, temperature, seed } = call;
      return batch(prompts, call, async (prompt, inner, i) => {
        const sampling = { temperature, ...(temperature > 0 && { top_p: 1 }), seed: seed + i };
        const body = { max_tokens: maxTokens + CONTROLS, ...sampling, ...extraOf(known, LABEL_TOKENS) };
        return given(streamOf(await complete(prompt, body, inner), known, top, maxTokens));
      });
    },
    async probe(call): Promise<Capabilities> {
      const known = await vocabulary(call);
      const { top: seen } = await label(critiquePrompt(PROBE), 'retrieve', known, call);
      return {
        logprobs: known.flavour === null ? 'unknown' : 'raw',
        top,
        tokenIds: known.ids !== null,
        singleTokenLabels: known.ids === null ? null : true,
        thinksFirst: false,
        prefill: true,
        notes: [
          ...(known.ids === null ? ['it does not say whether the reflection tokens are one token each'] : []),
          ...(tokensOf('retrieve').some((token) => seen[token] === undefined)
            ? [`tokens that are not among the ${top} likeliest have bounds only`]
            : []),
        ],
      };
    },
    close: () => client.close(),
  };
}
