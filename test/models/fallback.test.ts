import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClassifier } from '../../src/backends/classifier.ts';
import { loadClassifier, shippedCritic } from '../../src/backends/classifier-definition.ts';
import { onnxEmbedder } from '../../src/backends/embedder/onnx.ts';
import { cosine } from '../../src/backends/embedder/similarity.ts';
import { loadTokenizer, tokenizersReader, transformersReader } from '../../src/backends/onnx-worker-tokenizer.ts';
import { parseConfig } from '../../src/config.ts';
import type { ResolvedModel } from '../../src/models/manifest.ts';
import { createModelStore } from '../../src/models/store.ts';
import { HOSTILE_TEXTS } from '../../src/testing/suite.ts';
import { CORPUS } from '../fixtures/cli/discern.ts';
import { type Installed, installedWithout } from '../fixtures/installed.ts';

const NATIVE = ['onnxruntime-node', '@xenova/transformers', 'hnswlib-node'];
const TEXTS = [
  'The ferry leaves at noon.',
  'Marie Curie discovered radium and polonium, and was the first to win the Nobel Prize twice.',
  'A longer passage about the lighthouse. '.repeat(12),
];

let model: ResolvedModel;
let installed: Installed;
beforeAll(async () => {
  model = await createModelStore(parseConfig().models).resolve('bge-small-en-v1.5');
  installed = await installedWithout(NATIVE);
});
afterAll(() => installed.remove());

async function child(body: string): Promise<unknown> {
  const program = `
    const load = (path) => import(new URL(path, ${JSON.stringify(pathToFileURL(join(installed.dir, 'dist/')).href)}));
    ${body}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    timeout: 120_000,
  });
  return JSON.parse(stdout);
}

describe('without native packages', () => {
  it('both tokenizer libraries give the same ids', async () => {
    const path = model.files['tokenizer.json']!.path;
    const { encode: one, pairFrame } = await loadTokenizer(path, await transformersReader());
    const { encode: other, pairFrame: otherFrame } = await loadTokenizer(path, await tokenizersReader());
    const texts = [...TEXTS, ...HOSTILE_TEXTS, '王安石是宋朝的政治家。', '👩‍👩‍👧 🎉', '[CLS] a [SEP] <|im_end|> </s>'];
    for (const text of texts) expect(other(text, 512), text.slice(0, 40)).toEqual(one(text, 512));
    expect(one('The ferry', 512)).toEqual([101, 1996, 7115, 102]);
    expect(pairFrame).toEqual({ before: [101], between: [102], after: [102] });
    expect(otherFrame).toEqual(pairFrame);
  });

  it('embeds on WebAssembly nearly as the native runtime does, and tells it', async () => {
    const its = (await child(`
      const { onnxEmbedder } = await load('backends/embedder/onnx.js');
      const embedder = onnxEmbedder({ model: ${JSON.stringify(model)}, maxTokens: 512, threads: 1 });
      const notice = await embedder.notice();
      const vectors = await embedder.embed(${JSON.stringify(TEXTS)}, 'passage');
      const { id } = embedder;
      await embedder.close();
      console.log(JSON.stringify({ id, notice, fingerprint: await embedder.fingerprint(), vectors: vectors.map((v) => [...v]) }));
    `)) as { id: string; notice: string; fingerprint: unknown; vectors: number[][] };
    const native = onnxEmbedder({ model, maxTokens: 512, threads: 1 });
    try {
      const vectors = await native.embed(TEXTS, 'passage');
      for (const [i, vector] of vectors.entries())
        expect(cosine(vector, Float32Array.from(its.vectors[i]!)), TEXTS[i]).toBeGreaterThan(0.99);
      expect(its.fingerprint).toEqual(await native.fingerprint());
      expect([native.id, await native.notice!()]).toEqual(['onnx-bge-small-en-v1.5', null]);
    } finally {
      await native.close();
    }
    expect(its.id).toBe('onnx-bge-small-en-v1.5-wasm');
    expect(its.notice).toBe(
      'onnxruntime-node is not installed: the model runs on WebAssembly, several times slower (to install it: ' +
        'npm install onnxruntime-node; on a closed network ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node)',
    );
  });

  it('judges pairs on WebAssembly nearly as the native runtime does, and tells it', async () => {
    const folder = (await shippedCritic('mini'))!;
    const requests = TEXTS.map((last) => ({ first: ['When does the ferry leave?'], last }));
    const its = (await child(`
      const { createClassifier } = await load('backends/classifier.js');
      const { loadClassifier } = await load('backends/classifier-definition.js');
      const classifier = createClassifier({ files: await loadClassifier(${JSON.stringify(folder)}) });
      const notice = await classifier.notice();
      const logits = await classifier.logits('isRel', ${JSON.stringify(requests)});
      await classifier.close();
      console.log(JSON.stringify({ notice, logits }));
    `)) as { notice: string; logits: number[][] };
    const native = createClassifier({ files: await loadClassifier(folder) });
    try {
      const logits = await native.logits('isRel', requests);
      for (const [i, [logit]] of logits.entries())
        expect(Math.abs(logit! - its.logits[i]![0]!), TEXTS[i]).toBeLessThan(0.3);
      expect(await native.notice()).toBeNull();
    } finally {
      await native.close();
    }
    expect(its.notice).toMatch(/^onnxruntime-node is not installed: mini@1 runs on WebAssembly, several times slower/);
  });

  it('answers, names the runtime in the trace, and tells it once', async () => {
    const { text, recaller, notices, note } = (await child(`
      const { createRag } = await load('index.js');
      const notices = [];
      const rag = await createRag({ documents: ${JSON.stringify(join(CORPUS, 'lighthouse.md'))}, onNotice: (text) => notices.push(text) });
      await rag.ask('Who keeps the lighthouse?');
      const { text, trace } = await rag.ask('When was the lighthouse on Little Hessel built?');
      const { note } = await rag.info();
      await rag.close();
      console.log(JSON.stringify({ text, recaller: trace.backends.recall, notices, note }));
    `)) as { text: string; recaller: string; notices: string[]; note: string };
    expect(text).toContain('1869');
    expect(recaller).toBe('onnx-bge-small-en-v1.5-wasm+hnsw@1');
    expect(notices).toEqual([
      expect.stringContaining('WebAssembly'),
      expect.stringContaining('mini@1 runs on WebAssembly'),
    ]);
    expect(note).toContain('hnswlib-node is not installed');
  });
});
