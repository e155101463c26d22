import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createAssembly } from '../../src/assembly.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import { openCritic } from '../../src/critics.ts';
import { criticForm } from '../../src/presets/composed.ts';
import { criticKey } from '../../src/presets.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { memoryIndex } from '../../src/testing/memory-index.ts';
import { type ChatReply, openaiServer } from '../../src/testing/openai-server.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { isRel } from './critic-composed-fixtures.ts';

const dir = mkdtempSync(join(tmpdir(), 'discern-names-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('names of critics made of others', () => {
  it.each([
    ['mini', { type: 'one', name: 'mini' }],
    ['./folder/1', { type: 'one', name: './folder/1' }],
    ['cascade:mini, prompted', { type: 'cascade', cheap: 'mini', dear: 'prompted' }],
    [
      'cascade:mini,calibrated:structured=a.json',
      { type: 'cascade', cheap: 'mini', dear: 'calibrated:structured=a.json' },
    ],
    [
      'ensemble:mini,embedding',
      {
        type: 'ensemble',
        members: [
          { name: 'mini', weight: 1 },
          { name: 'embedding', weight: 1 },
        ],
      },
    ],
    [
      'product:mini*2.5,./x/1*.5',
      {
        type: 'product',
        members: [
          { name: 'mini', weight: 2.5 },
          { name: './x/1', weight: 0.5 },
        ],
      },
    ],
    ['calibrated:prompted=C:\\fit=2.json', { type: 'calibrated', name: 'prompted=C:\\fit', file: '2.json' }],
    [
      'calibrated:ensemble:mini,embedding=fit.json',
      { type: 'calibrated', name: 'ensemble:mini,embedding', file: 'fit.json' },
    ],
  ])('%s', (name, form) => {
    expect(criticForm(name)).toEqual(form);
  });

  it.each([
    ['cascade:mini', 'the critic "cascade:mini" names 1 critics, and needs two'],
    ['cascade:a,b,c', 'names 3 critics, and needs two'],
    ['cascade:mini,mini', 'names mini twice'],
    ['cascade:mini,', 'has a part without a name'],
    ['cascade:', 'has a part without a name'],
    ['ensemble:mini', 'names one critic, and needs two'],
    ['ensemble:mini,embedding,mini*2', 'names mini twice'],
    ['ensemble:mini*0,embedding', 'has "mini*0", whose weight is no number above 0'],
    ['ensemble:mini*,embedding', 'has "mini*", whose weight is no number above 0'],
    ['ensemble:mini*two,embedding', 'has "mini*two"'],
    ['ensemble:mini,cascade:a', 'has the part "cascade:a", which is made of others itself'],
    ['calibrated:mini', 'names no critic and file'],
    ['calibrated:=fit.json', 'names no critic and file'],
    ['calibrated:mini=', 'names no critic and file'],
  ])('%s is refused', (name, said) => {
    expect(() => criticForm(name)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(said),
        hint: expect.stringContaining(name.split(':')[0]!),
      }),
    );
  });
});

it('a critic is made anew only where what it is made with changed', () => {
  const key = (name: string, input: ConfigInput = {}) => criticKey(name, parseConfig(input));
  expect(key('mini', { critics: { isUse: null, shadow: 'prompted' }, isRel: { threshold: 0.1 } })).toBe(key('mini'));
  expect(key('mini', { critics: { band: 0.1 } })).not.toBe(key('mini'));
  expect(key('cascade:a,b', { isRel: { threshold: 0.1 } })).not.toBe(key('cascade:a,b'));
  expect(key('mini', { generate: { seed: 5 } })).toBe(key('mini'));
  expect(key('sampled', { generate: { seed: 5 } })).not.toBe(key('sampled'));
});

