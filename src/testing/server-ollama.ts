import { type Asked, type Dialect, type Handler, Refused, type Reply, type Shape } from './server-core.ts';
import { applyTemplate, type Message, write } from './server-model.ts';
import {
  chatCompletion,
  chatLogprobs,
  finishOf,
  likeliest,
  listOf,
  messagesOf,
  modelList,
  type OpenaiBody,
  openaiError,
  type Served,
  textCompletion,
  writeOptionsOf,
} from './server-openai.ts';

/** The fields of the native routes that the fake reads. */
interface OllamaBody {
  readonly model?: string;
  readonly prompt?: string;
  readonly system?: string;
  /** The prompt as it is, without the template. */
  readonly raw?: boolean;
  readonly messages?: readonly Message[];
  readonly stream?: boolean;
  readonly think?: boolean | string;
  readonly logprobs?: boolean;
  readonly top_logprobs?: number;
  readonly options?: {
    readonly temperature?: number;
    readonly num_predict?: number;
    readonly seed?: number;
    readonly stop?: readonly string[];
  };
}

const NO_TIMES = { total_duration: 1, load_duration: 0, prompt_eval_duration: 0, eval_duration: 1 };

function topOf(asked: number | null | undefined): number {
  const top = asked ?? 0;
  if (top < 0 || top > 20) throw new Refused(400, 'top_logprobs must be between 0 and 20');
  return top;
}

/** A last message of the assistant is gone on with. */
const promptOf = (messages: readonly Message[]) => applyTemplate(messages, messages.at(-1)?.role === 'assistant');

function checkModel({ model }: { readonly model?: string }, { name }: Served): void {
  if (model === undefined || model === '') throw new Refused(400, 'model is required');
  if (model !== name && model !== `${name}:latest`) throw new Refused(404, `model '${model}' not found`);
}

/**
 * Ollama: `/api/generate` and `/api/chat`, whose answers come as lines of JSON unless `stream` is false, and the OpenAI
 * routes. At most 20 alternatives, texts without ids; none at all from `/v1/completions`.
 */
export function ollamaDialect(served: Served): Dialect {
  const native =
    (promptFrom: (body: OllamaBody) => string, answer: (text: string, thought: string | null) => object): Handler =>
    ({ body: asked, number }, shape) => {
      const body = asked as OllamaBody;
      checkModel(body, served);
      const top = topOf(body.top_logprobs);
      const { temperature = 0.8, num_predict = -1, seed = number, stop } = body.options ?? {};
      const prompt = promptFrom(body);
      const written = write(served.model(prompt), served.vocabulary, shape, {
        maxTokens: num_predict < 0 ? Number.POSITIVE_INFINITY : num_predict,
        ...{ temperature, seed, stop: listOf(stop), think: body.think !== false },
      });
      const { positions, text, thought } = written;
      const base = { model: body.model, created_at: '2026-01-01T00:00:00Z' };
      const logprobs = body.logprobs === true && shape.logprobs;
      const last = {
        ...base,
        ...answer(text, thought),
        ...{ done: true, done_reason: finishOf(written), ...NO_TIMES },
        ...{ prompt_eval_count: served.vocabulary.split(prompt).length, eval_count: positions.length },
        ...(logprobs && { logprobs: chatLogprobs(positions, { alternatives: likeliest(top, shape) }) }),
      };
      if (body.stream === false) return { status: 200, body: last };
      // Real ones send a line for each token; a client that did not ask for one answer cannot read two lines either.
      const lines = [{ ...base, ...answer('', null), done: false }, last];
      return { status: 200, body: lines.map((line) => `${JSON.stringify(line)}\n`).join('') };
    };

  const chat = (asked: Asked, shape: Shape): Reply => {
    const body = asked.body as OpenaiBody;
    checkModel(body, served);
    const top = topOf(body.top_logprobs);
    return {
      status: 200,
      body: chatCompletion(asked, shape, served, {
        prompt: promptOf(messagesOf(body)),
        options: writeOptionsOf(body, asked.number),
        logprobs: ({ positions }) =>
          body.logprobs === true ? { content: chatLogprobs(positions, { alternatives: likeliest(top, shape) }) } : null,
        thought: 'reasoning',
      }),
    };
  };

  return {
    routes: {
      'GET /': () => ({ status: 200, body: 'Ollama is running' }),
      'GET /api/version': () => ({ status: 200, body: { version: '0.34.4' } }),
      'GET /api/tags': () => ({ status: 200, body: { models: [{ name: served.name, model: served.name, size: 1 }] } }),
      'GET /v1/models': modelList(served, 'library'),
      'POST /api/generate': native(
        ({ prompt = '', system, raw = false }) => {
          const messages = [
            ...(system ? [{ role: 'system', content: system }] : []),
            { role: 'user', content: prompt },
          ];
          return raw ? prompt : applyTemplate(messages);
        },
        (response, thinking) => ({ response, ...(thinking !== null && { thinking }) }),
      ),
      'POST /api/chat': native(
        ({ messages }) => promptOf(messagesOf({ messages })),
        (content, thinking) => ({ message: { role: 'assistant', content, ...(thinking !== null && { thinking }) } }),
      ),
      'POST /v1/chat/completions': chat,
      'POST /v1/completions': (asked, shape) => {
        checkModel(asked.body as OpenaiBody, served);
        return { status: 200, body: textCompletion(asked, shape, served, () => null) };
      },
    },
    notFound: { status: 404, body: '404 page not found' },
    error: (status, message, path) =>
      path.startsWith('/api/') ? { status, body: { error: message } } : openaiError(status, message),
  };
}
