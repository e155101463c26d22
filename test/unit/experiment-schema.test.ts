import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { continuedRecord, parseExperimentRecord } from '../../src/evaluate/experiment/resume.ts';
import { type Experiment, parseExperiment } from '../../src/evaluate/experiment/schema.ts';
import { CONFIGS, experimentOf, recordOf } from './experiment-fixtures.ts';

const GIVEN = {
  name: 'Thresholds',
  dataset: { type: 'questions', path: 'questions.jsonl' },
  configs: { base: {}, strict: { isRel: { threshold: 0.8 } } },
  metrics: ['f1'],
};
const parse = (change: object = {}, base = {}): Experiment =>
  parseExperiment({ ...GIVEN, ...change }, { file: '/lab/first.json', base });

describe('parseExperiment', () => {
  it('fills in the defaults; paths are relative to the file', () => {
    const { systems, metrics, ...others } = parse();
    expect(others).toEqual({
      ...{ name: 'Thresholds', index: null, baseline: 'base', main: 'f1', parallel: 2, wide: 0, seed: 0 },
      datasets: [{ type: 'questions', path: '/lab/questions.jsonl', seed: 0, exclude: [] }],
      out: '/lab/first.results',
    });
    expect(systems).toEqual([
      { name: 'base', config: parseConfig() },
      { name: 'strict', config: parseConfig({ isRel: { threshold: 0.8 } }) },
    ]);
    expect(metrics.map(({ name }) => name)).toEqual(['f1', 'calls', 'requests', 'tokens', 'ms']);
  });

  it('takes all that can be said, with every path', () => {
    const { datasets, index, out, baseline, main, parallel, seed } = parse({
      dataset: [
        { type: 'squad', path: '../data/dev.json', limit: 5, seed: 3, exclude: ['used.jsonl'], documents: '/d.jsonl' },
        { type: 'beir', path: '/beir/set', split: 'dev', name: 'set' },
      ],
      ...{ index: './index', out: '../results', baseline: 'strict', main: 'em', metrics: ['f1', 'em'] },
      ...{ parallel: 8, seed: 4 },
    });
    expect(datasets).toEqual([
      {
        ...{ type: 'squad', path: '/data/dev.json', limit: 5, seed: 3 },
        ...{ exclude: ['/lab/used.jsonl'], documents: '/d.jsonl' },
      },
      { type: 'beir', path: '/beir/set', split: 'dev', name: 'set', seed: 0, exclude: [] },
    ]);
    expect({ index, out }).toEqual({ index: '/lab/index', out: '/results' });
    expect({ baseline, main, parallel, seed }).toEqual({ baseline: 'strict', main: 'em', parallel: 8, seed: 4 });
  });

  it('orders metrics by stage, each once, cost last', () => {
    const { metrics } = parse({ metrics: ['calls', 'f1', 'rerank.ndcg@5', 'f1', 'recall.recall@10', 'em'] });
    expect(metrics.map(({ name }) => name)).toEqual([
      ...['recall.recall@10', 'rerank.ndcg@5', 'f1', 'em', 'calls', 'requests', 'tokens', 'ms'],
    ]);
  });

  it('places folders in options that begin with a dot, in composed critics too, and nothing else', () => {
    const [system] = parse({
      configs: {
        one: {
          critics: {
            isRel: 'cascade:mini,./mine/2',
            isSup: 'calibrated:prompted=../fit.json',
            baseUrl: 'http://localhost:8080/v1',
          },
          embedder: { model: './models/e5' },
          rerank: { model: 'owner/name' },
        },
      },
    }).systems;
    const { critics, embedder, rerank } = system!.config;
    expect({ ...critics }).toMatchObject({
      isRel: 'cascade:mini,/lab/mine/2',
      isSup: 'calibrated:prompted=/fit.json',
      baseUrl: 'http://localhost:8080/v1',
    });
    expect({ embedder: embedder.model, rerank: rerank.model }).toEqual({
      embedder: '/lab/models/e5',
      rerank: 'owner/name',
    });
  });

  it('puts configs over what the environment says', () => {
    const { systems } = parse(
      { configs: { one: {}, two: { models: { offline: false } } } },
      { models: { dir: '/m', offline: true } },
    );
    const models = systems.map(({ config: { models: own } }) => [own.dir, own.offline]);
    expect(models).toEqual([
      ['/m', true],
      ['/m', false],
    ]);
  });

  it.each([
    ['no object', [], 'the experiment: Invalid input'],
    ['an unknown field', { ...GIVEN, metric: 'f1' }, 'the experiment: Unrecognized key: "metric"'],
    ['no name', { ...GIVEN, name: undefined }, 'name: '],
    ['no dataset', { ...GIVEN, dataset: undefined }, 'dataset: '],
    ['an unknown form of data', { ...GIVEN, dataset: { type: 'csv', path: 'a' } }, 'dataset.type: '],
    ['a dataset without a path', { ...GIVEN, dataset: { type: 'rows' } }, 'dataset.path: '],
    ['a typo in a dataset', { ...GIVEN, dataset: { ...GIVEN.dataset, limt: 3 } }, 'dataset: Unrecognized key: "limt"'],
    [
      'a mistake in the second dataset',
      { ...GIVEN, dataset: [GIVEN.dataset, { ...GIVEN.dataset, limit: 0 }] },
      'dataset.1.limit: ',
    ],
    ['an empty list of datasets', { ...GIVEN, dataset: [] }, 'dataset: '],
    ['no config', { ...GIVEN, configs: {} }, 'configs: there is none'],
    ['a list of configs', { ...GIVEN, configs: [{}] }, 'configs: '],
    ['a config that is no group', { ...GIVEN, configs: { a: { retrieve: 'never' } } }, 'configs.a.retrieve: '],
    ['a name that is no name of a file', { ...GIVEN, configs: { 'a/b': {} } }, 'configs.a/b: a name is'],
    ['names that differ in case alone', { ...GIVEN, configs: { a: {}, A: {} } }, 'configs: "a" and "A" differ in case'],
    ['an unknown baseline', { ...GIVEN, baseline: 'bse' }, 'baseline: "bse" is none of base, strict'],
    ['no metric', { ...GIVEN, metrics: [] }, 'metrics: '],
    ['an unknown metric', { ...GIVEN, metrics: ['f2'] }, 'metrics: metric "f2" is not known'],
    ['a main metric that is not measured', { ...GIVEN, main: 'em' }, 'main: "em" is none of f1'],
    ['too many at once', { ...GIVEN, parallel: 0 }, 'parallel: '],
    ['a seed that is no number', { ...GIVEN, seed: 'x' }, 'seed: '],
  ])('refuses %s, naming the field', (_, value, said) => {
    const error = thrownBy(() => parseExperiment(value, { file: '/lab/first.json' }));
    expect(error).toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(`/lab/first.json: ${said}`),
    });
  });

  it.each([
    ['a group that is none', { configs: { a: { retreive: {} } } }, 'configs.a: config: Unrecognized key: "retreive"'],
    ['an option that is none', { configs: { a: { retrieve: { treshold: 1 } } } }, 'configs.a: retrieve: Unrecognized'],
    ['a value out of bounds', { configs: { a: {}, b: { isRel: { threshold: 2 } } } }, 'configs.b: isRel.threshold: '],
    [
      'options that contradict each other',
      { configs: { a: { ingest: { overlap: 2000 } } } },
      'configs.a: ingest.overlap',
    ],
    [
      'ways to ingest over an index that is there',
      { index: 'i', configs: { a: { ingest: { size: 500 } } } },
      'configs.a.ingest does nothing over an index that is there',
    ],
  ])('refuses %s in a config, naming it', (_, change, said) => {
    const error = thrownBy(() => parse(change));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(said) });
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('continuedRecord', () => {
  const record = recordOf(experimentOf());

  it('goes on with the same, and with configs that are new or gone', () => {
    expect(continuedRecord(record, record)).toEqual(record);
    const other = recordOf(experimentOf({ base: CONFIGS.base!, more: {} }));
    expect(Object.keys(continuedRecord(record, other).configs)).toEqual(['base', 'strict', 'loose', 'more']);
  });

  it.each([
    ['another dataset', recordOf(experimentOf(), 'd2'), 'INPUT_INVALID', 'dataset: its files have changed'],
    ['another index', recordOf(experimentOf(), 'd1', 'i2'), 'INPUT_INVALID', 'index: it has changed'],
    [
      'another value of an option',
      recordOf(experimentOf({ ...CONFIGS, loose: { isRel: { threshold: 0.1 }, recall: { topK: 5 } } })),
      'CONFIG_INVALID',
      'configs.loose has changed since its traces were made: recall.topK was 50 and is 5; isRel.threshold was 0.2 and is 0.1',
    ],
    [
      'an option that is no longer set',
      recordOf(experimentOf({ ...CONFIGS, loose: {} })),
      'CONFIG_INVALID',
      'configs.loose has changed since its traces were made: isRel.threshold was 0.2 and is null',
    ],
  ])('refuses %s', (_, now, code, said) => {
    expect(thrownBy(() => continuedRecord(record, now))).toMatchObject({
      code,
      message: expect.stringContaining(said),
    });
  });

  it('does not mind where models come from', () => {
    const elsewhere = Object.fromEntries(
      Object.entries(CONFIGS).map(([name, config]) => [name, { ...config, models: { offline: true } }]),
    );
    expect(() => continuedRecord(record, recordOf(experimentOf(elsewhere)))).not.toThrow();
  });

  it('reads what it wrote, and refuses anything else', () => {
    expect(parseExperimentRecord(JSON.stringify(record), 'f')).toEqual(record);
    for (const text of ['', '{}', '[]', '{"version":2}'])
      expect(thrownBy(() => parseExperimentRecord(text, 'f'))).toMatchObject({
        code: 'INPUT_INVALID',
        message: 'f is no record of an experiment',
      });
  });
});
