import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ClassifierDefinition,
  ClassifierDefinitionSchema,
  loadClassifier,
  shippedCritic,
} from '../../src/backends/classifier-definition.ts';
import { SIZES } from '../../src/backends/classifier-input.ts';
import { DiscernError } from '../../src/errors.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** As critics/train/export.py writes it; what its files hold is only hashed here. */
const exported: ClassifierDefinition = {
  id: 'mini',
  version: 1,
  type: 'classifier',
  files: [
    { path: 'model.onnx', bytes: 5, sha256: sha256('model') },
    { path: 'tokenizer.json', bytes: 2, sha256: sha256('{}') },
  ],
  frame: { start: 101, end: 102, taskBase: 1 },
  sizes: SIZES,
  heads: {
    isRel: { at: 0, outputs: 1 },
    isSup: { at: 1, outputs: 3 },
    isUse: { at: 4, outputs: 5 },
    retrieve: { at: 9, outputs: 1 },
    entail: { at: 10, outputs: 3 },
    equivalent: { at: 13, outputs: 1 },
    sentence: { at: 14, outputs: 1 },
  },
  calibration: {},
  isRelThreshold: null,
  rerankMix: null,
  metrics: {},
  trainedFrom: { steps: 100, minutes: 61.5, options: { epochs: 3 } },
};
const fittedOn = { data: 'relevance/dev', n: 100 };

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'discern-critic-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Writes a folder and loads it. */
async function load(definition: unknown, files: Readonly<Record<string, string>> = {}) {
  const folder = await mkdtemp(join(dir, 'one-'));
  const all = { 'model.onnx': 'model', 'tokenizer.json': '{}', ...files };
  for (const [name, text] of Object.entries(all)) if (text !== '') await writeFile(join(folder, name), text);
  if (definition !== undefined)
    await writeFile(
      join(folder, 'critic.json'),
      typeof definition === 'string' ? definition : JSON.stringify(definition),
    );
  return { folder, loaded: await loadClassifier(folder) };
}
const failure = async (...input: Parameters<typeof load>): Promise<DiscernError> => {
  const error: unknown = await load(...input).then(
    () => null,
    (thrown) => thrown,
  );
  if (!DiscernError.is(error)) throw new Error(`not a DiscernError: ${error}`);
  return error;
};

describe('a folder of a classifier', () => {
  it('as training writes it is read, and says where its files are', async () => {
    const { folder, loaded } = await load(exported);
    expect(loaded.definition).toEqual(exported);
    expect(loaded.model).toBe(join(folder, 'model.onnx'));
    expect(loaded.tokenizer).toBe(join(folder, 'tokenizer.json'));
  });
  it('may have calibrations, thresholds and figures', async () => {
    const calibration = {
      isRel: { use: { method: 'platt' as const, scale: 0.8, bias: [0.1, -0.1] }, fittedOn },
      isSup: { use: { method: 'temperature' as const, temperature: 1.3 }, fittedOn },
      retrieve: { use: { method: 'isotonic' as const, x: [-1, 1], y: [0.2, 0.9] }, fittedOn },
    };
    const metrics = { 'isRel.auroc': { mean: 0.93, ci95: [0.92, 0.94], n: 1500 } };
    const full = { ...exported, calibration, isRelThreshold: 0.2, rerankMix: 0.5, metrics };
    expect((await load(full)).loaded.definition).toEqual(full);
  });
  it('with a file that is another is refused: MODEL_CHECKSUM, with both sums', async () => {
    for (const name of ['model.onnx', 'tokenizer.json']) {
      const error = await failure(exported, { [name]: 'other' });
      expect(error.code).toBe('MODEL_CHECKSUM');
      expect(error.message).toContain(`${name} of the critic mini@1 has sha256 ${sha256('other')}`);
      expect(error.message).toContain(exported.files.find(({ path }) => path === name)!.sha256);
    }
  });
  it('without one of its files says which', async () => {
    const error = await failure(exported, { 'model.onnx': '' });
    expect(error.code).toBe('CRITIC_INVALID');
    expect(error.message).toMatch(/^model\.onnx of the critic mini@1 cannot be read: ENOENT/);
  });
  it('without critic.json, or with one that is no JSON, is CRITIC_INVALID and says where', async () => {
    const missing = await failure(undefined);
    expect(missing.code).toBe('CRITIC_INVALID');
    expect(missing.message).toMatch(/one-\w+.critic\.json is not the definition of a classifier: ENOENT/);
    expect(missing.hint).toContain('critics/README.md');
    const broken = await failure('{"id": ');
    expect(broken.code).toBe('CRITIC_INVALID');
    expect(broken.message).toContain('JSON');
    expect(broken.cause).toBeInstanceOf(SyntaxError);
  });
});

