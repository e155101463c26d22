import { type Dialect, Refused, type Shape } from './server-core.ts';
import { type Decide, systemone } from './server-decisions.ts';
import { type Alternative, applyTemplate, type Position, write } from './server-model.ts';
import {
  bytesOf,
  chatCompletion,
  chatLogprobs,
  likeliest,
  messagesOf,
  modelList,
  type OpenaiBody,
  promptsOf,
  type Served,
  textCompletion,
  writeOptionsOf,
} from './server-openai.ts';

/** The fields of `/completion` and its neighbours that the fake reads. */
interface LlamaBody extends OpenaiBody {
  readonly content?: string;
  readonly with_pieces?: boolean;
  readonly tokens?: readonly number[];
  readonly n_predict?: number;
  readonly n_probs?: number;
  readonly post_sampling_probs?: boolean;
  readonly cache_prompt?: boolean;
  readonly return_tokens?: boolean;
  readonly top_k?: number;
  readonly top_p?: number;
  readonly min_p?: number;
}

const llamaError = (status: number, message: string) => {
  const types: Readonly<Record<number, string>> = {
    401: 'authentication_error',
    404: 'not_found_error',
    501: 'not_supported_error',
    503: 'unavailable_error',
  };
  const type = types[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
  return { status, body: { error: { code: status, message, type } } };
};

/** What the sampling settings leave, to one again: top-k, top-p, min-p, then temperature. */
function sampled(
  all: readonly Alternative[],
  { top_k = 40, top_p = 0.95, min_p = 0.05, temperature = 0.8 }: LlamaBody,
) {
  if (temperature <= 0) return [{ token: all[0]!.token, logprob: 0 }];
  let before = 0;
  const kept = all
    .slice(0, top_k > 0 ? top_k : undefined)
    .filter(({ logprob }) => {
      const isKept = before < top_p;
      before += Math.exp(logprob);
      return isKept;
    })
    .filter(({ logprob }) => logprob - all[0]!.logprob >= Math.log(min_p));
  const weights = kept.map(({ logprob }) => Math.exp((logprob - all[0]!.logprob) / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return kept.map(({ token }, i) => ({ token, logprob: Math.log(weights[i]! / sum) }));
}

/**
 * llama-server: its own `/completion` with ids and raw or sampled probabilities, without a cap; the OpenAI routes, which
 * have the same entries, on both under `logprobs.content`; and `/v1/systemone` where the model decides.
 */
export function llamaDialect(served: Served, decide: Decide | undefined): Dialect {
  const { vocabulary, model, name } = served;
  const extra = (token: string) => ({ id: vocabulary.idOf(token) });
  const logprobsOf = (positions: readonly Position[], top: number, shape: Shape) =>
    chatLogprobs(positions, { extra, alternatives: likeliest(top, shape) });
  const withProbs = (positions: readonly Position[], top: number, shape: Shape) => {
    const entry = ({ token, logprob }: Alternative) => ({
      ...{ id: vocabulary.idOf(token), token, bytes: bytesOf(token), prob: Math.exp(logprob) },
    });
    return positions.map((position) => ({
      ...entry(position),
      top_probs: likeliest(top, shape)(position).map(entry),
    }));
  };

  function complete(prompt: string | readonly unknown[], body: LlamaBody, number: number, shape: Shape) {
    const { n_predict = body.max_tokens ?? -1, n_probs = 0, post_sampling_probs = false, return_tokens = false } = body;
    const text = typeof prompt === 'string' ? prompt : vocabulary.textOf(prompt);
    const temperature = body.temperature ?? 0.8;
    const written = write(model(text), vocabulary, shape, {
      ...writeOptionsOf(body, number),
      temperature,
      // Nothing in a bare prompt asks for a thought or forbids it.
      think: true,
      maxTokens: n_predict < 0 ? Number.POSITIVE_INFINITY : n_predict,
      ...(post_sampling_probs && { cut: (all: readonly Alternative[]) => sampled(all, body) }),
    });
    const { positions, finish, stopWord } = written;
    const probs = post_sampling_probs ? withProbs : logprobsOf;
    return {
      index: 0,
      content: (written.thought ?? '') + written.text,
      tokens: return_tokens ? positions.map(({ token }) => vocabulary.idOf(token)) : [],
      id_slot: 0,
      stop: true,
      model: name,
      tokens_predicted: positions.length,
      tokens_evaluated: vocabulary.split(text).length,
      generation_settings: { n_predict, temperature, n_probs, post_sampling_probs },
      prompt: text,
      has_new_line: written.text.includes('\n'),
      truncated: false,
      stop_type: { stop: 'eos', length: 'limit', word: 'word' }[finish],
      stopping_word: stopWord,
      tokens_cached: 0,
      timings: {},
      ...(n_probs > 0 && shape.logprobs && { completion_probabilities: probs(positions, n_probs, shape) }),
    };
  }

  const tokenized = ({ content, with_pieces = false }: LlamaBody) => {
    if (typeof content !== 'string') return [];
    const tokens = vocabulary.split(content).map((piece) => ({ id: vocabulary.idOf(piece), piece }));
    return with_pieces ? tokens : tokens.map(({ id }) => id);
  };

  /** A last message of the assistant is gone on with. */
  const promptOf = (body: LlamaBody) => {
    const messages = messagesOf(body);
    return applyTemplate(messages, messages.at(-1)!.role === 'assistant');
  };

  return {
    routes: {
      'GET /health': () => ({ status: 200, body: { status: 'ok' } }),
      'GET /props': () => ({
        status: 200,
        body: {
          default_generation_settings: { id: 0, n_ctx: 4096, params: { temperature: 0.8, n_probs: 0 } },
          total_slots: 1,
          model_path: `/models/${name}.gguf`,
          chat_template: '{% for message in messages %}<|im_start|>...{% endfor %}',
          chat_template_caps: {},
          modalities: { vision: false },
          build_info: 'b9999-fake',
          is_sleeping: false,
        },
      }),
      'GET /v1/models': modelList(served, 'llamacpp', {
        architecture: { input_modalities: ['text'], output_modalities: [decide ? 'decisions' : 'text'] },
        meta: { n_vocab: 49152, n_ctx_train: 4096 },
      }),
      'POST /tokenize': ({ body }) => ({ status: 200, body: { tokens: tokenized(body as LlamaBody) } }),
      'POST /detokenize': ({ body }) => ({
        status: 200,
        body: { content: vocabulary.textOf((body as LlamaBody).tokens ?? []) },
      }),
      'POST /apply-template': ({ body }) => ({ status: 200, body: { prompt: promptOf(body as LlamaBody) } }),
      'POST /completion': ({ body: asked, number }, shape) => {
        const body = asked as LlamaBody;
        const prompts = promptsOf(body.prompt);
        const answers = prompts.map((prompt, index) => ({ ...complete(prompt, body, number, shape), index }));
        return { status: 200, body: Array.isArray(body.prompt) && prompts[0] !== body.prompt ? answers : answers[0] };
      },
      'POST /v1/chat/completions': (asked, shape) => {
        const body = asked.body as LlamaBody;
        if (body.top_logprobs != null && body.logprobs !== true)
          throw new Refused(400, 'top_logprobs requires logprobs to be set to true');
        const top = body.n_probs ?? body.top_logprobs ?? 20;
        return {
          status: 200,
          body: chatCompletion(asked, shape, served, {
            prompt: promptOf(body),
            options: writeOptionsOf({ ...body, temperature: body.temperature ?? 0.8 }, asked.number),
            logprobs: ({ positions }) =>
              body.logprobs === true ? { content: logprobsOf(positions, top, shape) } : null,
            thought: 'reasoning_content',
          }),
        };
      },
      'POST /v1/completions': (asked, shape) => {
        const { logprobs, n_probs = Number(logprobs ?? 0) } = asked.body as LlamaBody;
        return {
          status: 200,
          body: textCompletion(asked, shape, served, ({ positions }) =>
            n_probs > 0 ? { content: logprobsOf(positions, n_probs, shape) } : null,
          ),
        };
      },
      'POST /v1/systemone': systemone(served.name, decide, 'This server does not support decision models'),
    },
    notFound: llamaError(404, 'File Not Found'),
    error: llamaError,
  };
}
