import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import { createRag, type Rag } from '../../src/rag.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import type { Answer } from '../../src/types.ts';
import { CORPUS, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const NO_CHANGE: ConfigInput = {};
const QUESTIONS = [
  'When was the lighthouse on Little Hessel built?',
  'How heavy may a lorry be that crosses the swing bridge?',
  'When does the ferry leave?',
  'Which protein folds the ribosome?',
  'Who founded the cooperative?',
  'What does the museum show?',
];

/** The answer without its times. */
const timeless = ({ trace, cost, ...answer }: Answer) => ({
  ...answer,
  cost: { ...cost, ms: 0 },
  facts: trace.facts.map(({ ms: _ms, ...fact }) => JSON.stringify(fact)).sort(),
});
const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return DiscernError.is(error) ? error.code : `no DiscernError: ${String(error)}`;
};

let rag: Rag;
beforeAll(async () => {
  rag = await createRag({ documents: CORPUS, config: NO_CHANGE });
});
afterAll(() => rag.close());

describe('createRag', () => {
  it('answers many questions at once as it does one by one', async () => {
    const together = await Promise.all(QUESTIONS.map((question) => rag.ask(question)));
    for (const [i, question] of QUESTIONS.entries()) {
      const alone = await rag.ask(question);
      expect(timeless(alone)).toEqual(timeless(together[i]!));
    }
    expect(together.some(({ unanswered }) => unanswered === null)).toBe(true);
    expect(together[3]!.unanswered?.reason).toBe('no-evidence');
  });

  it('takes options for one question alone', async () => {
    const one = await rag.ask(QUESTIONS[0]!, { config: { rerank: { topN: 1 }, beam: { maxSegments: 1 } } });
    const none = await rag.ask(QUESTIONS[0]!, { config: { isRel: { threshold: 1 } } });
    const again = await rag.ask(QUESTIONS[0]!);
    expect(one.trace.config.rerank.topN).toBe(1);
    expect(one.segments).toHaveLength(1);
    expect(none.unanswered?.reason).toBe('no-evidence');
    expect(again.trace.config.rerank.topN).toBe(5);
    expect(again.unanswered).toBeNull();
    expect(
      await codeOf(rag.ask('x', { config: { retrieve: { mode: 'adaptive' }, critics: { retrieve: null } } })),
    ).toBe('CONFIG_INVALID');
  });

  it('stops soon after its signal fires, and answers the next question', async () => {
    const text = `${QUESTIONS[0]} ${'and why '.repeat(800)}`;
    const abort = new AbortController();
    const asked = codeOf(rag.ask(text, { signal: abort.signal }));
    setTimeout(() => abort.abort(), 20);
    const began = performance.now();
    expect(await asked).toBe('ABORTED');
    expect(performance.now() - began).toBeLessThan(500);
    expect(await codeOf(rag.ask(text, { signal: AbortSignal.abort() }))).toBe('ABORTED');
    expect((await rag.ask(QUESTIONS[0]!)).unanswered).toBeNull();
  });

  it('stops an ingest soon after its signal fires, and leaves the index as it was', async () => {
    const many = join(dir, 'many');
    mkdirSync(many);
    for (let i = 0; i < 400; i++)
      writeFileSync(join(many, `${i}.txt`), `Barrel ${i} holds ${i * 3} herrings. `.repeat(9));
    const index = join(dir, 'many.index');
    const own = await createRag({ index, config: NO_CHANGE });
    try {
      const abort = new AbortController();
      let at = 0;
      const onProgress = ({ phase, done }: { phase: string; done: number }) => {
        if (phase !== 'embed' || done === 0 || abort.signal.aborted) return;
        at = performance.now();
        abort.abort();
      };
      expect(await codeOf(own.ingest(many, { signal: abort.signal, onProgress }))).toBe('ABORTED');
      expect(performance.now() - at).toBeLessThan(2000);
      expect(await own.info()).toMatchObject({ passages: 0, sources: 0 });
    } finally {
      await own.close();
    }
  });

  it('can be closed twice, also while a question is asked; then it answers no more', async () => {
    const own = await createRag({ documents: CORPUS, config: NO_CHANGE, index: join(dir, 'closing') });
    const asked = codeOf(own.ask(QUESTIONS[1]!));
    await Promise.all([own.close(), own.close()]);
    await own.close();
    expect(['BACKEND_CLOSED', 'ABORTED']).toContain(await asked);
    expect(await codeOf(own.ask(QUESTIONS[1]!))).toBe('BACKEND_CLOSED');
    expect(await codeOf(own.ingest(CORPUS))).toBe('BACKEND_CLOSED');
    expect(await codeOf(own.info())).toBe('BACKEND_CLOSED');
  });

  it('works with parts of your own, which it does not close', async () => {
    const docs = join(dir, 'own');
    mkdirSync(docs);
    writeFileSync(join(docs, 'goat.txt'), 'Greta the goat lives on the roof of the mill.');
    let closed = 0;
    const counted = <T extends { close(): Promise<void> }>(part: T): T => ({
      ...part,
      close: async () => {
        closed++;
        await part.close();
      },
    });
    const critic = counted(scriptedCritic());
    const own = await createRag({
      documents: docs,
      config: { retrieve: { mode: 'adaptive' }, critics: { retrieve: 'mine' }, isRel: { threshold: 0.2 } },
      parts: {
        embedder: counted(hashEmbedder()),
        critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
        withContext: counted(scriptedGenerator()),
        closedBook: counted(scriptedGenerator()),
      },
    });
    const found = await own.ask('Where does Greta the goat live?');
    const chatted = await own.ask('Say something kind.');
    await own.close();
    expect(found).toMatchObject({ text: 'Greta the goat lives on the roof of the mill. [1]', usedContext: true });
    expect(chatted).toMatchObject({ text: 'I know nothing about that.', usedContext: false });
    expect(found.trace.backends).toMatchObject({ 'critic.isRel': 'scripted@1', 'generate.withContext': 'scripted@1' });
    expect(closed).toBe(0);
  });

  it('puts no key into a trace, an error or an event', async () => {
    const key = 'sk-planted-9876543210';
    const own = await createRag({ documents: CORPUS, config: NO_CHANGE, keys: { openai: key } });
    try {
      const events: unknown[] = [];
      const answer = await own.ask(QUESTIONS[0]!, { onEvent: (event) => events.push(event) });
      // Port 9 answers nobody.
      const server: ConfigInput = { generate: { withContext: 'openai', baseUrl: 'http://127.0.0.1:9/v1' } };
      const error = await own.ask(QUESTIONS[0]!, { config: server }).catch((thrown: unknown) => thrown);
      if (!DiscernError.is(error, 'BACKEND_FAILED')) throw error;
      let chain = '';
      for (let at: unknown = error; at instanceof Error; at = at.cause)
        chain += `${at.message} ${at.stack} ${JSON.stringify(at)}`;
      expect(JSON.stringify([answer, events, error.hint, error.details]) + chain).not.toContain('planted');
    } finally {
      await own.close();
    }
  });
});

describe('importing the package', () => {
  const main = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

  /** The native modules that a process has loaded after this import. */
  async function nativeAfter(module: string): Promise<string[]> {
    const program = `
      await import(${JSON.stringify(module)});
      const shared = process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'));
      console.log(JSON.stringify(shared));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
    return JSON.parse(stdout);
  }

  it('loads no native module', async () => {
    expect(await nativeAfter(main)).toEqual([]);
    expect(await nativeAfter('onnxruntime-node')).toHaveLength(1);
  });

  it('leaves nothing running after close', async () => {
    const program = `
      const { createRag } = await import(${JSON.stringify(main)});
      const rag = await createRag({ documents: ${JSON.stringify(CORPUS)} });
      const { text } = await rag.ask(${JSON.stringify(QUESTIONS[0])});
      await rag.close();
      console.log(text);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
      timeout: 60_000,
    });
    expect(stdout).toContain('1869');
  });
});
