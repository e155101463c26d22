import { execFile } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cachedEmbedder } from '../../src/backends/embedder/cached.ts';
import { onnxEmbedder } from '../../src/backends/embedder/onnx.ts';
import { cosine } from '../../src/backends/embedder/similarity.ts';
import { embeddingReranker } from '../../src/backends/reranker/embedding.ts';
import { workerUrl } from '../../src/backends/worker-url.ts';
import { parseConfig } from '../../src/config.ts';
import type { Embedder } from '../../src/contracts.ts';
import type { ResolvedModel } from '../../src/models/manifest.ts';
import { createModelStore } from '../../src/models/store.ts';
import { describeEmbedder } from '../../src/testing/describe-embedder.ts';
import { describeReranker } from '../../src/testing/describe-reranker.ts';

let model: ResolvedModel;
beforeAll(async () => {
  model = await createModelStore(parseConfig().models).resolve('bge-small-en-v1.5');
});
const make = (maxTokens = 512) => onnxEmbedder({ model, maxTokens, threads: 1 });

describeEmbedder('bge', () => make());
describeEmbedder('bge, cached', () => cachedEmbedder(make(), { max: 4 }));
describeReranker('embedding with bge', () => embeddingReranker({ embedder: make() }));

describe('bge in its thread', () => {
  let embedder: Embedder;
  beforeAll(() => {
    embedder = make();
  });
  afterAll(() => embedder.close());
  const near = async (a: string, b: string) => {
    const [first, second] = await embedder.embed([a, b], 'passage');
    return cosine(first!, second!);
  };

  it('gives the similarities of this model', async () => {
    // From onnxruntime 1.31.1 and tokenizers of Python on the same files: pooling, prefix and token ids are right.
    const [query] = await embedder.embed(['Who discovered radium?'], 'query');
    const [like, unlike] = await embedder.embed(
      ['Marie Curie discovered radium and polonium.', 'The ferry leaves at noon.'],
      'passage',
    );
    expect(cosine(query!, like!)).toBeCloseTo(0.7366, 3);
    expect(cosine(query!, unlike!)).toBeCloseTo(0.3081, 3);
  });

  it('cuts long texts on whole tokens, at the limit that was set', async () => {
    const short = make(16);
    const words = Array.from({ length: 100 }, () => 'word');
    const [long, cut] = await short.embed([words.join(' '), words.slice(0, 14).join(' ')], 'passage');
    await short.close();
    expect(cosine(long!, cut!)).toBeGreaterThan(1 - 1e-6);
  });

  it('reads a written control token as plain text', async () => {
    expect(await near('[SEP] the ferry leaves', '[ SEP ] the ferry leaves')).toBeGreaterThan(1 - 1e-6);
  });

  it('does not block the event loop', async () => {
    const texts = Array.from(
      { length: 8 },
      (_, i) => `Long text number ${i}. ${'It goes on for a while. '.repeat(80)}`,
    );
    const delay = monitorEventLoopDelay({ resolution: 2 });
    delay.enable();
    const started = performance.now();
    await embedder.embed(texts, 'passage');
    delay.disable();
    // One text takes far longer than this: a blocked loop would show in the median.
    expect(performance.now() - started).toBeGreaterThan(8 * 40);
    expect(delay.percentile(90) / 1e6).toBeLessThan(20);
  });

  const child = (program: string) => {
    const module = workerUrl('../../src/backends/embedder/onnx.ts', import.meta.url);
    const start = `
      const { onnxEmbedder } = await import(${JSON.stringify(module.href)});
      const embedder = onnxEmbedder({ model: ${JSON.stringify(model)}, maxTokens: 512, threads: 1 });`;
    return promisify(execFile)(process.execPath, ['--input-type=module', '-e', start + program], { timeout: 60_000 });
  };

  it('does not keep a program alive that forgot to close it', async () => {
    const { stdout } = await child(`console.log((await embedder.embed(['hello'], 'query'))[0].length);`);
    expect(stdout.trim()).toBe('384');
  });

  it.each([0, 1])('lets a program exit or close in the middle of a run (after %i texts)', async (after) => {
    const begin = `
      const texts = Array.from({ length: 20 }, (_, i) => 'text ' + i + ' goes on and on'.repeat(60));
      let reached;
      const there = new Promise((resolve) => { reached = resolve; });
      const call = embedder.embed(texts, 'passage', { onProgress: (done) => done === ${after} && reached() });
      call.catch((error) => console.log(error.code));
      if (${after} > 0) await there;`;
    expect((await child(`${begin} await embedder.close(); console.log('closed');`)).stdout).toBe(
      'BACKEND_CLOSED\nclosed\n',
    );
    await expect(child(`${begin} process.exit(7);`)).rejects.toMatchObject({ code: 7, stderr: '' });
  });
});
