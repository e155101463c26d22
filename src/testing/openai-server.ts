import { fakeServer, type Handler } from './server-core.ts';
import { chatLogprobs, openaiError } from './server-openai.ts';

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens?: number;
  readonly temperature?: number;
  readonly logprobs?: boolean;
  readonly seed?: number;
  readonly n?: number;
}

export interface ChatReply {
  /** The tokens of the reply; cut at `max_tokens`. */
  readonly tokens?: readonly string[];
  /** The tokens of each choice, at most as many choices as are asked for; without them, every choice has `tokens`. */
  readonly choices?: readonly (readonly string[])[];
  /** Anything but 200 answers with an error of this message. */
  readonly status?: number;
  readonly message?: string;
  /** Leaves the log-probabilities out, as some servers do. */
  readonly bare?: boolean;
  /** Never answers. */
  readonly hang?: boolean;
}

export interface OpenaiServer {
  readonly url: string;
  readonly requests: { readonly body: ChatRequest; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

const logprobsOf = (tokens: readonly string[]) =>
  chatLogprobs(
    tokens.map((token) => ({ token, logprob: -0.5, choices: [] })),
    { alternatives: () => [] },
  );

/** A chat-completions server on loopback that says what the script says, token by token. */
export async function openaiServer(script: (request: ChatRequest) => ChatReply): Promise<OpenaiServer> {
  const requests: OpenaiServer['requests'] = [];
  const chat: Handler = ({ body: asked, headers }) => {
    const body = asked as unknown as ChatRequest;
    requests.push({ body, authorization: headers.authorization });
    const { tokens = [], status = 200, message = '', bare = false, hang = false, choices } = script(body);
    if (hang) return null;
    if (status !== 200) return openaiError(status, message);
    const said = (choices ?? Array.from({ length: body.n ?? 1 }, () => tokens)).slice(0, body.n ?? 1);
    const kept = said.map((choice) => choice.slice(0, body.max_tokens ?? choice.length));
    const count = kept.flat().length;
    return {
      status,
      body: {
        id: 'chat-1',
        object: 'chat.completion',
        created: 0,
        model: body.model,
        choices: kept.map((choice, index) => ({
          index,
          message: { role: 'assistant', content: choice.join('') },
          finish_reason: choice.length < said[index]!.length ? 'length' : 'stop',
          logprobs: body.logprobs && !bare ? { content: logprobsOf(choice) } : null,
        })),
        usage: { prompt_tokens: 1, completion_tokens: count, total_tokens: count + 1 },
      },
    };
  };
  const dialect = {
    routes: { 'POST /v1/chat/completions': chat },
    notFound: openaiError(404, 'Unknown request URL'),
    error: openaiError,
  };
  const server = await fakeServer({ dialect });
  return { url: `${server.url}/v1`, requests, close: () => server.close() };
}
