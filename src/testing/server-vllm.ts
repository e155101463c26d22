import { type Dialect, Refused, type Shape } from './server-core.ts';
import { type Decide, systemone } from './server-decisions.ts';
import { applyTemplate, type Position } from './server-model.ts';
import {
  chatCompletion,
  chatLogprobs,
  completionLogprobs,
  type LogprobStyle,
  likeliest,
  messagesOf,
  modelList,
  type OpenaiBody,
  type Served,
  textCompletion,
  topOf,
  writeOptionsOf,
} from './server-openai.ts';

/** What `--max-logprobs` is where nothing is said. */
const MAX_LOGPROBS = 20;
const MAX_TOKEN_IDS = 128;

interface TokenizeBody extends OpenaiBody {
  readonly return_token_strs?: boolean;
}

const vllmError = (status: number, message: string) => {
  const types: Readonly<Record<number, string>> = { 400: 'BadRequestError', 401: 'Unauthorized', 404: 'NotFoundError' };
  const type = types[status] ?? 'InternalServerError';
  return { status, body: { error: { message, type, param: null, code: status } } };
};

/**
 * vLLM: the OpenAI routes with `logprob_token_ids` (the chosen token and exactly these, instead of the likeliest) and
 * token ids as names where they are asked for. `labelIds: false` is a version that knows neither, and ignores both.
 */
export function vllmDialect(served: Served, decide: Decide | undefined, labelIds: boolean): Dialect {
  const { vocabulary } = served;

  function styleOf(body: OpenaiBody, top: number, shape: Shape): LogprobStyle {
    const ids = labelIds ? (body.logprob_token_ids ?? []) : [];
    if (ids.length > MAX_TOKEN_IDS)
      throw new Refused(400, `logprob_token_ids has ${ids.length} ids, the most is ${MAX_TOKEN_IDS}`);
    const asked = ({ token, logprob, choices }: Position) => {
      const named = ids.map((id) => {
        const text = vocabulary.tokenOf(id) ?? `<unknown-${id}>`;
        return choices.find((choice) => choice.token === text) ?? { token: text, logprob: -30 };
      });
      return [{ token, logprob }, ...named.filter((choice) => choice.token !== token)];
    };
    return {
      alternatives: ids.length > 0 ? asked : likeliest(top, shape),
      ...(labelIds &&
        body.return_tokens_as_token_ids && { nameOf: (token: string) => `token_id:${vocabulary.idOf(token)}` }),
    };
  }

  return {
    routes: {
      'GET /health': () => ({ status: 200, body: '' }),
      'GET /version': () => ({ status: 200, body: { version: labelIds ? '0.32.0' : '0.9.0' } }),
      'GET /v1/models': modelList(served, 'vllm', { root: served.name, parent: null, max_model_len: 4096 }),
      'POST /tokenize': ({ body: asked }) => {
        const body = asked as TokenizeBody;
        const text = typeof body.prompt === 'string' ? body.prompt : applyTemplate(messagesOf(body));
        const pieces = vocabulary.split(text);
        return {
          status: 200,
          body: {
            count: pieces.length,
            max_model_len: 4096,
            tokens: pieces.map(vocabulary.idOf),
            token_strs: body.return_token_strs ? pieces : null,
          },
        };
      },
      'POST /v1/chat/completions': (asked, shape) => {
        const body = asked.body as OpenaiBody;
        const top = topOf(body.top_logprobs, MAX_LOGPROBS, 'top_logprobs');
        if (top > 0 && body.logprobs !== true)
          throw new Refused(400, 'when using `top_logprobs`, `logprobs` must be set to true.');
        if (body.continue_final_message && body.add_generation_prompt !== false)
          throw new Refused(400, 'Cannot set both `continue_final_message` and `add_generation_prompt` to True.');
        const style = styleOf(body, top, shape);
        return {
          status: 200,
          body: {
            ...chatCompletion(asked, shape, served, {
              prompt: applyTemplate(messagesOf(body), body.continue_final_message === true),
              options: writeOptionsOf(body, asked.number),
              logprobs: ({ positions }) =>
                body.logprobs === true ? { content: chatLogprobs(positions, style) } : null,
              thought: 'reasoning',
            }),
            prompt_logprobs: null,
          },
        };
      },
      'POST /v1/completions': (asked, shape) => {
        const body = asked.body as OpenaiBody;
        if (typeof body.logprobs === 'boolean') throw new Refused(400, 'logprobs: Input should be a valid integer');
        const style = styleOf(body, topOf(body.logprobs, MAX_LOGPROBS, 'logprobs'), shape);
        return {
          status: 200,
          body: textCompletion(asked, shape, served, ({ positions }) =>
            body.logprobs == null ? null : completionLogprobs(positions, style),
          ),
        };
      },
      'POST /v1/systemone': systemone(served.name, decide, 'This model has no supported read strategy'),
    },
    notFound: { status: 404, body: { detail: 'Not Found' } },
    error: vllmError,
  };
}
