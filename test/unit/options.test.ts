import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { readEnvironment } from '../../src/cli/environment.ts';
import { addConfigFlags, changedOptions, configFrom } from '../../src/cli/options.ts';
import { type Config, parseConfig, publicConfig } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import { listOptions } from '../../src/options.ts';

const dir = mkdtempSync(join(tmpdir(), 'discern-options-'));
afterAll(() => rmSync(dir, { recursive: true }));

const GROUPS = [...new Set(listOptions().map(({ path }) => path.split('.')[0]))] as (keyof Config)[];
const EMPTY = readEnvironment({});

/** What commander makes of these words, with every option of the config. */
function flagsOf(...words: string[]): Record<string, unknown> {
  const command = addConfigFlags(new Command().exitOverride(), GROUPS);
  return command.parse(words, { from: 'user' }).opts();
}

const valueAt = (config: Config, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], config);

describe('options', () => {
  it('are declared with a type, a sentence and their default', () => {
    const options = listOptions();
    const config = parseConfig();
    expect(options.length).toBeGreaterThan(40);
    for (const { path, description, default: value, type, nullable } of options) {
      expect(description, path).toMatch(/^[a-z].{10,}[^.]$/s);
      expect(value, path).toEqual(valueAt(config, path));
      expect(['number', 'integer', 'string', 'boolean', 'array'], path).toContain(type);
      if (value === null) expect(nullable, path).toBe(true);
    }
    expect(new Set(options.map(({ path }) => path)).size).toBe(options.length);
  });

  it('each has a flag of its dotted name, and each default survives the way through its flag', () => {
    for (const { path, default: value } of listOptions()) {
      const text = value === null ? 'none' : Array.isArray(value) ? value.join(',') : String(value);
      expect(valueAt(parseConfig(changedOptions(flagsOf(`--${path}`, text))), path), path).toEqual(value);
    }
  });

  it('parse none, numbers, booleans and lists', () => {
    const config = configFrom(
      flagsOf(
        ...['--critics.isRel', 'none', '--budget.calls', '12', '--models.offline', 'true'],
        ...['--rerank.backend', 'mini', '--rerank.mix', '0.6', '--rerank.topN', '3'],
        ...['--gate.threshold', '-0.5', '--gate.perPassage', 'true', '--gate.measure', 'pseudoSeper'],
        ...['--models.sources', 'pypi, maven', '--isRel.threshold', '0.25', '--weights.isUse', '-1.5'],
      ),
      EMPTY,
    );
    expect(config.critics.isRel).toBeNull();
    expect(config.budget.calls).toBe(12);
    expect(config.models).toMatchObject({ offline: true, sources: ['pypi', 'maven'] });
    expect(config.rerank).toEqual({ backend: 'mini', model: null, mix: 0.6, topN: 3, by: 'score' });
    expect(config.gate).toMatchObject({ threshold: -0.5, perPassage: true, measure: 'pseudoSeper' });
    expect(configFrom(flagsOf('--gate.threshold', 'none'), EMPTY).gate.threshold).toBeNull();
    expect(config.isRel.threshold).toBe(0.25);
    expect(config.weights.isUse).toBe(-1.5);
  });

  it.each([
    ['--recall.topK', 'many', 'takes a number'],
    ['--recall.topK', '', 'takes a number'],
    ['--recall.topK', '2.5', 'takes a whole number'],
    ['--recall.topK', 'Infinity', 'takes a whole number'],
    ['--recall.topK', '0', 'recall.topK'],
    ['--models.offline', 'yes', 'takes true or false'],
    ['--models.sources', 'pypi,ftp', 'models.sources.1'],
    ['--ingest.overlap', '1000', 'must be below ingest.size (1000)'],
    ['--embedder.model', '', 'embedder.model'],
    ['--rerank.topN', 'none', 'takes a number'],
    ['--rerank.mix', '1.5', 'rerank.mix'],
    ['--rerank.backend', '', 'rerank.backend'],
    ['--gate.threshold', 'half', 'takes a number'],
    ['--gate.measure', 'entropy', 'gate.measure'],
    ['--gate.samples', '0', 'gate.samples'],
  ])('%s "%s" is refused', (flag, value, said) => {
    try {
      configFrom(flagsOf(flag, value), EMPTY);
    } catch (error) {
      if (!DiscernError.is(error, 'CONFIG_INVALID')) throw error;
      expect(error.message).toContain(said);
      return;
    }
    throw new Error('it was accepted');
  });

  it('come from defaults, then the environment, then the file, then flags', () => {
    const path = join(dir, 'config.json');
    writeFileSync(path, JSON.stringify({ models: { dir: '/file' }, recall: { topK: 7 }, rerank: { topN: 3 } }));
    const environment = readEnvironment({ DISCERN_MODELS_DIR: '/environment', HF_ENDPOINT: 'http://mirror.test' });
    const of = (...words: string[]) => {
      const { models, recall, rerank } = configFrom(flagsOf(...words), environment);
      return [models.dir, models.hub, models.offline, recall.topK, rerank.topN];
    };
    expect(parseConfig()).toMatchObject({ models: { dir: null, offline: false }, recall: { topK: 50 } });
    expect(of()).toEqual(['/environment', 'http://mirror.test', false, 50, 5]);
    expect(of('--config', path)).toEqual(['/file', 'http://mirror.test', false, 7, 3]);
    expect(of('--config', path, '--models.dir', '/flag', '--recall.topK', '9')).toEqual([
      '/flag',
      'http://mirror.test',
      false,
      9,
      3,
    ]);
  });

  it('reads the switches of the environment', () => {
    expect(readEnvironment({ HF_HUB_OFFLINE: 'TRUE' }).offline).toBe(true);
    expect(readEnvironment({ DISCERN_OFFLINE: '0' }).offline).toBe(false);
    expect(readEnvironment({ DISCERN_MODELS_DIR: '' }).modelsDir).toBeUndefined();
  });

  it('go into a trace without folders of this machine and without secrets of addresses', () => {
    const config = parseConfig({
      models: { dir: '/home/ada/models', hub: 'https://ada:pass@mirror.test/hub/?token=abc' },
      embedder: { model: '/home/ada/models/own' },
      rerank: { backend: '/home/ada/critics/mine/2', model: './weights/cross-encoder/' },
      critics: {
        shadow: 'cascade:mini,/home/ada/critics/nine',
        model: './weights/critic.gguf',
        isRel: 'weights/mine/2',
        isSup: '..\\weights\\mine',
        isUse: 'mini@1',
      },
      gate: { entailment: '/home/ada/critics/nli', estimator: './weights/gate/1' },
      generate: { model: 'C:\\Users\\ada\\big.gguf', baseUrl: 'http://localhost:1234/v1?key=abc' },
    });
    const text = JSON.stringify(publicConfig(config));
    expect(text).not.toMatch(/home|Users|ada\b|pass|abc|weights[\\/]/);
    expect(publicConfig(config).embedder.model).toBe('own');
    expect(publicConfig(config).critics.model).toBe('critic.gguf');
    expect(publicConfig(config).rerank).toMatchObject({ backend: '2', model: 'cross-encoder' });
    expect(publicConfig(config).critics).toMatchObject({
      retrieve: 'mini',
      shadow: 'cascade:mini,nine',
      isRel: '2',
      isSup: 'mine',
      isUse: 'mini@1',
    });
    expect(publicConfig(config).gate).toMatchObject({ entailment: 'nli', estimator: '1' });
    expect(publicConfig(config).generate).toMatchObject({ model: 'big.gguf', baseUrl: 'http://localhost:1234/v1' });
    expect(parseConfig(publicConfig(config))).toEqual(publicConfig(config));
  });

  it('refuse an address with a password, and do not repeat it', () => {
    const parse = () => parseConfig({ critics: { baseUrl: 'http://ada:pass@localhost:1234/v1' } });
    expect(parse).toThrow('critics.baseUrl: must hold no user and no password');
    expect(parse).not.toThrow('pass@');
  });
});
