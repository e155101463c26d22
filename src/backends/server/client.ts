import { AsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BrokenCircuitError,
  bulkhead,
  ConsecutiveBreaker,
  ConstantBackoff,
  circuitBreaker,
  handleWhen,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
} from 'cockatiel';
import type { z } from 'zod';
import type { CallOptions } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import { stopWith } from '../../stop-with.ts';
import { cleaner, ERROR_BYTES, jsonBody, jsonOf, placeOf, readText, reasonOf, retryAfterMs, saidIn } from './answer.ts';

export interface ServerOptions {
  /** Such as `http://localhost:8080/v1`; what is asked for is below it. A query stays. No user, no password. */
  readonly baseUrl: string;
  /** Sent as a bearer token. It appears in no error and no trace. */
  readonly apiKey?: string | undefined;
  /**
   * For one try, without its wait for a place; longer than that is a failure that is tried again. The `fetch` of Node
   * itself gives up after 300 s without a byte.
   */
  readonly timeoutMs?: number;
  /** Further tries after 429, 5xx but 501, a time-out or a broken connection. */
  readonly retries?: number;
  /** Requests that run at the same time, pauses between their tries included; the others wait. */
  readonly concurrency?: number;
  /**
   * After so many failed tries in a row nothing is asked for `resetMs`; then one request finds out whether it works
   * again. 429 does not count. By default as many as the requests at the same time have together, so that a short
   * outage uses up their tries and no more.
   */
  readonly breakAfter?: number;
  readonly resetMs?: number;
  /** Before the second try at most; doubles with each. A random part of it is waited, `Retry-After` whole. */
  readonly firstPauseMs?: number;
  /** Where a server asks for a longer one, the request fails at once. */
  readonly longestPauseMs?: number;
  /** A longer answer is refused, and not read to its end. */
  readonly maxBytes?: number;
  readonly fetch?: typeof fetch;
  readonly random?: () => number;
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
   * Throws ABORTED, BACKEND_CLOSED, BACKEND_TIMEOUT, BACKEND_UNAVAILABLE (unreachable, or left alone after failures), and
   * BACKEND_FAILED with `details.status` for what the server refused or answered wrongly.
   */
  ask<T>(request: ServerRequest<T>, options?: CallOptions): Promise<T>;
  close(): Promise<void>;
}

/** A failure that may pass. */
class Passing extends Error {
  readonly error: DiscernError;
  /** False where the server works, and only asks for fewer requests. */
  readonly isOutage: boolean;
  /** How long the server asks to be left alone. */
  readonly afterMs: number;

  constructor(error: DiscernError, { isOutage = true, afterMs = 0 } = {}) {
    super(error.message);
    this.error = error;
    this.isOutage = isOutage;
    this.afterMs = afterMs;
  }
}

/** What the server answered: a refusal, too, shows that it works. */
type Outcome<T> = { readonly value: T } | { readonly error: DiscernError };

const HINTS: Readonly<Record<number, string>> = {
  401: 'give the key of this server',
  403: 'the key may not do this; give another one',
  404: 'check the address, which often ends in /v1, and the name of the model',
};

/** Checks what cannot work before anything is sent; no message repeats the address or the key. */
function checked({ baseUrl, apiKey = '' }: ServerOptions): { base: URL; key: string } {
  const wrong = (what: string, hint: string) => new DiscernError('CONFIG_INVALID', what, { hint });
  const base = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (base === null || !/^https?:$/.test(base.protocol))
    throw wrong('the address of the server is no http or https URL', 'give one such as http://localhost:8080/v1');
  if (base.username !== '' || base.password !== '')
    throw wrong(
      `the address of ${base.host} holds a user or a password`,
      'leave it out; a key is given beside the address',
    );
  const key = apiKey.trim();
  if (!/^[\x21-\x7e]*$/.test(key))
    throw wrong(
      `the key for ${base.host} holds characters that no header can carry`,
      'copy it again, without spaces and line ends',
    );
  return { base, key };
}

