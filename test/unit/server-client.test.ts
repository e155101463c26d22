import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { type ServerClient, type ServerOptions, serverClient } from '../../src/backends/server/client.ts';
import { DiscernError, type ErrorCode } from '../../src/errors.ts';
import { type Fault, inOrder, type LlmServer, type LlmServerOptions, llmServer } from '../../src/testing/llm-server.ts';

let opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  opened = [];
});

/** Half of every pause is waited. */
const FAST = { firstPauseMs: 2, random: () => 0.5 };

async function start(
  faults: LlmServerOptions['faults'] = () => null,
  options: Partial<ServerOptions> = {},
): Promise<{ server: LlmServer; client: ServerClient }> {
  const server = await llmServer({ kind: 'openai', faults });
  const client = serverClient({ baseUrl: `${server.url}/v1`, ...FAST, ...options });
  opened.push(client, server);
  return { server, client };
}

const SCHEMA = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string() }) })) });
const CHAT = {
  path: '/chat/completions',
  body: { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
  schema: SCHEMA,
};
const ask = async (client: ServerClient, signal?: AbortSignal) =>
  (await client.ask(CHAT, { signal })).choices[0]!.message.content;

async function failureOf(call: Promise<unknown>): Promise<DiscernError> {
  const error = await call.then(
    (value) => new Error(`no error but ${JSON.stringify(value)}`),
    (caught: unknown) => caught,
  );
  if (!DiscernError.is(error)) throw error;
  return error;
}

const poll = <T>(look: () => T) => expect.poll(look, { timeout: 10_000 });

const codeOf = async (call: Promise<unknown>): Promise<ErrorCode> => (await failureOf(call)).code;
const always = (fault: Fault) => () => fault;
const status = (code: number): Fault => ({ kind: 'status', status: code });

/** Time until it settled, and how. */
async function timed<T>(call: Promise<T>): Promise<{ ms: number; value: T }> {
  const begun = performance.now();
  const value = await call;
  return { ms: performance.now() - begun, value };
}

describe('a request', () => {
  it('sends JSON with the key, and gives what the schema makes of the answer', async () => {
    const { server, client } = await start(undefined, { apiKey: ' sk-1\n' });
    expect(client.name).toBe(`${new URL(server.url).host}/v1`);
    expect(await client.ask(CHAT)).toEqual({ choices: [{ message: { content: 'yes' } }] });
    const models = { path: '/models', schema: z.object({ data: z.array(z.object({ id: z.string() })) }) };
    expect(await client.ask(models)).toEqual({ data: [{ id: 'test-model' }] });
    expect(server.requests.map(({ method, path, body }) => ({ method, path, body }))).toEqual([
      { method: 'POST', path: '/v1/chat/completions', body: CHAT.body },
      { method: 'GET', path: '/v1/models', body: {} },
    ]);
    const [{ headers }] = server.requests as [LlmServer['requests'][number]];
    expect([headers.authorization, headers['content-type']]).toEqual(['Bearer sk-1', 'application/json']);
  });

  it('keeps the query of the address, and its path with or without a slash', async () => {
    const urls: string[] = [];
    const answer: typeof fetch = async (url) => {
      urls.push(String(url));
      return new Response('{"choices":[]}');
    };
    for (const baseUrl of ['http://a.test/v1/?api-version=2', 'http://a.test', 'https://a.test/x/'])
      await serverClient({ baseUrl, fetch: answer }).ask(CHAT);
    expect(urls).toEqual([
      'http://a.test/v1/chat/completions?api-version=2',
      'http://a.test/chat/completions',
      'https://a.test/x/chat/completions',
    ]);
    expect(serverClient({ baseUrl: 'http://a.test/v1/?key=1' }).name).toBe('a.test/v1');
  });

  it('replaces halves of characters, which servers refuse to read', async () => {
    const { server, client } = await start();
    const content = 'a\ud800b \u{1f600} \udc00';
    await client.ask({ ...CHAT, body: { messages: [{ role: 'user', content }] } });
    expect(server.requests[0]!.body).toEqual({
      messages: [{ role: 'user', content: 'a\ufffdb \u{1f600} \ufffd' }],
    });
  });

  it.each([
    ['localhost:8080/v1', 'no http or https URL'],
    ['file:///etc/passwd', 'no http or https URL'],
    ['http://me:secret-word@a.test/v1', 'the address of a.test holds a user or a password'],
  ])('refuses the address %s before anything is sent', (baseUrl, message) => {
    const make = () => serverClient({ baseUrl });
    expect(make).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
    expect(make).not.toThrow('secret-word');
  });

  it('refuses a key that no header can carry, without repeating it', () => {
    const make = () => serverClient({ baseUrl: 'http://a.test', apiKey: 'sk-pl\u00e4n\nted' });
    expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(make).not.toThrow('ted');
  });
});

describe('retries', () => {
  it.each<[string, Fault]>([
    ['429', status(429)],
    ['500', status(500)],
    ['503', status(503)],
    ['a connection cut before the headers', { kind: 'cut-before-headers' }],
    ['a connection cut in the body', { kind: 'cut-in-body' }],
  ])('after %s', async (_, fault) => {
    const { server, client } = await start(inOrder(fault, fault));
    expect(await ask(client)).toBe('yes');
    expect(server.requests).toHaveLength(3);
  });

  it.each<[string, Fault]>([
    ['a time-out', { kind: 'hang' }],
    ['a body that takes too long', { kind: 'slow', ms: 2000 }],
  ])('after %s', async (_, fault) => {
    const { server, client } = await start(inOrder(fault), { timeoutMs: 400 });
    expect(await ask(client)).toBe('yes');
    expect(server.requests).toHaveLength(2);
  });

  it.each([400, 401, 403, 404, 422, 501])('not after %d, which is told with the words of the server', async (code) => {
    const { server, client } = await start(always({ kind: 'status', status: code, message: 'no such thing' }));
    const error = await failureOf(ask(client));
    expect([error.code, error.details]).toEqual(['BACKEND_FAILED', { status: code }]);
    expect(error.message).toBe(`${client.name}/chat/completions answered ${code}: no such thing`);
    expect(server.requests).toHaveLength(1);
  });

  it.each<[Fault, string]>([
    [{ kind: 'not-json' }, 'answered with what is no JSON: <!doctype html><title>Sign in</title>'],
    [
      { kind: 'other-shape' },
      'answered something else than documented: choices: Invalid input: expected array, received undefined',
    ],
  ])('not after an answer of another kind: %o', async (fault, message) => {
    const { server, client } = await start(always(fault));
    const error = await failureOf(ask(client));
    expect([error.code, error.message]).toEqual(['BACKEND_FAILED', `${client.name}/chat/completions ${message}`]);
    expect(error.details).toEqual({ status: 200 });
    expect(server.requests).toHaveLength(1);
  });

  it('are as many as are allowed, and then the last failure is told', async () => {
    const { server, client } = await start(always({ kind: 'status', status: 503, message: 'loading' }), { retries: 2 });
    const error = await failureOf(ask(client));
    expect([error.code, error.details]).toEqual(['BACKEND_FAILED', { status: 503 }]);
    expect(error.message).toMatch(/answered 503: loading$/);
    expect(server.requests).toHaveLength(3);
    const none = serverClient({ baseUrl: `${server.url}/v1`, ...FAST, retries: 0 });
    await failureOf(ask(none));
    expect(server.requests).toHaveLength(4);
  });

  it('time-outs of every try are told as such', async () => {
    const { server, client } = await start(always({ kind: 'hang' }), { timeoutMs: 30, retries: 1 });
    const { ms, value } = await timed(failureOf(ask(client)));
    expect([value.code, value.message]).toEqual([
      'BACKEND_TIMEOUT',
      `${client.name}/chat/completions took longer than 30 ms`,
    ]);
    expect(server.requests).toHaveLength(2);
    // Each try has the whole time.
    expect(ms).toBeGreaterThan(55);
    await poll(() => server.requests.map(({ leftEarly }) => leftEarly)).toEqual([true, true]);
  });

  it('a server that is not there is told as such', async () => {
    const { server, client } = await start(undefined, { retries: 1 });
    await server.close();
    const error = await failureOf(ask(client));
    expect(error.code).toBe('BACKEND_UNAVAILABLE');
    expect(error.message).toMatch(/cannot be reached: .*ECONNREFUSED/);
  });

  it.each<[string, number, Partial<ServerOptions>, number, number]>([
    ['double', 2, { firstPauseMs: 40, random: () => 1 }, 115, 5000],
    ['are no longer than the longest', 6, { firstPauseMs: 30, longestPauseMs: 30, random: () => 1 }, 170, 1700],
    ['are a random part of that', 3, { firstPauseMs: 8000, random: () => 0.001 }, 50, 5000],
  ])('the pauses %s', async (_, retries, limits, least, most) => {
    const { server, client } = await start(always(status(500)), { retries, ...limits });
    const { ms } = await timed(failureOf(ask(client)));
    expect(ms).toBeGreaterThan(least);
    expect(ms).toBeLessThan(most);
    expect(server.requests).toHaveLength(retries + 1);
  });

  it.each([429, 503])('waits as long as Retry-After says, %d', async (code) => {
    const fault: Fault = { kind: 'status', status: code, retryAfter: '0.08' };
    const { server, client } = await start(inOrder(fault), { firstPauseMs: 1 });
    const { ms } = await timed(ask(client));
    expect(ms).toBeGreaterThan(78);
    expect(server.requests).toHaveLength(2);
  });

  it('a date in the past, or what is no date, asks for no pause', async () => {
    const past: Fault = { kind: 'status', status: 429, retryAfter: 'Wed, 21 Oct 2015 07:28:00 GMT' };
    const { server, client } = await start(inOrder(past, { kind: 'status', status: 429, retryAfter: 'soon' }));
    expect((await timed(ask(client))).ms).toBeLessThan(5000);
    expect(server.requests).toHaveLength(3);
  });

  it('gives up at once where it is asked to wait longer than it would', async () => {
    const { server, client } = await start(always({ kind: 'status', status: 429, retryAfter: '3600' }));
    const { ms, value } = await timed(failureOf(ask(client)));
    expect([value.code, value.details, value.hint]).toEqual([
      'BACKEND_FAILED',
      { status: 429 },
      'it asks to be left alone for 3600 s',
    ]);
    expect(ms).toBeLessThan(5000);
    expect(server.requests).toHaveLength(1);
  });
});

describe('the breaker', () => {
  const BREAKER = { retries: 0, breakAfter: 3, resetMs: 10_000 };

  // The breaker reads the clock; everything else runs on timers, which stay as they are.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

  it('opens after so many failures in a row, asks nothing then, and closes when it works again', async () => {
    let works = false;
    const fault: Fault = { kind: 'status', status: 500, message: 'out of memory' };
    const { server, client } = await start(() => (works ? null : fault), BREAKER);
    for (let i = 0; i < 3; i++) expect(await codeOf(ask(client))).toBe('BACKEND_FAILED');
    const error = await failureOf(ask(client));
    expect([error.code, error.message]).toEqual([
      'BACKEND_UNAVAILABLE',
      `${client.name} failed 3 times in a row and is left alone for 10000 ms; at last: ${client.name}/chat/completions answered 500: out of memory`,
    ]);
    later(9_990);
    expect(await codeOf(ask(client))).toBe('BACKEND_UNAVAILABLE');
    expect(server.requests).toHaveLength(3);
    later(20);
    // One request finds out; it does not work, and the pause begins again.
    expect(await Promise.all([codeOf(ask(client)), codeOf(ask(client))])).toEqual([
      'BACKEND_FAILED',
      'BACKEND_UNAVAILABLE',
    ]);
    expect(server.requests).toHaveLength(4);
    works = true;
    later(10_010);
    expect(await Promise.all([ask(client), ask(client), ask(client)])).toEqual(['yes', 'yes', 'yes']);
    expect(server.requests).toHaveLength(7);
  });

  it('counts neither 429, nor refusals, nor aborts; an answer begins the count again', async () => {
    const kinds = [500, 500, 400, 500, 500, 429, 429, 429].map(status);
    const { server, client } = await start(({ number }) => kinds[number] ?? { kind: 'hang' }, BREAKER);
    for (const { length } = kinds; server.requests.length < length; )
      expect(await codeOf(ask(client))).toBe('BACKEND_FAILED');
    for (let i = 0; i < 4; i++) {
      const controller = new AbortController();
      const call = codeOf(ask(client, controller.signal));
      await poll(() => server.requests.length).toBe(kinds.length + i + 1);
      controller.abort();
      expect(await call).toBe('ABORTED');
    }
    expect(server.requests).toHaveLength(kinds.length + 4);
  });

  it('lets the requests under way use up their tries when nothing else is said', async () => {
    const { server, client } = await start(always(status(503)), { retries: 2, concurrency: 4 });
    const codes = await Promise.all(Array.from({ length: 4 }, () => codeOf(ask(client))));
    expect(codes).toEqual(Array(4).fill('BACKEND_FAILED'));
    expect(server.requests).toHaveLength(12);
    expect(await codeOf(ask(client))).toBe('BACKEND_UNAVAILABLE');
    expect(server.requests).toHaveLength(12);
  });
});

describe('limits', () => {
  it('no more requests at the same time than are allowed, and all of them answered', async () => {
    const { server, client } = await start(always({ kind: 'slow', ms: 40 }), { concurrency: 3 });
    const said = await Promise.all(Array.from({ length: 12 }, () => ask(client)));
    expect(said).toEqual(Array(12).fill('yes'));
    expect([server.peak, server.requests.length]).toEqual([3, 12]);
  });

  it.each([false, true])('a longer answer is refused, declared: %s', async (declared) => {
    const { server, client } = await start(always({ kind: 'huge', bytes: 10 * 1024 * 1024, declared }));
    const error = await failureOf(ask(client));
    expect([error.code, error.message]).toEqual([
      'BACKEND_FAILED',
      `${client.name}/chat/completions answered with more than 8388608 bytes`,
    ]);
    expect(server.requests).toHaveLength(1);
    const wide = serverClient({ baseUrl: `${server.url}/v1`, maxBytes: 11 * 1024 * 1024 });
    expect(await ask(wide)).toBe('yes');
  });

  it('the rest of a longer answer is not even sent', async () => {
    const fault: Fault = { kind: 'huge', bytes: 64 * 1024 * 1024 };
    const { server, client } = await start(always(fault), { maxBytes: 100_000 });
    expect(await codeOf(ask(client))).toBe('BACKEND_FAILED');
    await poll(() => server.requests[0]!.leftEarly).toBe(true);
  });

  it('of a long error page the beginning is told', async () => {
    const page = async () => new Response(`<h1>Bad\u0007 gate\u001b[31mway</h1>${'x'.repeat(1e6)}`, { status: 502 });
    const client = serverClient({ baseUrl: 'http://a.test/v1', retries: 0, fetch: page });
    const { message } = await failureOf(ask(client));
    const start = '<h1>Bad  gate [31mway</h1>';
    expect(message).toBe(`a.test/v1/chat/completions answered 502: ${start}${'x'.repeat(300 - start.length)}`);
  });

  it('a redirect is refused: the key goes nowhere else', async () => {
    const other = await llmServer({ kind: 'openai' });
    opened.push(other);
    const to = `${other.url}/v1/chat/completions`;
    const { server, client } = await start(always({ kind: 'redirect', to }), { apiKey: 'sk-1' });
    const error = await failureOf(ask(client));
    expect([error.code, error.details, error.hint]).toEqual([
      'BACKEND_FAILED',
      { status: 307 },
      `give the address that it leads to: ${to}`,
    ]);
    expect([server.requests.length, other.requests.length]).toEqual([1, 0]);
  });
});

describe('stopping', () => {
  it('an abort in the middle ends the request on both sides', async () => {
    const { server, client } = await start(always({ kind: 'slow', ms: 5000 }));
    const controller = new AbortController();
    const call = timed(failureOf(ask(client, controller.signal)));
    await poll(() => server.requests.length).toBe(1);
    controller.abort('enough');
    const { ms, value } = await call;
    expect([value.code, value.cause]).toEqual(['ABORTED', 'enough']);
    expect(ms).toBeLessThan(4000);
    await poll(() => server.requests[0]!.leftEarly).toBe(true);
    expect(await codeOf(ask(client, AbortSignal.abort()))).toBe('ABORTED');
    expect(server.requests).toHaveLength(1);
  });

  it('an abort ends the pause before the next try', async () => {
    const { server, client } = await start(always({ kind: 'status', status: 503, retryAfter: '20' }));
    const controller = new AbortController();
    const call = timed(codeOf(ask(client, controller.signal)));
    await poll(() => server.requests.length).toBe(1);
    setTimeout(() => controller.abort(), 20);
    const { ms, value } = await call;
    expect([value, ms < 10_000]).toEqual(['ABORTED', true]);
    expect(server.requests).toHaveLength(1);
  });

  it('an abort ends the wait for a place, and blocks nobody behind it', async () => {
    const { server, client } = await start(inOrder({ kind: 'slow', ms: 300 }), { concurrency: 1 });
    const controller = new AbortController();
    const said: string[] = [];
    const first = ask(client).then((text) => said.push(text));
    await poll(() => server.requests.length).toBe(1);
    const aborted = [1, 2].map(() => codeOf(ask(client, controller.signal)));
    const behind = [1, 2].map(() => ask(client));
    controller.abort();
    expect(await Promise.all(aborted)).toEqual(['ABORTED', 'ABORTED']);
    expect(said).toEqual([]);
    await first;
    expect(await Promise.all(behind)).toEqual(['yes', 'yes']);
    expect(server.requests).toHaveLength(3);
  });

  it('a fetch that does not listen is left behind', async () => {
    const deaf = serverClient({
      baseUrl: 'http://a.test',
      retries: 0,
      timeoutMs: 40,
      fetch: () => new Promise(() => {}),
    });
    expect(await codeOf(ask(deaf))).toBe('BACKEND_TIMEOUT');
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    expect(await codeOf(ask(deaf, controller.signal))).toBe('ABORTED');
  });

  it('closing in the middle ends what runs, what waits and what comes later, and may be done twice', async () => {
    const { server, client } = await start(always({ kind: 'hang' }), { concurrency: 1 });
    const calls = [codeOf(ask(client)), codeOf(ask(client))];
    await poll(() => server.requests.length).toBe(1);
    await client.close();
    await client.close();
    expect(await Promise.all([...calls, codeOf(ask(client))])).toEqual(Array(3).fill('BACKEND_CLOSED'));
    await poll(() => server.requests[0]!.leftEarly).toBe(true);
    expect(server.requests).toHaveLength(1);
  });
});

describe('the key', () => {
  /** All that can be got out of an error. */
  function everythingIn(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    const own = Object.getOwnPropertyNames(error).map((name) => String(Reflect.get(error, name)));
    const inside = DiscernError.is(error) ? JSON.stringify(error.details) + error.hint : '';
    return [...own, inside, JSON.stringify(error), error.cause ? everythingIn(error.cause) : ''].join('\n');
  }

  // Quotes, slashes and percent signs are spelled otherwise in JSON and in addresses.
  const KEYS = ['sk-planted-0123456789', 'sk-"planted"\\/0123%456?'];

  it.each(KEYS)('%s is in no error, whatever the server does', async (apiKey) => {
    const echo = (code: number): Fault => ({ kind: 'status', status: code, echo: true });
    const long: Fault = { kind: 'status', status: 400, message: 'x'.repeat(270), echo: true };
    const to = `http://127.0.0.1:1/?key=${encodeURIComponent(apiKey)}`;
    const faults: Fault[] = [echo(401), echo(500), echo(429), long, { kind: 'redirect', to }, { kind: 'hang' }];
    const { server, client } = await start(inOrder(...faults), { apiKey, retries: 0, timeoutMs: 60 });
    const said = [];
    for (const { length } = faults; server.requests.length < length; ) said.push(await failureOf(ask(client)));
    expect(said[0]!.message).toContain('answered 401: a fault of status 401: Bearer ***');
    const text = said.map(everythingIn).join('\n');
    for (const spelling of [apiKey, JSON.stringify(apiKey).slice(1, -1), encodeURIComponent(apiKey), '0123'])
      expect(text).not.toContain(spelling);
  });

  it.each(KEYS)('%s is in no error, in whatever form the server repeats it', async (apiKey) => {
    const forms: [number, string][] = [
      [400, apiKey],
      [400, JSON.stringify({ error: apiKey })],
      [400, JSON.stringify({ detail: [{ msg: apiKey }] })],
      [400, JSON.stringify({ message: apiKey, other: apiKey }).replaceAll('/', '\\/')],
      [400, JSON.stringify({ errors: [apiKey] }).replaceAll('/', '\\/')],
      [200, `no JSON, but ${apiKey}`],
      [200, JSON.stringify({ choices: { [apiKey]: apiKey } })],
    ];
    const replies = forms.map(([code, text]) => new Response(text, { status: code }));
    const client = serverClient({ baseUrl: 'http://a.test', apiKey, fetch: async () => replies.shift()! });
    const record = { path: '/x', schema: z.object({ choices: z.record(z.string(), z.number()) }) };
    const said: string[] = [];
    while (replies.length > 0) said.push(everythingIn(await failureOf(client.ask(record))));
    const broken: typeof fetch = () =>
      Promise.reject(new TypeError('fetch failed', { cause: new Error(`bad ${apiKey}`) }));
    const unreached = serverClient({ baseUrl: 'http://a.test', apiKey, retries: 0, breakAfter: 1, fetch: broken });
    for (let i = 0; i < 2; i++) said.push(everythingIn(await failureOf(unreached.ask(record))));
    expect(said).toHaveLength(9);
    for (const text of said) {
      expect(text).toContain('***');
      expect(text).not.toContain('0123');
    }
  });
});