describe('the definition', () => {
  const problem = (change: object): string => {
    const result = ClassifierDefinitionSchema.safeParse({ ...exported, ...change });
    return result.success ? '' : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join();
  };
  const [model, tokenizer] = exported.files;

  it('has two files of fixed names, so that it cannot point out of its folder', async () => {
    for (const path of ['../model.onnx', '/etc/passwd', 'model.bin', ''])
      expect(problem({ files: [{ ...model, path }, tokenizer] }), path).toContain('files.0.path');
    expect(problem({ files: [model, model] })).toContain('each file once');
    expect(problem({ files: [model] })).toContain('files');
    const error = await failure({ ...exported, files: [{ ...model, path: '../model.onnx' }, tokenizer] });
    expect(error.code).toBe('CRITIC_INVALID');
    expect(error.message).toContain('files[0].path');
  });
  it('refuses what it does not know: other types, fields, heads, methods', () => {
    expect(problem({ type: 'embedding' })).toContain('type');
    expect(problem({ extra: 1 })).toContain('extra');
    expect(problem({ heads: { isFunny: { at: 0, outputs: 1 } } })).toContain('heads');
    expect(problem({ calibration: { isRel: { use: { method: 'spline' }, fittedOn } } })).toContain('method');
  });
  it('refuses heads whose outputs are not those of their labels', () => {
    expect(problem({ heads: { isSup: { at: 0, outputs: 2 } } })).toContain('isSup has 3 outputs, not 2');
  });
  it('refuses calibrations that do not fit: biases for other labels, curves with one axis longer', () => {
    const isRel = (use: object) => problem({ calibration: { isRel: { use, fittedOn } } });
    expect(isRel({ method: 'platt', scale: 1, bias: [0] })).toContain('isRel has 2 labels, its bias 1');
    expect(isRel({ method: 'isotonic', x: [0, 1], y: [0.5] })).toContain('as many values');
    expect(isRel({ method: 'temperature', temperature: 0 })).toContain('temperature');
  });
  it('refuses thresholds and mixes outside of 0..1, and ids that are no plain names', () => {
    expect(problem({ isRelThreshold: 1.2 })).toContain('isRelThreshold');
    expect(problem({ rerankMix: -0.1 })).toContain('rerankMix');
    for (const id of ['..', 'a/b', 'Mini', '', '-x']) expect(problem({ id }), id).toContain('id');
  });
});

describe('a shipped critic', () => {
  it('is found by its name, the newest version or the one that is named', async () => {
    const folder = await shippedCritic('embedding');
    expect(folder).toMatch(/critics.embedding.1$/);
    expect(await shippedCritic('embedding@1')).toBe(folder);
  });
  it('is null for unknown names and versions', async () => {
    for (const name of ['unheard-of', 'embedding@2', 'embedding@', 'embedding@new', 'embedding@-1', ''])
      expect(await shippedCritic(name), name).toBe(null);
  });
  it('is never outside of its folder, nor one without a version', async () => {
    for (const name of ['..', '.', '../critics/embedding', 'embedding/1', 'train', 'embedding@../1', '/', '..@1'])
      expect(await shippedCritic(name), name).toBe(null);
  });
});
