import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Classifier, createClassifier } from '../../src/backends/classifier.ts';
import { type ClassifierFiles, loadClassifier, shippedCritic } from '../../src/backends/classifier-definition.ts';
import { onnxEmbedder } from '../../src/backends/embedder/onnx.ts';
import { hnswIndex } from '../../src/backends/index/hnsw.ts';
import { onnxWorker } from '../../src/backends/onnx-worker-client.ts';
import { tokenizerOf } from '../../src/backends/onnx-worker-tokens.ts';
import { onnxReranker } from '../../src/backends/reranker/onnx.ts';
import { wholeSplitter } from '../../src/backends/splitter/whole.ts';
import { parseConfig } from '../../src/config.ts';
import type { Embedder, PassageIndex } from '../../src/contracts.ts';
import type { ResolvedModel } from '../../src/models/manifest.ts';
import { createModelStore } from '../../src/models/store.ts';
import { createRag } from '../../src/rag.ts';
import { ingestDocuments } from '../../src/stages/ingest.ts';
import { HOSTILE_TEXTS } from '../../src/testing/suite.ts';
import type { Passage } from '../../src/types.ts';
import { temporaryFolder } from '../fixtures/cli/discern.ts';
import { resolveFolder, writeCrossEncoder } from '../fixtures/onnx/cross-encoder.ts';

const dir = temporaryFolder();
const question = 'When was the watch tower of Ostrel built?';
const TEXTS = [
  'The watch tower of Ostrel was built in 1402. It is 31 metres high and has four bells.',
  'Der Wachturm von Ostrel wurde 1402 gebaut; schöne Glocken \u2014 vier.',
  '瞭望塔建于1402年。',
  'The ferry across the Wend leaves every hour. '.repeat(120), // several windows
  ...HOSTILE_TEXTS.filter((text) => text.trim() !== ''),
];

const open = (folder: string): PassageIndex =>
  hnswIndex({
    ...{ dir: folder, create: true, dimensions: 384, fingerprint: { model: 'bge' } },
    ...{ exactUpTo: 50_000, targetRecall: 0.99, efMax: 1000 },
  });

let model: ResolvedModel;
let files: ClassifierFiles;
let embedder: Embedder;
let index: PassageIndex;
let passages: Passage[];
beforeAll(async () => {
  model = await createModelStore(parseConfig().models).resolve('bge-small-en-v1.5');
  files = await loadClassifier((await shippedCritic('mini'))!);
  embedder = onnxEmbedder({ model, maxTokens: 64, threads: 1 });
  index = open(join(dir, 'index'));
  const documents = TEXTS.map((text, i) => ({ id: `d${i}`, text, title: i % 2 ? `Title ${i}` : null }));
  await ingestDocuments({ documents, splitter: wholeSplitter(), embedder, index });
  const [vector] = await embedder.embed([question], 'query');
  passages = await index.passages((await index.search(vector!, 1000)).map(({ id }) => id));
});
afterAll(async () => {
  await index.close();
  await embedder.close();
});

describe('token ids of the index', () => {
  it('are those of one tokenizer for the embedder and the critics, in files that differ', async () => {
    const worker = onnxWorker('mini', { model: files.model, tokenizer: files.tokenizer, threads: 1 });
    try {
      const mine = await tokenizerOf(worker, { urgent: true });
      expect(mine).toMatch(/^[0-9a-f]{32}$/);
      expect((await embedder.tokens!([]))!.tokenizer).toBe(mine);
    } finally {
      await worker.close();
    }
    // The tower, from the vocabulary of BERT: [CLS] and [SEP] are not among them.
    expect((await embedder.tokens!(['The tower']))!.ids).toEqual([Uint16Array.from([1996, 3578])]);
  });

  it('give the logits that the texts give', async () => {
    const asked: (readonly [string, boolean])[] = [];
    const make = (stored: boolean): Classifier =>
      createClassifier({
        files,
        cache: 0,
        ...(stored && {
          tokensOf: async (ids, tokenizer) => {
            const tokens = await index.tokens!(ids, tokenizer);
            asked.push(...ids.map((id, i) => [id, tokens[i] !== null] as const));
            return tokens;
          },
        }),
      });
    const [by, without] = [make(true), make(false)];
    try {
      for (const head of ['isRel', 'isSup'] as const) {
        const first = head === 'isRel' ? [question] : [question, 'It was built in 1402.'];
        const requests = passages.map((passage) => ({ first, last: passage }));
        const stored = await by.logits(head, [...requests, { first, last: 'A text of no index.' }]);
        const plain = await without.logits(head, [...requests, { first, last: 'A text of no index.' }]);
        for (const [i, logits] of stored.entries())
          for (const [k, logit] of logits.entries()) expect(Math.abs(logit - plain[i]![k]!)).toBeLessThan(1e-5);
      }
      // Every passage was read from its stored ids.
      expect(asked).toEqual([...passages, ...passages].map(({ id }) => [id, true]));
      expect(passages.length).toBe(TEXTS.length);
    } finally {
      await by.close();
      await without.close();
    }
  });

  it('are not given to a tokenizer that is another one', async () => {
    const other = await resolveFolder(
      await writeCrossEncoder({ weights: [2], bias: [-1] }, { model_type: 'bert', id2label: { 0: 'LABEL_0' } }),
    );
    const seen: unknown[] = [];
    const make = (stored: boolean) =>
      onnxReranker({
        model: other,
        ...(stored && {
          tokensOf: async (ids, tokenizer) => {
            const tokens = await index.tokens!(ids, tokenizer);
            seen.push(...tokens);
            return tokens;
          },
        }),
      });
    const candidates = passages
      .slice(0, 4)
      .map((passage, i) => ({ passage, recallRank: i, recallScore: 0, rerankScore: null }));
    const [by, without] = [await make(true), await make(false)];
    try {
      expect(await by.score(question, candidates)).toEqual(await without.score(question, candidates));
      expect(seen).toEqual([null, null, null, null]);
    } finally {
      await by.close();
      await without.close();
    }
  });

  it('are made by an ingest of createRag, and read by its reranker and its critics', async () => {
    const documents = join(dir, 'documents');
    mkdirSync(documents);
    for (const [i, text] of TEXTS.slice(0, 4).entries()) writeFileSync(join(documents, `${i}.txt`), text);
    const read: boolean[] = [];
    const inner = open(join(dir, 'kept'));
    const counting: PassageIndex = {
      ...inner,
      async tokens(ids, tokenizer) {
        const tokens = await inner.tokens!(ids, tokenizer);
        read.push(...tokens.map((one) => one !== null));
        return tokens;
      },
    };
    const rag = await createRag({
      documents,
      index: join(dir, 'kept'),
      parts: { index: counting },
      config: { retrieve: { mode: 'always' }, rerank: { backend: 'mini' }, critics: { isRel: 'mini', isSup: 'mini' } },
    });
    try {
      const answer = await rag.ask(question, { config: { generate: { withContext: 'quote', closedBook: null } } });
      expect(answer.trace.facts.some(({ role }) => role === 'rerank')).toBe(true);
      expect(read.length).toBeGreaterThanOrEqual(4);
      expect(read.slice(0, 4)).toEqual([true, true, true, true]);
    } finally {
      await rag.close();
      await inner.close();
    }
  });
});
