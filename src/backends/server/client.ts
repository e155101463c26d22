import {
  BrokenCircuitError,
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  type IDefaultPolicyContext,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import type { z } from 'zod';
import type { CallOptions } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';

export interface ServerOptions {
  /** Such as `http://localhost:8080/v1`; what is asked for is below it. */
  readonly baseUrl: string;
  /** Sent as a bearer token. It appears in no error and no trace. */
  readonly apiKey?: string | undefined;
  /** For one try; longer than that is a failure that is tried again. */
  readonly timeoutMs?: number;
  /** Further tries after 429, 5xx, a time-out or a broken connection, with growing, jittered pauses. */
  readonly retries?: number;
  /** Requests that run at the same time; the others wait. */
  readonly concurrency?: number;
  /** After so many failures in a row nothing is asked for `resetMs`; then one request tries whether it works again. */
  readonly breakAfter?: number;
  readonly resetMs?: number;
  /** A longer answer is refused, unread. */
  readonly maxBytes?: number;
  readonly fetch?: typeof fetch;
}

export interface ServerRequest<T> {
  readonly path: string;
  /** Absent: GET. */
  readonly body?: unknown;
  /** What a right answer looks like. */
  readonly schema: z.ZodType<T>;
}

/** One server: JSON in, checked JSON out, with its limits and its failures kept in one place. */
export interface ServerClient {
  /** Host and path, for messages and ids; no key, no query. */
  readonly name: string;
  /**
   * Throws ABORTED, BACKEND_CLOSED, BACKEND_TIMEOUT, BACKEND_UNAVAILABLE (unreachable, or refused by the breaker), and
   * BACKEND_FAILED with `details.status` for what the server refused or answered wrongly.
   */
  ask<T>(request: ServerRequest<T>, options?: CallOptions): Promise<T>;
  close(): Promise<void>;
}

const LONGEST_PAUSE = 30_000;
const FIRST_PAUSE = 250;

/** A failure that may pass, and how long the server asks to be left alone. */
class Passing extends Error {
  readonly error: DiscernError;
  readonly afterMs: number | null;

  constructor(error: DiscernError, afterMs: number | null) {
    super(error.message);
    this.error = error;
    this.afterMs = afterMs;
  }
}

/** `Retry-After`: seconds, or a date. */
function retryAfter(value: string | null): number | null {
  if (value === null) return null;
  const ms = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(LONGEST_PAUSE, Math.max(0, ms)) : null;
}

export function serverClient(options: ServerOptions): ServerClient {
  const { timeoutMs = 30_000, retries = 3, concurrency = 4, breakAfter = 5, resetMs = 10_000 } = options;
  const { maxBytes = 8 * 1024 * 1024, apiKey = '' } = options;
  const base = new URL(options.baseUrl);
  const name = `${base.host}${base.pathname.replace(/\/$/, '')}`;
  const closing = new AbortController();
  // Servers repeat keys in their messages.
  const clean = (text: string) => (apiKey === '' ? text : text.replaceAll(apiKey, '***')).slice(0, 300);

  const passing = handleWhen((error) => error instanceof Passing || error instanceof TaskCancelledError);
  const policy = wrap(
    bulkhead(concurrency, Number.POSITIVE_INFINITY),
    retry(passing, {
      maxAttempts: retries,
      backoff: {
        next(context) {
          const failed = 'error' in context.result ? context.result.error : null;
          const asked = failed instanceof Passing ? failed.afterMs : null;
          const grown = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (context.attempt - 1));
          // Full jitter: clients that failed together do not come back together.
          return { duration: asked ?? grown * Math.random(), next: this.next.bind(this) };
        },
      },
    }),
    circuitBreaker(passing, { halfOpenAfter: resetMs, breaker: new ConsecutiveBreaker(breakAfter) }),
    timeout(timeoutMs, TimeoutStrategy.Aggressive),
  );

  async function once<T>({ path, body, schema }: ServerRequest<T>, signal: AbortSignal): Promise<T> {
    const url = `${options.baseUrl.replace(/\/$/, '')}${path}`;
    const response = await (options.fetch ?? fetch)(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(apiKey !== '' && { authorization: `Bearer ${apiKey}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal,
    }).catch((cause: unknown) => {
      const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : messageOf(cause);
      throw new Passing(
        new DiscernError('BACKEND_UNAVAILABLE', `${name} cannot be reached: ${clean(reason)}`, {
          hint: 'start the server, or check the address',
        }),
        null,
      );
    });
    const text = await readLimited(response, maxBytes, name).catch((cause: unknown) => {
      if (DiscernError.is(cause)) throw cause;
      throw new Passing(
        new DiscernError('BACKEND_UNAVAILABLE', `${name} broke off its answer: ${clean(messageOf(cause))}`),
        null,
      );
    });
    if (!response.ok) {
      const error = new DiscernError('BACKEND_FAILED', `${name}${path} answered ${response.status}: ${clean(text)}`, {
        details: { status: response.status },
      });
      if (response.status === 429 || response.status >= 500)
        if (response.status !== 501) throw new Passing(error, retryAfter(response.headers.get('retry-after')));
      throw error;
    }
    const parsed = schema.safeParse(jsonOf(text));
    if (parsed.success) return parsed.data;
    const { path: at, message } = parsed.error.issues[0]!;
    throw new DiscernError(
      'BACKEND_FAILED',
      `${name}${path} answered something else than documented: ${at.join('.') || 'answer'}: ${message}`,
      { details: { status: response.status } },
    );
  }

  return {
    name,
    async ask(request, { signal } = {}) {
      if (closing.signal.aborted) throw new DiscernError('BACKEND_CLOSED', `the client of ${name} is closed`);
      throwIfAborted(signal);
      const stop = AbortSignal.any([closing.signal, ...(signal ? [signal] : [])]);
      try {
        return await policy.execute(
          ({ signal: mine }: IDefaultPolicyContext) => once(request, AbortSignal.any([mine, stop])),
          stop,
        );
      } catch (error) {
        if (closing.signal.aborted) throw new DiscernError('BACKEND_CLOSED', `the client of ${name} is closed`);
        throwIfAborted(signal);
        if (error instanceof Passing) throw error.error;
        if (error instanceof TaskCancelledError)
          throw new DiscernError('BACKEND_TIMEOUT', `${name}${request.path} took longer than ${timeoutMs} ms`);
        if (error instanceof BrokenCircuitError)
          throw new DiscernError(
            'BACKEND_UNAVAILABLE',
            `${name} failed ${breakAfter} times in a row and is left alone for ${resetMs} ms`,
          );
        if (DiscernError.is(error)) throw error;
        throw new DiscernError('BACKEND_FAILED', `${name} failed: ${clean(messageOf(error))}`);
      }
    },
    async close() {
      closing.abort();
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The body as text; stops reading at the limit. */
async function readLimited(response: Response, maxBytes: number, name: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > maxBytes) throw new DiscernError('BACKEND_FAILED', `${name} answered with more than ${maxBytes} bytes`);
    text += decoder.decode(chunk as Uint8Array, { stream: true });
  }
  return text + decoder.decode();
}
