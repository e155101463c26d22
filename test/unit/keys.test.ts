import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config.ts';
import { createRag } from '../../src/rag.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { type Fault, type LlmServer, llmServer, type ModelReply } from '../../src/testing/llm-server.ts';
import { discern, temporaryFolder } from '../fixtures/cli/discern.ts';

/** The middle of every key: digits have one spelling, in JSON and in addresses too. */
const CORE = '0123456789';
const PLAIN = `sk-planted-${CORE}`;
const QUOTED = `sk-"planted"/${CORE}\\%`;

const dir = temporaryFolder();
const documents = join(dir, 'documents');
mkdirSync(documents);
writeFileSync(join(documents, 'rollo.md'), 'Rollo was a Viking. He ruled Normandy from Rouen.\n');

/** Answers questions with a sentence, and critics with the first label of their prompt. */
const model = (prompt: string): ModelReply =>
  prompt.includes('Irrelevant')
    ? { next: { Rel: 0.8, Irre: 0.1 } }
    : { next: { Rollo: 0.9 }, text: 'Rollo ruled Normandy.' };

let server: LlmServer;
let fault: (path: string) => Fault | null;

beforeAll(async () => {
  server = await llmServer({
    ...{ kind: 'llama', model, faults: ({ path }) => fault(path) },
    decide: ({ options }) => options.map((_, i) => (i === 0 ? 0.8 : 0.2 / (options.length - 1))),
  });
});
beforeEach(() => {
  fault = () => null;
});
afterAll(() => server.close());

/** Everything that can be got out of a value, also what JSON leaves out of errors. */
function everythingIn(value: unknown): string {
  if (!(value instanceof Error)) return `${value} ${JSON.stringify(value)}`;
  return Object.getOwnPropertyNames(value)
    .map((name) => everythingIn(Reflect.get(value, name)))
    .join('\n');
}

interface Ran {
  /** Answer with its trace, or the error; events and notices. */
  readonly heard: string;
  readonly answered: boolean;
  /** What was asked with the key. */
  readonly paths: ReadonlySet<string>;
}

/** A question with a generator on a server, and critics there where the config names them. */
async function run(key: string, { generate, critics }: ConfigInput = {}): Promise<Ran> {
  server.requests.length = 0;
  const heard: unknown[] = [];
  const baseUrl = `${server.url}/v1`;
  let answered = true;
  try {
    const rag = await createRag({
      documents,
      keys: { openai: key },
      parts: { embedder: hashEmbedder() },
      onNotice: (text) => heard.push(text),
      config: {
        rerank: { backend: 'none' },
        generate: { withContext: 'openai', closedBook: 'openai', serverModel: 'test-model', baseUrl, ...generate },
        critics: {
          ...{ retrieve: null, isRel: null, isSup: null, isUse: null },
          ...{ baseUrl, retries: 0, ...critics },
        },
      },
    });
    const asked = rag.ask('Who ruled Normandy?', { onEvent: (event) => heard.push(event) });
    heard.push(await asked.finally(() => rag.close()));
  } catch (error) {
    answered = false;
    heard.push(error);
  }
  const asked = server.requests.filter(({ headers }) => headers.authorization === `Bearer ${key}`);
  return { heard: heard.map(everythingIn).join('\n'), answered, paths: new Set(asked.map(({ path }) => path)) };
}

const CRITICS = { isRel: 'logprobs', isSup: 'decision', isUse: 'decision' };
const echo = (status: number): Fault => ({ kind: 'status', status, echo: true });
const KEYS = [PLAIN, QUOTED];

