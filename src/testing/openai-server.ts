import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

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

async function bodyOf(request: IncomingMessage): Promise<ChatRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as ChatRequest;
}

const logprobsOf = (tokens: readonly string[]) => ({
  content: tokens.map((token) => ({ token, logprob: -0.5, bytes: [...Buffer.from(token)], top_logprobs: [] })),
});

/** A chat-completions server on loopback that says what the script says. */
export async function openaiServer(script: (request: ChatRequest) => ChatReply): Promise<OpenaiServer> {
  const requests: OpenaiServer['requests'] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      requests.push({ body, authorization: request.headers.authorization });
      const { tokens = [], status = 200, message = '', bare = false, hang = false, choices } = script(body);
      if (hang) return;
      const said = (choices ?? Array.from({ length: body.n ?? 1 }, () => tokens)).slice(0, body.n ?? 1);
      const kept = said.map((choice) => choice.slice(0, body.max_tokens ?? choice.length));
      const count = kept.flat().length;
      const answer =
        status === 200
          ? {
              id: 'chat-1',
              object: 'chat.completion',
              created: 0,
              model: body.model,
              choices: kept.map((choice, index) => ({
                index,
                message: { role: 'assistant', content: choice.join('') },
                finish_reason: choice.length < said[index]!.length ? 'length' : 'stop',
                logprobs: body.logprobs && !bare ? logprobsOf(choice) : null,
              })),
              usage: { prompt_tokens: 1, completion_tokens: count, total_tokens: count + 1 },
            }
          : { error: { message, type: 'error', code: null, param: null } };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
