import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** One request as it came in. */
export interface Asked {
  /** From 0, in order of arrival. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Empty where there was none, or not a JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
  /** True once the client went away before its answer was complete. */
  readonly leftEarly: boolean;
}

/** What goes wrong with one request. The last four change what a right answer says, the others the way it comes. */
export type Fault =
  | { readonly kind: 'cut-before-headers' | 'cut-in-body' | 'hang' | 'not-json' | 'other-shape' }
  | {
      readonly kind: 'status';
      readonly status: number;
      /** Seconds, or a date. */
      readonly retryAfter?: string;
      readonly message?: string;
      /** Repeats the authorization header in the message. */
      readonly echo?: boolean;
    }
  | { readonly kind: 'redirect'; readonly to: string }
  /** The body comes in pieces over so long. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** The right answer with so many spaces behind it; `declared`: with a content-length. */
  | { readonly kind: 'huge'; readonly bytes: number; readonly declared?: boolean }
  | { readonly kind: 'no-logprobs' }
  /** Fewer alternatives than were asked for. */
  | { readonly kind: 'cap'; readonly top: number }
  /** The first tokens are a thought. `always`: also where the request asks for none. */
  | { readonly kind: 'thinking'; readonly always?: boolean };

/** What faults change in the content of an answer. */
export interface Shape {
  readonly logprobs: boolean;
  readonly top: number;
  readonly thinking: 'never' | 'unless-refused' | 'always';
}

export interface Reply {
  readonly status: number;
  /** A string goes out as plain text, all else as JSON. */
  readonly body: unknown;
}

/** A request that the server turns down. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Null: it never answers. */
export type Handler = (asked: Asked, shape: Shape) => Reply | null;

export interface Dialect {
  /** By method and path, such as `POST /v1/completions`. */
  readonly routes: Readonly<Record<string, Handler>>;
  readonly notFound: Reply;
  /** How this server words an error. */
  readonly error: (status: number, message: string, path: string) => Reply;
}

export interface FakeServer {
  /** Without a path. */
  readonly url: string;
  /** All requests so far; emptied by a test, numbers begin at 0 again. */
  readonly requests: Asked[];
  /** The most requests that were under way at the same time. */
  readonly peak: number;
  close(): Promise<void>;
}

export interface CoreOptions {
  readonly dialect: Dialect;
  /** Several where they go together, such as a cap on a model that thinks. */
  readonly faults?: (asked: Asked) => Fault | readonly Fault[] | null;
  /** Answers 401 to every request without it. */
  readonly key?: string;
}

/** The faults of the first requests, one for each; after them there are none. */
export const inOrder =
  (...faults: readonly (Fault | readonly Fault[] | null)[]) =>
  ({ number }: Asked): Fault | readonly Fault[] | null =>
    faults[number] ?? null;

const json = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
const typeOf = (value: unknown) => (typeof value === 'string' ? 'text/plain' : 'application/json');

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const value: unknown = text === '' ? {} : JSON.parse(text);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

const NOT_JSON: Reply = { status: 200, body: '<!doctype html><title>Sign in</title>' };
const OTHER_SHAPE: Reply = { status: 200, body: { ok: true, service: 'another one' } };

function shapeOf(faults: readonly Fault[]): Shape {
  const cap = faults.find((fault) => fault.kind === 'cap');
  const thinking = faults.find((fault) => fault.kind === 'thinking');
  return {
    logprobs: !faults.some(({ kind }) => kind === 'no-logprobs'),
    top: cap?.top ?? Number.POSITIVE_INFINITY,
    thinking: thinking ? (thinking.always ? 'always' : 'unless-refused') : 'never',
  };
}

async function send(response: ServerResponse, { status, body }: Reply, faults: readonly Fault[]): Promise<void> {
  const text = json(body);
  const headers = { 'content-type': typeOf(body) };
  for (const fault of faults)
    switch (fault.kind) {
      case 'hang':
        return;
      case 'cut-before-headers':
        response.destroy();
        return;
      case 'cut-in-body':
        response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) });
        response.write(text.slice(0, text.length / 2), () => response.destroy());
        return;
      case 'slow': {
        response.writeHead(status, headers);
        const size = Math.ceil(text.length / 5);
        for (let i = 0; i < 5 && !response.destroyed; i++) {
          response.write(text.slice(i * size, (i + 1) * size));
          await sleep(fault.ms / 5);
        }
        response.end();
        return;
      }
      case 'huge': {
        const length = Buffer.byteLength(text) + fault.bytes;
        response.writeHead(status, { ...headers, ...(fault.declared && { 'content-length': length }) });
        response.write(text);
        const piece = ' '.repeat(64 * 1024);
        for (let left = fault.bytes; left > 0 && !response.destroyed; left -= piece.length)
          if (!response.write(left < piece.length ? piece.slice(0, left) : piece)) await drained(response);
        response.end();
        return;
      }
    }
  response.writeHead(status, headers).end(text);
}

const drained = (response: ServerResponse) =>
  new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });

/** A server on loopback with one dialect, that records what it is asked and fails where it is told to. */
export async function fakeServer({ dialect, faults = () => null, key }: CoreOptions): Promise<FakeServer> {
  const requests: Asked[] = [];
  let running = 0;
  let peak = 0;

  function replyTo(asked: Asked, shape: Shape): Reply | null {
    const handler = dialect.routes[`${asked.method} ${asked.path}`];
    try {
      return handler ? handler(asked, shape) : dialect.notFound;
    } catch (error) {
      if (error instanceof Refused) return dialect.error(error.status, error.message, asked.path);
      throw error;
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const { pathname: path } = new URL(url, 'http://localhost');
    const asked = { number: requests.length, method, path, headers, body: {}, leftEarly: false };
    requests.push(asked);
    response.on('close', () => {
      running--;
      asked.leftEarly = !response.writableFinished;
    });
    let readable = true;
    asked.body = await bodyOf(request).catch(() => {
      readable = false;
      return {};
    });
    const found = faults(asked) ?? [];
    const list: readonly Fault[] = Array.isArray(found) ? found : [found];
    if (list.some(({ kind }) => kind === 'not-json')) return send(response, NOT_JSON, list);
    if (list.some(({ kind }) => kind === 'other-shape')) return send(response, OTHER_SHAPE, list);
    const redirect = list.find((fault) => fault.kind === 'redirect');
    if (redirect) {
      response.writeHead(307, { location: redirect.to }).end();
      return;
    }
    const status = list.find((fault) => fault.kind === 'status');
    if (status?.retryAfter !== undefined) response.setHeader('retry-after', status.retryAfter);
    if (status) {
      const message = status.message ?? `a fault of status ${status.status}`;
      const said = status.echo ? `${message}: ${headers.authorization}` : message;
      return send(response, dialect.error(status.status, said, path), list);
    }
    if (key !== undefined && headers.authorization !== `Bearer ${key}`)
      return send(response, dialect.error(401, `Incorrect API key provided: ${headers.authorization}`, path), list);
    if (!readable) return send(response, dialect.error(400, 'the body is not JSON', path), list);
    const reply = replyTo(asked, shapeOf(list));
    if (reply) await send(response, reply, list);
  }

  const server = createServer((request, response) => {
    running++;
    peak = Math.max(peak, running);
    answer(request, response).catch((error: unknown) => {
      // A script that throws is a mistake of the test: the client is told at once.
      if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain' });
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get peak() {
      return peak;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
