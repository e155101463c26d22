import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../src/doctor.ts';
import { discern, temporaryFolder } from '../fixtures/cli/discern.ts';
import { type Installed, installedWithout } from '../fixtures/installed.ts';

const dir = temporaryFolder();
const index = join(dir, 'index');
const CORPUS = join(import.meta.dirname, '../../examples/corpus');

async function doctor(...flags: string[]): Promise<{ code: number | null; ok: boolean; checks: Map<string, Check> }> {
  const { code, out } = await discern(['doctor', '--json', ...flags]);
  const { ok, checks } = JSON.parse(out) as { ok: boolean; checks: Check[] };
  return { code, ok, checks: new Map(checks.map((check) => [check.name, check])) };
}
const statesOf = (checks: Map<string, Check>) =>
  Object.fromEntries([...checks].map(([name, { state }]) => [name, state]));

describe('discern doctor with the models of this machine', () => {
  beforeAll(async () => {
    expect((await discern(['ingest', CORPUS, '--index', index])).code).toBe(0);
  });

  it('finds all as it should be', async () => {
    const { code, ok, checks } = await doctor('--index', index);
    expect(statesOf(checks)).toEqual({
      node: 'ok',
      'package onnxruntime-node': 'ok',
      'package hnswlib-node': 'ok',
      'package node-llama-cpp': 'ok',
      'models.dir': 'ok',
      disk: expect.stringMatching(/ok|warning/),
      'model bge-small-en-v1.5': 'ok',
      'shipped critics': 'ok',
      embedder: 'ok',
      'rerank.backend': 'ok',
      'critics.isRel, isSup, isUse': 'ok',
      'generate.withContext': 'ok',
      'classifier mini@1': 'ok',
      index: 'ok',
    });
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(checks.get('embedder')!.found).toBe('onnx-bge-small-en-v1.5 works, 384 dimensions');
    expect(checks.get('shipped critics')!.found).toMatch(/embedding@1.*mini@1.*: as shipped$/);
    expect(checks.get('index')!.found).toMatch(/^\d+ passages of \d+ sources, made with this embedder; exact search: /);
  });

  it('tells what language models of this process give, and whether the gate fits', async () => {
    const { code, checks } = await doctor(
      '--gate.when',
      'always',
      '--critics.isUse',
      'prompted',
      '--rerank.backend',
      'none',
    );
    const given = {
      ...{ logprobs: 'raw', top: 49_152, tokenIds: true, singleTokenLabels: null, thinksFirst: false, prefill: true },
      notes: [],
    };
    expect(checks.get('generate.closedBook')!.capabilities).toEqual(given);
    expect(checks.get('critics.isUse')!.capabilities).toEqual({ ...given, singleTokenLabels: true });
    expect(checks.get('gate.estimator')).toMatchObject({
      state: 'ok',
      found: 'gate@1, fitted for the parts of this config',
    });
    expect(code).toBe(0);
  });

  it('refuses an index of another embedder', async () => {
    const { code, checks } = await doctor('--index', index, '--embedder.model', 'all-minilm-l6-v2');
    expect(checks.get('index')).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('was made with model "bge-small-en-v1.5"'),
    });
    expect(code).toBe(1);
  });
});

describe('discern doctor where packages and files are missing', () => {
  let installed: Installed;
  beforeAll(async () => {
    installed = await installedWithout(['onnxruntime-node', 'hnswlib-node', 'node-llama-cpp']);
    await rm(join(installed.dir, 'critics', 'mini', '1', 'tokenizer.json'));
  });
  afterAll(() => installed.remove());

  it('says what is used in their place, and what fails', async () => {
    const main = join(installed.dir, 'dist', 'cli', 'main.js');
    const flags = [
      'doctor',
      '--json',
      '--critics.isUse',
      'prompted',
      '--critics.isRel',
      'embedding',
      '--critics.isSup',
      'none',
    ];
    const { code, out } = await new Promise<{ code: unknown; out: string }>((resolve) => {
      execFile(process.execPath, [main, ...flags], (error, out) => resolve({ code: error?.code ?? 0, out }));
    });
    const { checks } = JSON.parse(out) as { checks: Check[] };
    const found = Object.fromEntries(checks.map((check) => [check.name, [check.state, check.found]]));
    expect(found['package onnxruntime-node']).toEqual([
      'warning',
      'is not installed: models run on WebAssembly, several times slower',
    ]);
    expect(found['package hnswlib-node']).toEqual(['warning', 'is not installed: search is exact, in JavaScript']);
    expect(found['package node-llama-cpp']).toEqual([
      'failed',
      'is not installed: a language model of this config needs it',
    ]);
    expect(found['shipped critics']).toEqual([
      'failed',
      expect.stringMatching(/^mini@1: tokenizer\.json of the critic mini@1 cannot be read/),
    ]);
    expect(found['rerank.backend']![0]).toBe('failed');
    expect(found.embedder).toEqual(['warning', 'onnx-bge-small-en-v1.5-wasm works, 384 dimensions']);
    expect(found['critics.isRel']![0]).toBe('ok');
    expect(found['critics.isUse']).toEqual(['failed', expect.stringContaining('node-llama-cpp')]);
    expect(code).toBe(1);
  });
});
