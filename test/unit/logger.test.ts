import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createRag, DiscernError, type Logger, type RagOptions } from '../../src/index.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { listRecaller, passageOf } from './parts.ts';

const dir = mkdtempSync(join(tmpdir(), 'discern-logger-'));
afterAll(() => rmSync(dir, { recursive: true }));

type Line = readonly [level: keyof Logger, message: string, fields?: Record<string, unknown>];
function listLogger(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const write =
    (level: keyof Logger) =>
    (...said: [string, Record<string, unknown>?]) => {
      lines.push([level, ...said]);
    };
  return { lines, debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

const tower = passageOf('tower', 'The tower was built in 1902.');
const question = 'When was the tower built?';
const NO_CRITICS = { retrieve: null, isRel: null, isSup: null, isUse: null };
const ragOf = (logger: Logger | undefined, options: Partial<RagOptions> = {}) =>
  createRag({
    config: { critics: NO_CRITICS, rerank: { backend: 'none' } },
    ...options,
    ...(logger && { logger }),
    parts: { recaller: listRecaller([tower]), withContext: scriptedGenerator(), ...options.parts },
  });

describe('logger', () => {
  it('gets one line a question, with what it cost and without a text', async () => {
    const logger = listLogger();
    const rag = await ragOf(logger);
    const { cost } = await rag.ask(question, { id: 'q1' });
    await rag.ask(question, { config: { recall: { topK: 1 }, budget: { calls: 1 } } });
    await rag.check({ question, answer: 'Built in 1902.', passages: [tower.text] });
    await rag.close();
    const ms = expect.any(Number);
    const { calls, requests, tokens } = cost;
    expect(logger.lines).toEqual([
      [
        'info',
        'ask done',
        {
          ...{ task: 'ask', id: 'q1', unanswered: null, usedContext: true, citations: 1 },
          ...{ calls, requests, tokens, modelMs: ms, ms },
        },
      ],
      ['warn', 'budget spent', { task: 'ask', limit: 'calls', value: 1, level: 0 }],
      ['info', 'ask done', expect.objectContaining({ unanswered: 'budget', calls: 1 })],
      ['info', 'check done', expect.objectContaining({ accepted: false, support: 0, use: null })],
    ]);
    expect(JSON.stringify(logger.lines)).not.toMatch(/tower|1902/);
  });

  it('gets failures by their code, and aborts as no failure', async () => {
    const logger = listLogger();
    const error = new DiscernError('BACKEND_FAILED', 'the server said: When was the tower built?');
    const withContext = { ...scriptedGenerator(), extend: () => Promise.reject(error) };
    const rag = await ragOf(logger, { parts: { withContext } });
    await expect(rag.ask(question)).rejects.toBe(error);
    await expect(rag.ask(question, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    await rag.close();
    expect(logger.lines).toEqual([
      ['error', 'ask failed', { task: 'ask', code: 'BACKEND_FAILED', ms: expect.any(Number) }],
      ['info', 'ask aborted', { task: 'ask', code: 'ABORTED', ms: expect.any(Number) }],
    ]);
  });

  it('gets what a critic could not do, and notices beside onNotice', async () => {
    const logger = listLogger();
    const critic = scriptedCritic();
    const told: string[] = [];
    const embedder = { ...hashEmbedder(), notice: async () => 'the slower runtime is used' };
    writeFileSync(join(dir, 'a.txt'), tower.text);
    const rag = await createRag({
      config: { critics: NO_CRITICS, rerank: { backend: 'none' } },
      documents: join(dir, 'a.txt'),
      logger,
      onNotice: (text) => told.push(text),
      parts: {
        embedder,
        withContext: scriptedGenerator(),
        critics: {
          isRel: {
            ...critic,
            critique: async (requests, options) =>
              (await critic.critique(requests, options)).map((said) => ({ ...said, degraded: 'a@1: BACKEND_TIMEOUT' })),
          },
        },
      },
    });
    await rag.ask(question);
    await rag.close();
    expect(told).toEqual(['the slower runtime is used']);
    const warnings = logger.lines.filter(([level]) => level === 'warn');
    expect(warnings).toEqual([
      ['warn', 'the slower runtime is used'],
      ['warn', 'critic degraded', { task: 'ask', role: 'isRel', reason: 'a@1: BACKEND_TIMEOUT; left out', level: 0 }],
    ]);
  });

  it('gets documents that cannot be read, by name and code', async () => {
    const logger = listLogger();
    const folder = mkdtempSync(join(dir, 'docs-'));
    writeFileSync(join(folder, 'good.txt'), tower.text);
    writeFileSync(join(folder, 'bad.json'), '{ "text": "The secret tower" ');
    const rag = await createRag({
      config: { critics: NO_CRITICS },
      documents: folder,
      logger,
      parts: { embedder: hashEmbedder(), withContext: scriptedGenerator() },
    });
    await rag.close();
    expect(rag.ingested!.failed).toHaveLength(1);
    const { key, code } = rag.ingested!.failed[0]!;
    expect(key).toMatch(/bad\.json$/);
    expect(logger.lines).toEqual([
      ['warn', 'document not read', { document: key, code }],
      ['info', 'ingest done', expect.objectContaining({ task: 'ingest', added: 1, failed: 1, passages: 1 })],
    ]);
    expect(JSON.stringify(logger.lines)).not.toMatch(/secret|tower/);
  });

  it('that throws, at once or later, disturbs no answer', async () => {
    const fails = () => {
      throw new Error('the disk of the log is full');
    };
    const later = async () => fails();
    const unhandled: unknown[] = [];
    const hear = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', hear);
    for (const write of [fails, later]) {
      const rag = await ragOf({ debug: write, info: write, warn: write, error: write });
      expect((await rag.ask(question)).text).toBe('The tower was built in 1902. [1]');
      await expect(rag.ask(' ')).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await rag.close();
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', hear);
    expect(unhandled).toEqual([]);
  });

  it('may be console, whose functions are called as its own; without one nothing is written', async () => {
    const written: unknown[] = [];
    class Own {
      #lines = written;
      debug() {}
      info(message: string) {
        this.#lines.push(message);
      }
      warn() {}
      error() {}
    }
    const rag = await ragOf(new Own());
    await rag.ask(question);
    await rag.close();
    expect(written).toEqual(['ask done']);

    const out: unknown[] = [];
    const methods = ['debug', 'info', 'warn', 'error', 'log'] as const;
    const before = methods.map((method) => console[method]);
    for (const method of methods) console[method] = (...said: unknown[]) => out.push(said);
    try {
      const quiet = await ragOf(undefined);
      await quiet.ask(question, { config: { budget: { calls: 1 } } });
      await quiet.close();
    } finally {
      for (const [i, method] of methods.entries()) console[method] = before[i]!;
    }
    expect(out).toEqual([]);
  });
});