describe('critics of the config', () => {
  const partsFor = async (critics: ConfigInput['critics'], onNotice?: (text: string) => void) => {
    const config = parseConfig({ rerank: { backend: 'none' }, critics: { isSup: null, isUse: null, ...critics } });
    const parts = {
      embedder: hashEmbedder(),
      index: memoryIndex({ dimensions: 64 }),
      withContext: scriptedGenerator(),
    };
    const assembly = createAssembly(config, { parts, ...(onNotice && { onNotice }) });
    try {
      return await assembly.partsFor(config);
    } finally {
      await assembly.close();
    }
  };
  const server = (reply: ChatReply) => openaiServer(() => reply);
  const served = { serverModel: 'test', retries: 0, timeoutMs: 2000 };

  it('are named by what they are made of, with what their parts were fitted to', async () => {
    const { baseUrl, ...rest } = { baseUrl: 'http://127.0.0.1:1/v1', ...served };
    const cascade = await partsFor({ isRel: 'cascade:mini,decision', baseUrl, ...rest, outage: 'undecided' });
    expect(cascade.parts.critics.isRel!.id).toBe('cascade-mini.1-decision-test.1@1');
    const mini = await partsFor({ isRel: 'mini' });
    expect(cascade.config.isRel.threshold).toBe(mini.config.isRel.threshold);
    expect(mini.config.isRel.threshold).toBeGreaterThan(0);
  });

  it.each([
    [
      'ensemble:decision,nobody',
      'BACKEND_UNKNOWN',
      /^in "ensemble:decision,nobody": no critic is called "nobody"; there are: /,
    ],
    ['cascade:decision,mini*2', 'BACKEND_UNKNOWN', /no critic is called "mini\*2"/],
    [
      'ensemble:decision,structured',
      'CONFIG_INVALID',
      /^decision-test@1 gives probabilities, structured-test@1 stated numbers/,
    ],
    [
      'cascade:decision,sampled',
      'CONFIG_INVALID',
      /^decision-test@1 gives probabilities, sampled-test\.10@1 shares of samples/,
    ],
  ])('%s is refused', async (name, code, message) => {
    const made = partsFor({ isRel: name, baseUrl: 'http://127.0.0.1:1/v1', ...served });
    await expect(made).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('structured without a model or a server says what to name', async () => {
    await expect(partsFor({ isRel: 'structured' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('--critics.serverModel'),
    });
  });

  it('a calibration serves the critic that it was fitted for alone', async () => {
    const file = join(dir, 'fit.json');
    const write = (critic: string) =>
      writeFileSync(
        file,
        JSON.stringify({
          critic,
          calibration: { isRel: { use: { method: 'temperature', temperature: 2 }, fittedOn: { data: 'x', n: 1 } } },
          isRelThreshold: 0.4,
        }),
      );
    write('mini@1');
    const { parts, config } = await partsFor({ isRel: `calibrated:mini=${file}` });
    expect(parts.critics.isRel!.id).toMatch(/^calibrated-mini\.1@[0-9a-f]{8}$/);
    expect(config.isRel.threshold).toBe(0.4);
    const other = { isRel: `calibrated:decision=${file}`, baseUrl: 'http://127.0.0.1:1/v1', ...served };
    await expect(partsFor(other)).rejects.toThrow('was fitted for mini@1, the critic is decision-test@1');
  });

  it('degrade: where the server gives no log-probabilities another critic is asked, and that is told', async () => {
    const bare = await server({ tokens: ['{"relevant": 60, "irrelevant": 20}'], bare: true });
    try {
      const told: string[] = [];
      const critics = { isRel: 'logprobs', baseUrl: bare.url, route: 'chat', ...served } as const;
      const { parts } = await partsFor({ ...critics, degrade: 'structured' }, (text) => told.push(text));
      expect(parts.critics.isRel!.id).toBe('structured-test@1');
      expect(told).toEqual([
        expect.stringMatching(/^critics\.degrade structured: structured-test@1 is asked, as test at /),
      ]);
      const sampled = await partsFor({ ...critics, degrade: 'sampled' });
      expect(sampled.parts.critics.isRel!.id).toBe('sampled-test.10@1');
      await expect(partsFor(critics)).rejects.toMatchObject({ details: { lacks: 'logprobs' } });
      // What lacks something is not out.
      await expect(partsFor({ ...critics, outage: 'undecided' })).rejects.toMatchObject({
        details: { lacks: 'logprobs' },
      });
      const opened = await openCritic('logprobs', {
        config: parseConfig({ critics: { ...critics, degrade: 'structured' } }),
        onNotice: (text) => told.push(text),
      });
      expect(await opened.critic.critique([isRel('x')])).toEqual([
        {
          kind: 'isRel',
          probs: { relevant: 0.75, irrelevant: 0.25 },
          mass: 1,
          basis: 'stated',
          by: 'structured-test@1',
          degraded: 'logprobs-test@1 has no log-probabilities to read',
        },
      ]);
      expect(told).toHaveLength(2);
      await opened.close();
    } finally {
      await bare.close();
    }
  });
});

it('an opened critic that is made of others has no folder to write a calibration into', async () => {
  const config = parseConfig();
  const file = join(dir, 'own.json');
  writeFileSync(file, JSON.stringify({ critic: 'mini@1', calibration: {} }));
  const calibrated = await openCritic(`calibrated:mini=${file}`, { config });
  expect([calibrated.folder, calibrated.entailment]).toEqual([null, null]);
  await calibrated.close();
  const mini = await openCritic('mini', { config });
  expect(mini.folder).toMatch(/critics\/mini\/1$/);
  await mini.close();
});