export function serverClient(options: ServerOptions): ServerClient {
  const { timeoutMs = 30_000, retries = 3, concurrency = 4, resetMs = 10_000 } = options;
  const { breakAfter = concurrency * (retries + 1), firstPauseMs = 250, longestPauseMs = 30_000 } = options;
  const { maxBytes = 8 * 1024 * 1024, random = Math.random } = options;
  const { base, key } = checked(options);
  const name = `${base.host}${base.pathname.replace(/\/$/, '')}`;
  const clean = cleaner(key);
  const closing = new AbortController();

  // None of them gets the signal of a call. In cockatiel 3 an aborted call that waits in a bulkhead blocks those behind
  // it, the pause before a retry goes on to its end, and an abort cannot be told from a time-out, which the breaker counts.
  const places = bulkhead(concurrency, Number.POSITIVE_INFINITY);
  const again = retry(
    handleWhen((error) => error instanceof Passing),
    { maxAttempts: retries, backoff: new ConstantBackoff(0) },
  );
  const breaker = circuitBreaker(
    handleWhen((error) => error instanceof Passing && error.isOutage),
    { halfOpenAfter: resetMs, breaker: new ConsecutiveBreaker(breakAfter) },
  );
  const limit = timeout(timeoutMs, TimeoutStrategy.Aggressive);

  const check = (signal: AbortSignal | undefined) => {
    if (closing.signal.aborted) throw new DiscernError('BACKEND_CLOSED', `the client of ${name} is closed`);
    throwIfAborted(signal);
  };

  const unavailable = (what: string, error: unknown) =>
    new Passing(new DiscernError('BACKEND_UNAVAILABLE', `${name} ${what}: ${clean(reasonOf(error))}`));

  const failed = (message: string, status: number, hint?: string): DiscernError =>
    new DiscernError('BACKEND_FAILED', `${name}${message}`, { details: { status }, ...(hint && { hint }) });

  /** One try. Throws what may pass. */
  async function once<T>(path: string, body: string | null, schema: z.ZodType<T>, signal: AbortSignal) {
    const response = await (options.fetch ?? fetch)(
      `${base.origin}${base.pathname.replace(/\/$/, '')}${path}${base.search}`,
      {
        method: body === null ? 'GET' : 'POST',
        headers: {
          accept: 'application/json',
          ...(body !== null && { 'content-type': 'application/json' }),
          ...(key !== '' && { authorization: `Bearer ${key}` }),
        },
        ...(body !== null && { body }),
        // Followed, it could carry the key to somebody else.
        redirect: 'manual',
        signal,
      },
    ).catch((error: unknown) => {
      throw unavailable('cannot be reached', error);
    });
    const { ok, status, headers } = response;
    const { text, whole } = await readText(response, ok ? maxBytes : ERROR_BYTES).catch((error: unknown) => {
      throw unavailable('broke off its answer', error);
    });
    if (status >= 300 && status < 400)
      return {
        error: failed(
          `${path} leads elsewhere (${status}), where the key must not go`,
          status,
          `give the address that it leads to: ${clean(placeOf(headers.get('location'), base.href))}`,
        ),
      };
    if (!ok) return refusal(`${path} answered ${status}: ${clean(saidIn(text))}`, status, headers);
    if (!whole) return { error: failed(`${path} answered with more than ${maxBytes} bytes`, status) };
    const json = jsonOf(text);
    if (json === undefined)
      return {
        error: failed(`${path} answered with what is no JSON: ${clean(text).slice(0, 80)}`, status, HINTS[404]),
      };
    const parsed = schema.safeParse(json);
    if (parsed.success) return { value: parsed.data };
    const { path: at, message } = parsed.error.issues[0]!;
    const where = at.length === 0 ? 'the answer' : at.join('.');
    return {
      error: failed(`${path} answered something else than documented: ${clean(`${where}: ${message}`)}`, status),
    };
  }

  /** Throws where it may pass. */
  function refusal(message: string, status: number, headers: Headers): { error: DiscernError } {
    const error = failed(message, status, HINTS[status]);
    if (status !== 429 && (status < 500 || status === 501)) return { error };
    const afterMs = retryAfterMs(headers.get('retry-after')) ?? 0;
    if (afterMs > longestPauseMs)
      return { error: failed(message, status, `it asks to be left alone for ${Math.ceil(afterMs / 1000)} s`) };
    throw new Passing(error, { isOutage: status !== 429, afterMs });
  }

  function limited<T>(path: string, body: string | null, schema: z.ZodType<T>, stop: AbortSignal): Promise<Outcome<T>> {
    return limit
      .execute(async ({ signal: late }) => {
        try {
          return await once(path, body, schema, AbortSignal.any([late, stop]));
        } catch (error) {
          // An abort looks like a broken connection.
          if (late.aborted) throw new TaskCancelledError();
          stop.throwIfAborted();
          throw error;
        }
      })
      .catch((error: unknown) => {
        if (!(error instanceof TaskCancelledError)) throw error;
        throw new Passing(new DiscernError('BACKEND_TIMEOUT', `${name}${path} took longer than ${timeoutMs} ms`));
      });
  }

  /** All tries, with pauses between them. Full jitter: clients that failed together do not come back together. */
  function tries<T>({ path, body, schema }: ServerRequest<T>, stop: AbortSignal): Promise<Outcome<T>> {
    const sent = body === undefined ? null : jsonBody(body);
    let pauseMs = 0;
    return again.execute(async ({ attempt }) => {
      if (attempt > 0) await sleep(pauseMs, undefined, { signal: stop });
      stop.throwIfAborted();
      try {
        return await breaker.execute(() => limited(path, sent, schema, stop));
      } catch (error) {
        const asked = error instanceof Passing ? error.afterMs : 0;
        const most = asked > 0 ? firstPauseMs : Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
        pauseMs = asked + most * random();
        throw error;
      }
    });
  }

  function asError(error: unknown): DiscernError {
    if (error instanceof Passing) return error.error;
    if (DiscernError.is(error)) return error;
    if (!(error instanceof BrokenCircuitError))
      return new DiscernError('BACKEND_FAILED', `${name} failed: ${clean(messageOf(error))}`);
    const last =
      breaker.lastFailure && 'error' in breaker.lastFailure ? `; at last: ${breaker.lastFailure.error.message}` : '';
    return new DiscernError(
      'BACKEND_UNAVAILABLE',
      `${name} failed ${breakAfter} times in a row and is left alone for ${resetMs} ms${last}`,
    );
  }

  return {
    name,
    async ask(request, { signal } = {}) {
      check(signal);
      const { stop: either, release } = stopWith(closing.signal, signal);
      const stop = either.signal;
      let leave = () => {};
      const left = new Promise<never>((_, reject) => {
        leave = () => reject(stop.reason);
        stop.addEventListener('abort', leave);
      });
      try {
        // One that has waited is started by who makes room for it: what it does still belongs to its own caller.
        const mine = AsyncResource.bind(() => tries(request, stop));
        const outcome = await Promise.race([places.execute(mine), left]);
        if ('error' in outcome) throw outcome.error;
        return outcome.value;
      } catch (error) {
        check(signal);
        throw asError(error);
      } finally {
        stop.removeEventListener('abort', leave);
        release();
      }
    },
    async close() {
      closing.abort();
    },
  };
}
