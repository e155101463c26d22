import type { Asked, Dialect, Handler, Shape } from './server-core.ts';
import { Refused } from './server-core.ts';
import {
  type Alternative,
  applyTemplate,
  type Message,
  type Position,
  type ScriptedModel,
  type Vocabulary,
  type WriteOptions,
  type Written,
  write,
} from './server-model.ts';

/** What every handler of a language model works with. */
export interface Served {
  readonly name: string;
  readonly model: ScriptedModel;
  readonly vocabulary: Vocabulary;
}

/** The fields of completions that the fakes read; whatever else is sent is recorded and ignored, as servers do. */
export interface OpenaiBody {
  readonly model?: string;
  readonly messages?: readonly Message[];
  readonly prompt?: string | readonly unknown[];
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
  readonly n?: number;
  readonly stop?: string | readonly string[] | null;
  readonly logprobs?: boolean | number | null;
  readonly top_logprobs?: number | null;
  readonly reasoning_effort?: string;
  readonly chat_template_kwargs?: { readonly enable_thinking?: boolean };
  readonly add_generation_prompt?: boolean;
  readonly continue_final_message?: boolean;
  readonly logprob_token_ids?: readonly number[];
  readonly return_tokens_as_token_ids?: boolean;
}

export const bytesOf = (token: string): number[] => [...Buffer.from(token)];

export const listOf = <T>(value: T | readonly T[] | null | undefined): readonly T[] =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value : [value as T];

/** A number of alternatives as it was asked for; 0 where none were. */
export function topOf(asked: number | null | undefined, most: number, name: string): number {
  const top = asked ?? 0;
  if (!Number.isInteger(top) || top < 0 || top > most)
    throw new Refused(400, `Invalid value for '${name}': ${top}. It must be between 0 and ${most}.`);
  return top;
}

export const writeOptionsOf = (body: OpenaiBody, number: number): WriteOptions => ({
  maxTokens: body.max_completion_tokens ?? body.max_tokens ?? Number.POSITIVE_INFINITY,
  temperature: body.temperature ?? 1,
  seed: body.seed ?? number,
  stop: listOf(body.stop),
  think: body.reasoning_effort !== 'none' && body.chat_template_kwargs?.enable_thinking !== false,
});

export function messagesOf({ messages }: OpenaiBody): readonly Message[] {
  if (!Array.isArray(messages) || messages.length === 0)
    throw new Refused(400, "Missing required parameter: 'messages'.");
  const wrong = messages.find(({ role, content }) => typeof role !== 'string' || typeof content !== 'string');
  if (wrong) throw new Refused(400, "Invalid value in 'messages': each needs a role and a text");
  return messages;
}

/** How a server names tokens, and which of the alternatives it gives. */
export interface LogprobStyle {
  /** Fields beside token, log-probability and bytes, such as the id. */
  readonly extra?: (token: string) => object;
  readonly alternatives: (position: Position) => readonly Alternative[];
  readonly nameOf?: (token: string) => string;
}

/** `logprobs.content` of a chat completion. */
export function chatLogprobs(positions: readonly Position[], { extra, alternatives, nameOf }: LogprobStyle) {
  const entry = ({ token, logprob }: Alternative) => ({
    ...extra?.(token),
    token: nameOf?.(token) ?? token,
    logprob,
    bytes: bytesOf(token),
  });
  return positions.map((position) => ({ ...entry(position), top_logprobs: alternatives(position).map(entry) }));
}

/** `logprobs` of a completion: the chosen token is among the alternatives, also where it is not one of the likeliest. */
export function completionLogprobs(
  positions: readonly Position[],
  { alternatives, nameOf = (token) => token }: LogprobStyle,
) {
  let offset = 0;
  return {
    tokens: positions.map(({ token }) => nameOf(token)),
    token_logprobs: positions.map(({ logprob }) => logprob),
    top_logprobs: positions.map((position) =>
      Object.fromEntries([position, ...alternatives(position)].map(({ token, logprob }) => [nameOf(token), logprob])),
    ),
    text_offset: positions.map(({ token }) => {
      offset += token.length;
      return offset - token.length;
    }),
  };
}

export const likeliest =
  (top: number, shape: Shape) =>
  ({ choices }: Position): readonly Alternative[] =>
    choices.slice(0, Math.min(top, shape.top));

const usageOf = (prompts: readonly string[], written: readonly Written[], { split }: Vocabulary) => {
  const prompt_tokens = prompts.reduce((sum, prompt) => sum + split(prompt).length, 0);
  const completion_tokens = written.reduce((sum, { positions }) => sum + positions.length, 0);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
};

export const finishOf = ({ finish }: Written): 'stop' | 'length' => (finish === 'length' ? 'length' : 'stop');

