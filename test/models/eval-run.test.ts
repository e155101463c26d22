import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ExperimentReport } from '../../src/evaluate/report/experiment-report.ts';
import type { SensitivityReport } from '../../src/evaluate/sensitivity/sensitivity.ts';
import { parseTrace } from '../../src/trace.ts';
import { CORPUS, discern, startDiscern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const linesOf = (path: string): string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
const experiment = (name: string, given: object): string => {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify({ name, metrics: ['f1', 'recall.ndcg@10'], ...given }));
  return path;
};
const reportIn = (out: string): ExperimentReport => JSON.parse(readFileSync(join(dir, out, 'report.json'), 'utf8'));

const KEEPERS = Array.from({ length: 8 }, (_, i) => ({
  id: `q${i}`,
  question: `In which year was the mill of village ${i} built?`,
  passage: `Village ${i} lies by the river. Its mill was built in ${1700 + i}. The miller of village ${i} keeps bees and sells the honey at the market of the next town.`,
  answers: [`${1700 + i}`],
}));

describe('discern eval run', () => {
  it('makes an index for each way to ingest, shares within it, and goes on after a kill', async () => {
    writeFileSync(join(dir, 'rows.jsonl'), KEEPERS.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const file = experiment('mills.json', {
      dataset: { type: 'rows', path: 'rows.jsonl' },
      configs: { base: {}, strict: { isRel: { threshold: 0.9 } }, short: { ingest: { size: 60 } } },
    });
    const traces = (name: string) => join(dir, 'mills.results', 'traces', `${name}.jsonl`);
    const run = startDiscern(['eval', 'run', file]);
    while (linesOf(traces('short')).length < 2 && run.process.exitCode === null) await sleep(5);
    run.process.kill('SIGKILL');
    expect((await run.ended).code).toBeNull();
    const before = linesOf(traces('base'));
    expect(before.length).toBeLessThan(8);
    const { code, err, out } = await discern(['eval', 'run', file]);
    expect({ code, err }).toEqual({ code: 0, err: 'answers: 24\n' });
    const ids = KEEPERS.map(({ id }) => id);
    for (const name of ['base', 'strict', 'short'])
      expect(linesOf(traces(name)).map((line) => parseTrace(line).id)).toEqual(ids);
    // Answers are kept as they were; the torn one is asked again.
    for (const line of before) expect(linesOf(traces('base'))).toContain(line);
    expect(readdirSync(join(dir, 'mills.results')).filter((name) => name.startsWith('index-'))).toHaveLength(2);
    const report = reportIn('mills.results');
    expect(report.dataset).toMatchObject({ questions: 8, documents: 8 });
    const mean = (metric: string, system: string) =>
      report.table.find((cell) => cell.metric === metric && cell.system === system)!.value!.mean;
    expect(mean('recall.ndcg@10', 'base')).toBeGreaterThan(0.5);
    expect(mean('requests', 'short')).toBeGreaterThan(mean('requests', 'base'));
    // All that `strict` asks stands in `base`, and nothing of `short`, which has other passages.
    const asked = report.questions.length * (mean('requests', 'base') + mean('requests', 'short'));
    expect(report.run.requests - report.run.sharedRequests).toBeCloseTo(asked);
    expect(out).toContain(`${report.run.requests} requests to models, ${report.run.sharedRequests} (`);
  });

  it('records the baseline for other settings too, and tells the same from its traces alone', async () => {
    writeFileSync(
      join(dir, 'three.jsonl'),
      KEEPERS.slice(0, 3)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    );
    const file = experiment('wide.json', {
      dataset: { type: 'rows', path: 'three.jsonl' },
      ...{ configs: { base: {}, strict: { isRel: { threshold: 0.9 } } }, wide: 3 },
    });
    expect((await discern(['eval', 'run', file])).code).toBe(0);
    const first = reportIn('wide.results').chapters.sensitivity as SensitivityReport;
    const sweep = first.sweeps.find(({ path }) => path === 'isRel.threshold')!;
    expect(sweep.points.map(({ coverage }) => coverage)).toEqual(sweep.points.map(() => 1));
    expect((await discern(['eval', 'run', file])).code).toBe(0);
    expect(reportIn('wide.results').chapters.sensitivity).toEqual(first);
  });

  it('takes an index that is there, and is refused where that has changed', async () => {
    const index = join(dir, 'town.index');
    expect((await discern(['ingest', CORPUS, '--index', index])).code).toBe(0);
    const questions = ['Who keeps the lighthouse?', 'How heavy may a lorry be?'];
    writeFileSync(join(dir, 'town.jsonl'), questions.map((question) => `${JSON.stringify({ question })}\n`).join(''));
    const file = experiment('town.json', {
      ...{ dataset: { type: 'questions', path: 'town.jsonl' }, index: 'town.index', metrics: ['recall.ndcg@10'] },
      configs: {
        base: {},
        alone: { retrieve: { mode: 'never' }, generate: { maxTokens: 8 }, beam: { maxSegments: 1 } },
      },
    });
    expect(await discern(['eval', 'run', file])).toMatchObject({ code: 0 });
    const { questions: shown, table } = reportIn('town.results');
    expect(shown.map(({ answers }) => answers)).toEqual([null, null]);
    expect(table[0]).toMatchObject({ metric: 'recall.ndcg@10', value: null });
    const more = join(dir, 'more.txt');
    writeFileSync(more, 'The lighthouse is kept by nobody.');
    expect((await discern(['ingest', more, '--index', index])).code).toBe(0);
    const again = await discern(['eval', 'run', file]);
    expect(again.code).toBe(2);
    expect(again.err).toContain('index: it has changed since the traces of "base" were made');
  });

  it('says what is missing where there is nothing to search', async () => {
    writeFileSync(join(dir, 'few.jsonl'), '{"question":"Who?"}\n');
    const file = experiment('few.json', { dataset: { type: 'questions', path: 'few.jsonl' }, configs: { base: {} } });
    const { code, err } = await discern(['eval', 'run', file]);
    expect(code).toBe(2);
    expect(err).toContain('few brings no documents, so name an index');
  });
});
