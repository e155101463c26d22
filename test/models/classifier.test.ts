import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ClassifierFiles, loadClassifier, shippedCritic } from '../../src/backends/classifier-definition.ts';
import { createRag } from '../../src/rag.ts';
import { replay } from '../../src/replay.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Answer } from '../../src/types.ts';
import { temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const documents = join(dir, 'documents');
const TEXTS = {
  mill: 'The mill on the Lower Brook grinds rye and spelt. Its two wheels were renewed in 1974.',
  tower: 'The watch tower of Ostrel was built in 1402. It is 31 metres high and has four bells.',
  ferry: 'The ferry across the Wend leaves every hour from the southern pier until nine.',
};
const question = 'When was the watch tower of Ostrel built?';
const MINI = { retrieve: 'mini', isRel: 'mini', isSup: 'mini', isUse: 'mini' };
const CONFIG = {
  rerank: { backend: 'mini' },
  critics: MINI,
  isRel: { threshold: 0 },
  beam: { maxSegments: 1 }, // so that there is one recall
  generate: { closedBook: null },
} as const;

let folder: string;
let files: ClassifierFiles;
beforeAll(async () => {
  mkdirSync(documents);
  for (const [name, text] of Object.entries(TEXTS)) writeFileSync(join(documents, `${name}.txt`), text);
  folder = (await shippedCritic('mini'))!;
  files = await loadClassifier(folder);
});

async function ask(config: Parameters<typeof createRag>[0] & object): Promise<Answer> {
  const rag = await createRag({ documents, parts: { embedder: hashEmbedder() }, ...config });
  try {
    return await rag.ask(question, { id: 'q1' });
  } finally {
    await rag.close();
  }
}
const recorded = ({ trace }: Answer) => parseTrace(JSON.stringify(trace));
const keptIds = ({ trace: { events } }: Answer) =>
  events.flatMap((event) => (event.type === 'rerank-end' ? event.kept.map(({ passageId }) => passageId) : []));

describe('mini as reranker and as critic of everything', () => {
  it('answers, and says what it was answered with', async () => {
    const answer = await ask({ config: { ...CONFIG, retrieve: { mode: 'adaptive', threshold: 0 } } });
    const { backends, config, facts } = answer.trace;
    const id = `mini@${files.definition.version}`;
    expect(answer.unanswered).toBeNull();
    expect(backends).toMatchObject({ rerank: id, 'critic.retrieve': id, 'critic.isRel': id, 'critic.isUse': id });
    expect(config.rerank).toMatchObject({ backend: 'mini', mix: files.definition.rerankMix ?? 1 });
    expect(facts.filter(({ role }) => role === 'rerank')).toHaveLength(3);
    expect(answer.segments[0]!.score.parts).toEqual({
      lm: 0,
      isRel: expect.any(Number),
      isSup: expect.any(Number),
      isUse: expect.any(Number),
    });
  });

  it('is one loaded model under all its names', async () => {
    const threads = () => process.listenerCount('exit'); // each thread that runs a model adds one, until it ends
    const before = threads();
    const rag = await createRag({
      documents,
      parts: { embedder: hashEmbedder() },
      config: { ...CONFIG, critics: { ...MINI, isSup: folder, isUse: `mini@${files.definition.version}` } },
    });
    await rag.ask(question);
    expect(threads()).toBe(before + 1);
    await rag.close();
    expect(threads()).toBe(before);
  });

  it('is replayed without models, with another mix and other thresholds', async () => {
    const trace = recorded(await ask({ config: CONFIG }));
    const same = await replay(trace);
    expect(same.text).toBe(trace.answer.text);
    const byRecall = await replay(trace, { rerank: { mix: 0 } });
    const hits = trace.events.flatMap((event) => (event.type === 'recall-end' ? event.candidates : []));
    expect(keptIds(byRecall)).toEqual(hits.map(({ passageId }) => passageId));
    const scores = new Map(
      byRecall.trace.events.flatMap((event) =>
        event.type === 'rerank-end' ? event.kept.map(({ passageId, score }) => [passageId, score!] as const) : [],
      ),
    );
    const byRerank = keptIds(await replay(trace, { rerank: { mix: 1 } }));
    expect(byRerank).toEqual([...scores.keys()].sort((a, b) => scores.get(b)! - scores.get(a)!));
    const strict = await replay(trace, { isRel: { threshold: 1 } });
    expect(strict.unanswered?.reason).toBe('no-evidence');
  });

  it('of a folder of your own brings its fitted values, and the folder stays out of the trace', async () => {
    const own = join(dir, 'secret-place', 'own', '3');
    mkdirSync(own, { recursive: true });
    for (const name of ['model.onnx', 'tokenizer.json']) copyFileSync(join(folder, name), join(own, name));
    const definition = JSON.parse(readFileSync(join(folder, 'critic.json'), 'utf8'));
    const fitted = { ...definition, id: 'own', version: 3, rerankMix: 0.25, isRelThreshold: 0.001 };
    writeFileSync(join(own, 'critic.json'), JSON.stringify(fitted));
    const { trace } = await ask({
      config: { ...CONFIG, rerank: { backend: own }, critics: { ...MINI, isRel: own }, isRel: {} },
    });
    expect(trace.backends).toMatchObject({
      rerank: 'own@3',
      'critic.isRel': 'own@3',
      'critic.isSup': `mini@${files.definition.version}`,
    });
    expect(trace.config.rerank.mix).toBe(0.25);
    expect(trace.config.isRel.threshold).toBe(0.001);
    expect(JSON.stringify(trace)).not.toContain('secret-place');
  });

  it('whose weights are others than its definition says is refused', async () => {
    const broken = join(dir, 'broken');
    mkdirSync(broken);
    for (const name of ['critic.json', 'tokenizer.json']) copyFileSync(join(folder, name), join(broken, name));
    writeFileSync(join(broken, 'model.onnx'), 'not these');
    await expect(ask({ config: { ...CONFIG, rerank: { backend: broken } } })).rejects.toMatchObject({
      code: 'MODEL_CHECKSUM',
    });
  });
});