export interface ChatParts {
  readonly prompt: string;
  readonly options: WriteOptions;
  readonly logprobs: (written: Written) => unknown;
  /** Where a thought stands: in the text, or beside it. */
  readonly thought: 'content' | 'reasoning_content' | 'reasoning';
}

/** A chat completion of `n` choices. */
export function chatCompletion({ body, number }: Asked, shape: Shape, served: Served, parts: ChatParts) {
  const { model: name, n = 1 } = body as OpenaiBody;
  const reply = served.model(parts.prompt);
  const written = Array.from({ length: n }, (_, index) =>
    write(reply, served.vocabulary, shape, { ...parts.options, index }),
  );
  return {
    id: `chatcmpl-${number}`,
    object: 'chat.completion',
    created: 0,
    model: name ?? served.name,
    choices: written.map((one, index) => ({
      index,
      message: {
        role: 'assistant',
        content: parts.thought === 'content' ? (one.thought ?? '') + one.text : one.text,
        ...(parts.thought !== 'content' && one.thought !== null && { [parts.thought]: one.thought }),
      },
      logprobs: shape.logprobs ? parts.logprobs(one) : null,
      finish_reason: finishOf(one),
    })),
    usage: usageOf([parts.prompt], written, served.vocabulary),
  };
}

/** A text completion: `n` choices for each prompt. */
export function textCompletion(
  { body, number }: Asked,
  shape: Shape,
  served: Served,
  logprobs: (written: Written) => unknown,
) {
  const { model: name, n = 1, prompt, max_tokens = 16, ...rest } = body as OpenaiBody;
  const prompts = promptsOf(prompt).map((one) => (typeof one === 'string' ? one : served.vocabulary.textOf(one)));
  const options = writeOptionsOf({ ...rest, max_tokens }, number);
  const written = prompts.flatMap((text) => {
    const reply = served.model(text);
    return Array.from({ length: n }, (_, index) => write(reply, served.vocabulary, shape, { ...options, index }));
  });
  return {
    id: `cmpl-${number}`,
    object: 'text_completion',
    created: 0,
    model: name ?? served.name,
    choices: written.map((one, index) => ({
      index,
      text: (one.thought ?? '') + one.text,
      logprobs: shape.logprobs ? logprobs(one) : null,
      finish_reason: finishOf(one),
    })),
    usage: usageOf(prompts, written, served.vocabulary),
  };
}

/** One prompt or several: a text, token ids, or (llama-server) both in one list. */
export function promptsOf(prompt: OpenaiBody['prompt']): readonly (string | readonly unknown[])[] {
  if (typeof prompt === 'string') return [prompt];
  if (!Array.isArray(prompt) || prompt.length === 0) throw new Refused(400, "Missing required parameter: 'prompt'.");
  return prompt.some((part) => typeof part === 'number') ? [prompt] : prompt;
}

export const modelList = (served: Served, owner: string, extra: object = {}): Handler => {
  const model = { id: served.name, object: 'model', created: 0, owned_by: owner, ...extra };
  return () => ({ status: 200, body: { object: 'list', data: [model] } });
};

/** OpenAI's own service: at most 20 alternatives in a chat and 5 in a completion, texts without ids. */
export function openaiDialect(served: Served): Dialect {
  return {
    routes: {
      'GET /v1/models': modelList(served, 'openai'),
      'POST /v1/chat/completions': (asked, shape) => {
        const body = asked.body as OpenaiBody;
        const top = topOf(body.top_logprobs, 20, 'top_logprobs');
        if (body.top_logprobs != null && body.logprobs !== true)
          throw new Refused(400, "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.");
        const content = ({ positions }: Written) => chatLogprobs(positions, { alternatives: likeliest(top, shape) });
        return {
          status: 200,
          body: chatCompletion(asked, shape, served, {
            // A message of the assistant at the end is a turn of its own here.
            prompt: applyTemplate(messagesOf(body)),
            options: writeOptionsOf(body, asked.number),
            logprobs: (written) => (body.logprobs === true ? { content: content(written), refusal: null } : null),
            thought: 'content',
          }),
        };
      },
      'POST /v1/completions': (asked, shape) => {
        const { logprobs } = asked.body as OpenaiBody;
        if (typeof logprobs === 'boolean') throw new Refused(400, "Invalid type for 'logprobs': expected an integer.");
        const top = topOf(logprobs, 5, 'logprobs');
        const style = { alternatives: likeliest(top, shape) };
        return {
          status: 200,
          body: textCompletion(asked, shape, served, ({ positions }) =>
            logprobs == null ? null : completionLogprobs(positions, style),
          ),
        };
      },
    },
    notFound: openaiError(404, 'Unknown request URL'),
    error: openaiError,
  };
}

export function openaiError(status: number, message: string) {
  const type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error';
  const code = status === 401 ? 'invalid_api_key' : null;
  return { status, body: { error: { message, type, param: null, code } } };
}
