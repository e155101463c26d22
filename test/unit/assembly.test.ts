import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createAssembly, type OwnParts } from '../../src/assembly.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { memoryIndex } from '../../src/testing/memory-index.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { writeCrossEncoder } from '../fixtures/onnx/cross-encoder.ts';

const dir = mkdtempSync(join(tmpdir(), 'discern-assembly-'));
afterAll(() => rmSync(dir, { recursive: true }));

async function partsFor(input: ConfigInput, own: OwnParts = {}) {
  const config = parseConfig({ ...input, critics: { isRel: null, isSup: null, ...input.critics } });
  const index = memoryIndex({ dimensions: 64 });
  const parts = { embedder: hashEmbedder(), index, withContext: scriptedGenerator(), ...own };
  const assembly = createAssembly(config, { parts });
  try {
    return await assembly.partsFor(config);
  } finally {
    await assembly.close();
  }
}
const mixOf = async (...given: Parameters<typeof partsFor>) => (await partsFor(...given)).config.rerank.mix;

describe('names of rerankers and critics', () => {
  it.each([
    [
      'rerank.backend',
      { rerank: { backend: 'minni' } },
      /^no reranker is called "minni"; there are: none, embedding, /,
    ],
    ['critics.isRel', { critics: { isRel: 'mini@99' } }, /^no critic is called "mini@99"; there are: embedding, /],
    ['a folder without a definition', { rerank: { backend: dir } }, /^no reranker is called ".*discern-assembly/],
    ['a folder that is not there', { critics: { isSup: './nowhere/1' } }, /^no critic is called "\.\/nowhere\/1"/],
    ['a name of the object itself', { rerank: { backend: 'constructor' } }, /^no reranker is called "constructor"/],
  ] satisfies [string, ConfigInput, RegExp][])(
    '%s that is unknown is told with the known ones',
    async (_, input, said) => {
      const refused = expect.objectContaining({ code: 'BACKEND_UNKNOWN', message: expect.stringMatching(said) });
      await expect(partsFor(input)).rejects.toEqual(refused);
      await expect(partsFor(input)).rejects.toThrow(/, mini, or a folder with a critic\.json$/);
    },
  );
});

describe('the mix that a question is answered with', () => {
  const reranker = { id: 'own@1', score: async () => [], close: async () => {} };

  it('is what the config says, else what was fitted for the reranker, else 1', async () => {
    expect(await mixOf({ rerank: { backend: 'embedding', mix: 0.25 } })).toBe(0.25);
    expect(await mixOf({ rerank: { backend: 'embedding', mix: 0 } })).toBe(0);
    expect(await mixOf({ rerank: { backend: 'embedding' } })).toBe(1);
    expect(await mixOf({}, { reranker })).toBe(1);
  });

  it('is none without a reranker', async () => {
    expect(await mixOf({ rerank: { backend: 'none' } })).toBeNull();
    expect(await mixOf({ retrieve: { mode: 'never' }, rerank: { backend: 'embedding' } })).toBeNull();
  });
});

describe('rerank.backend onnx', () => {
  it('is the cross-encoder of rerank.model', async () => {
    const folder = await writeCrossEncoder({ weights: [2], bias: [-1] }, { model_type: 'bert' });
    const { parts, config } = await partsFor({ rerank: { backend: 'onnx', model: folder } });
    expect(parts.reranker?.id).toMatch(/^onnx-.+@[0-9a-f]{8}$/);
    expect(config.rerank.mix).toBe(1);
  });

  it('needs one', async () => {
    await expect(partsFor({ rerank: { backend: 'onnx' } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'rerank.backend onnx needs a cross-encoder, and rerank.model is none',
    });
  });
});