describe.each(KEYS)('the key %s', (key) => {
  it('is in no answer, trace, event or notice', async () => {
    const { heard, answered, paths } = await run(key, { critics: CRITICS });
    expect([answered, heard.includes('"trace"'), heard.includes('Rollo ruled Normandy.')]).toEqual([true, true, true]);
    for (const path of ['/v1/chat/completions', '/completion', '/v1/systemone']) expect(paths).toContain(path);
    expect(heard).not.toContain(CORE);
  });

  it.each<[string, Fault]>([
    ['refuses and repeats it', echo(401)],
    ['repeats it in a request that is wrong', echo(400)],
    ['is no such server', { kind: 'not-json' }],
    ['is another server', { kind: 'other-shape' }],
  ])('is in no error where the server of the generator %s', async (_, given) => {
    fault = () => given;
    const { heard, answered, paths } = await run(key);
    expect([answered, [...paths]]).toEqual([false, ['/v1/chat/completions']]);
    expect(heard).not.toContain(CORE);
    expect(heard.includes('Bearer ***')).toBe(given.kind === 'status');
  });

  it.each<[string, Fault]>([
    ['refuses and repeats it', echo(401)],
    ['fails and repeats it', echo(500)],
    ['has had enough', echo(429)],
    ['breaks off', { kind: 'cut-in-body' }],
    ['says nothing', { kind: 'hang' }],
    ['is another server', { kind: 'other-shape' }],
  ])('is in no error and no trace where the server of critics %s', async (_, given) => {
    fault = (path) => (path === '/v1/systemone' ? given : null);
    const critics = { isSup: 'decision', ...(given.kind === 'hang' && { timeoutMs: 200 }) };
    const failed = await run(key, { critics });
    expect([failed.answered, failed.paths.has('/v1/systemone')]).toEqual([false, true]);
    const degraded = await run(key, { critics: { ...critics, outage: 'undecided' } });
    expect(degraded.paths).toContain('/v1/systemone');
    for (const { heard } of [failed, degraded]) expect(heard).not.toContain(CORE);
  });
});

describe('a key in the wrong place', () => {
  it.each(['http://me:KEY@HOST/v1', 'http://HOST/v1?api_key=KEY'])(
    'is not repeated from the address %s',
    async (form) => {
      const { host } = new URL(server.url);
      const baseUrl = form.replace('HOST', host).replace('KEY', CORE);
      for (const isRel of ['logprobs', 'decision']) {
        const { heard } = await run(PLAIN, { critics: { baseUrl, isRel } });
        expect(heard).toContain(form.includes('me:') ? 'must hold no user and no password' : host);
        expect(heard).not.toContain(CORE);
      }
    },
  );

  // CONFIG_INVALID keeps the whole group of options in `details.issues`.
  it('is not repeated from an option that there is not', async () => {
    const wrong: object = { critics: { apiKey: PLAIN } };
    const { heard } = await run(PLAIN, wrong);
    expect(heard).toContain('CONFIG_INVALID');
    expect(heard).not.toContain(CORE);
  });
});

describe('the command line', () => {
  const none = ['retrieve', 'isRel', 'isSup', 'isUse'].flatMap((kind) => [`--critics.${kind}`, 'none']);
  const ask = async (more: readonly string[] = [], env: NodeJS.ProcessEnv = {}) => {
    const how = ['--generate.closedBook', 'openai', '--generate.serverModel', 'm', '--generate.baseUrl'];
    const args = ['ask', 'Who ruled Normandy?', '--retrieve.mode', 'never', ...none, ...how, `${server.url}/v1`];
    server.requests.length = 0;
    const ended = await discern([...args, ...more], { env: { OPENAI_API_KEY: PLAIN, ...env } });
    expect(server.requests.map(({ headers }) => headers.authorization)).toContain(`Bearer ${PLAIN}`);
    return ended;
  };

  it.each(['reasons', 'json'])('prints it nowhere and writes it into no trace, %s', async (form) => {
    const trace = join(dir, `${form}.jsonl`);
    const { code, out, err } = await ask(['--trace', trace, ...(form === 'json' ? ['--json'] : [])]);
    expect([code, out.includes('Rollo ruled Normandy.')]).toEqual([0, true]);
    const written = readFileSync(trace, 'utf8');
    expect(written).toContain('Rollo ruled Normandy.');
    expect(`${out}${err}${written}`).not.toContain(CORE);
  });

  it('prints what a server said without it', async () => {
    fault = () => echo(401);
    const { code, out, err } = await ask();
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('Bearer ***');
    expect(err).not.toContain(CORE);
  });

  // The client of OpenAI's interface prints its options then, and the key is one of them.
  it('prints it nowhere where the log of that client is turned on', async () => {
    const { code, out, err } = await ask([], { OPENAI_LOG: 'debug' });
    expect([code, out.includes('Rollo ruled Normandy.')]).toEqual([0, true]);
    expect(`${out}${err}`).not.toContain(CORE);
  });
});
