import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { registerEvalRun } from '../../src/cli/eval-run.ts';
import { factScope, type OpenSystems } from '../../src/cli/eval-run-systems.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import type { RunOptions } from '../../src/evaluate/experiment/run.ts';
import type { FaultReport } from '../../src/evaluate/faults/fault-report.ts';
import type { ExperimentReport } from '../../src/evaluate/report/experiment-report.ts';
import type { SensitivityReport } from '../../src/evaluate/sensitivity/sensitivity.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Fact } from '../../src/types.ts';
import { jsonl, newFolder, runCommand } from './eval-fixtures.ts';
import { askOf, CONFIGS, countingParts, failingAt, NO_CALLS, QUESTIONS } from './experiment-fixtures.ts';

const GIVEN = {
  name: 'Who keeps what',
  dataset: { type: 'questions', path: 'questions.jsonl' },
  configs: CONFIGS,
  metrics: ['em', 'contains'],
};

/** A folder with an experiment and its questions. */
function experimentFile(change: object = {}): { readonly file: string; readonly out: string } {
  const folder = newFolder();
  const rows = QUESTIONS.map(({ id, question, answers }) => ({ id, question, answers, relevant: [id] }));
  writeFileSync(join(folder, 'questions.jsonl'), jsonl(rows));
  const file = join(folder, 'keepers.json');
  writeFileSync(file, JSON.stringify({ ...GIVEN, ...change }));
  return { file, out: join(folder, 'keepers.results') };
}

interface Fakes {
  readonly ask?: RunOptions['ask'];
  readonly index?: string;
  readonly onOpen?: () => void;
}

/** Runs the command with parts of the test; what it asked of them. */
async function evalRun(args: readonly string[], { ask, index = 'i1', onOpen }: Fakes = {}) {
  const fake = countingParts();
  let closed = 0;
  const open: OpenSystems = async ({ systems }) => {
    onOpen?.();
    return {
      ask: ask ?? askOf(fake),
      scopeOf: factScope,
      indexes: Object.fromEntries(systems.map(({ name }) => [name, index])),
      close: async () => {
        closed += 1;
      },
    };
  };
  const ran = runCommand((program, context) => registerEvalRun(program, context, open), ['run', ...args]);
  return { ...(await ran), calls: fake.calls, closed };
}

const once = experimentFile();
const ran = evalRun([once.file]);

/** A copy of an experiment that has run. */
async function finished(): Promise<{ readonly file: string; readonly out: string }> {
  await ran;
  const folder = newFolder();
  cpSync(dirname(once.file), folder, { recursive: true });
  return { file: join(folder, 'keepers.json'), out: join(folder, 'keepers.results') };
}

const reportIn = (out: string): ExperimentReport => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));

afterEach(() => {
  process.exitCode = undefined;
});

describe('discern eval run', () => {
  it('tells what the options and critics of the baseline change where it is recorded for that', async () => {
    const { file, out } = experimentFile({ wide: 2 });
    await evalRun([file]);
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as ExperimentReport;
    const { metric, base } = report.chapters.sensitivity as SensitivityReport;
    expect({ name: metric.name, questions: base.questions }).toEqual({ name: 'em', questions: QUESTIONS.length });
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toMatch(/<h2>[^\n]*: base/);
  });

  it('prints the table stage by stage, what sharing saved, and where the report is', async () => {
    const { out: said, closed } = await ran;
    expect(closed).toBe(1);
    expect(process.exitCode).toBeUndefined();
    const lines = said
      .replace(/; [\d.]+ s$/m, '; 0.1 s')
      .replaceAll(once.out, 'OUT')
      .split('\n');
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "Who keeps what
      4 questions of questions; means with 95% intervals, against base

      end to end
        em        base    0.500 [0.000, 1.000]  n 4
                  strict  0.250 [0.000, 0.750]  n 4  −0.250 [−0.750, 0.000]  p = 1.000
                  loose   0.750 [0.250, 1.000]  n 4  +0.250 [0.000, +0.750]  p = 1.000
        contains  base    0.500 [0.000, 1.000]  n 4
                  strict  0.250 [0.000, 0.750]  n 4  −0.250 [−0.750, 0.000]  p = 1.000
                  loose   0.750 [0.250, 1.000]  n 4  +0.250 [0.000, +0.750]  p = 1.000

      cost of a question
        calls     base    3.500 [2.500, 4.000]  n 4
                  strict  3.000 [2.000, 4.000]  n 4  −0.500 [−1.500, 0.000]  p = 1.000
                  loose   4.000 [4.000, 4.000]  n 4  +0.500 [0.000, +1.500]  p = 1.000
        requests  base    4.250 [2.750, 5.000]  n 4
                  strict  3.500 [2.000, 5.000]  n 4  −0.750 [−2.250, 0.000]  p = 1.000
                  loose   5.000 [5.000, 5.000]  n 4  +0.750 [0.000, +2.250]  p = 1.000
        tokens    base    0.750 [0.250, 1.000]  n 4
                  strict  0.500 [0.000, 1.000]  n 4  −0.250 [−0.750, 0.000]  p = 1.000
                  loose   1.000 [1.000, 1.000]  n 4  +0.250 [0.000, +0.750]  p = 1.000
        ms        base    0 [0, 0]              n 4
                  strict  0 [0, 0]              n 4  0 [0, 0]                p = 1.000
                  loose   0 [0, 0]              n 4  0 [0, 0]                p = 1.000

      51 requests to models, 31 (61%) saved by sharing; 0.1 s
      report: OUT/report.html and OUT/report.json"
    `);
  });

  it('writes a report whose traces can be opened, as JSON and as a page', async () => {
    const { out } = await finished();
    const report = reportIn(out);
    expect(report.dataset).toMatchObject({ name: 'questions', questions: 4, documents: null });
    expect(report.packageVersion).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version);
    for (const { id, results } of report.questions)
      for (const [system, { trace }] of Object.entries(results)) {
        const line = readFileSync(join(out, trace.file), 'utf8').split('\n')[trace.line - 1]!;
        expect({ id: parseTrace(line).id, file: trace.file }).toEqual({ id, file: `traces/${system}.jsonl` });
      }
    expect(Object.keys(report.chapters)).toEqual(['answered', 'faults-strict', 'faults-loose']);
    const { stages } = report.chapters['faults-strict'] as FaultReport;
    expect(stages.filter(({ blamed }) => blamed > 0).map(({ stage }) => stage)).toEqual(['settings']);
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    for (const text of ['Who keeps what', 'Retrieved is not answered', 'traces/loose.jsonl'])
      expect(page).toContain(text);
  });

  it('goes on where it stopped, and says so', async () => {
    const { file, out } = experimentFile();
    const ask = failingAt(askOf(countingParts()), 'strict', 'q3', new DiscernError('INDEX_CORRUPT', 'gone'));
    await expect(evalRun([file, '--parallel', '1'], { ask })).rejects.toMatchObject({ code: 'INDEX_CORRUPT' });
    expect(existsSync(join(out, 'report.json'))).toBe(false);
    const { calls } = await evalRun([file]);
    // Of q3 only `loose` and `strict` are open, and the trace of `base` has their facts.
    expect(calls).toEqual({ ...NO_CALLS, recall: 1, recalled: 1, critique: 2, critiques: 3, extend: 1, extensions: 1 });
    const { calls: none } = await evalRun([file]);
    expect(none).toEqual(NO_CALLS);
    expect(reportIn(out).table.map(({ value }) => value!.n)).toEqual(Array(18).fill(4));
  });

  it('begins anew with --fresh, also with another config', async () => {
    const { file, out } = await finished();
    const other = { ...GIVEN, configs: { base: { isRel: { threshold: 0.1 } } } };
    writeFileSync(file, JSON.stringify(other));
    let opened = 0;
    const onOpen = () => {
      opened += 1;
    };
    await expect(evalRun([file], { onOpen })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'configs.base has changed since its traces were made: isRel.threshold was 0.5 and is 0.1',
    });
    expect(opened).toBe(0);
    writeFileSync(join(out, 'notes.txt'), 'mine');
    const { calls } = await evalRun([file, '--fresh']);
    expect(calls.recalled).toBe(4);
    expect(['strict', 'loose'].map((name) => existsSync(join(out, 'traces', `${name}.jsonl`)))).toEqual([false, false]);
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('refuses questions or an index that have changed', async () => {
    const { file } = await finished();
    await expect(evalRun([file], { index: 'i2' })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: 'index: it has changed since the traces of "base" were made',
    });
    writeFileSync(join(file, '..', 'questions.jsonl'), jsonl([{ id: 'q1', question: 'Who?', answers: ['I'] }]));
    await expect(evalRun([file])).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: 'dataset: its files have changed since the traces were made',
    });
  });

  it('refuses traces of which nothing tells how they were made', async () => {
    const { out } = await finished();
    const { file: other, out: stray } = experimentFile();
    mkdirSync(join(stray, 'traces'), { recursive: true });
    writeFileSync(join(stray, 'traces', 'base.jsonl'), readFileSync(join(out, 'traces', 'base.jsonl')));
    await expect(evalRun([other])).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('nothing tells how it was made'),
    });
  });

  it('asks a part of the questions first, and the rest later', async () => {
    const { file, out } = experimentFile();
    const { calls } = await evalRun([file, '--limit', '2']);
    expect(calls.recalled).toBe(2);
    expect(reportIn(out).questions).toHaveLength(2);
    const { calls: rest } = await evalRun([file]);
    expect(rest.recalled).toBe(2);
    expect(reportIn(out).questions.map(({ id }) => id)).toEqual(['q1', 'q2', 'q3', 'q4']);
  });

  it('tells failures by their number and codes, and by its exit code', async () => {
    const { file, out } = experimentFile();
    const { out: said } = await evalRun([file], { ask: failingAt(askOf(countingParts()), 'strict', 'q3') });
    expect(said).toContain('strict: 1 question failed, and count in no mean: BACKEND_FAILED');
    expect(process.exitCode).toBe(1);
    expect(reportIn(out).systems.map(({ failed }) => failed.length)).toEqual([0, 1, 0]);
  });

  it.each(['CONFIG_INVALID', 'CRITIC_KIND_UNSUPPORTED', 'MODEL_UNAVAILABLE'] as const)(
    'ends at once at %s, which every question would meet',
    async (code) => {
      const { file } = experimentFile();
      let asked = 0;
      const ask: RunOptions['ask'] = async () => {
        asked += 1;
        throw new DiscernError(code, 'wrong');
      };
      await expect(evalRun([file, '--parallel', '1'], { ask })).rejects.toMatchObject({ code });
      expect(asked).toBe(1);
    },
  );

  it.each([
    ['a file that is missing', '', [], 'is no JSON that can be read'],
    ['a file that is no JSON', '{', [], 'is no JSON that can be read'],
    ['a typo', JSON.stringify({ ...GIVEN, metric: [] }), [], 'Unrecognized key: "metric"'],
    ['a dataset that is missing', JSON.stringify({ ...GIVEN, dataset: { type: 'rows', path: 'x' } }), [], 'x'],
    ['no number', JSON.stringify(GIVEN), ['--limit', 'all'], '--limit takes a whole number from 1, got "all"'],
    ['too many', JSON.stringify(GIVEN), ['--parallel', '65'], '--parallel takes a whole number from 1 to 64, got "65"'],
  ])('refuses %s before anything is asked or written', async (_, text, args, said) => {
    const { file, out } = experimentFile();
    if (text === '') writeFileSync(file, '');
    else writeFileSync(file, text);
    const path = text === '' ? `${file}.missing` : file;
    await expect(evalRun([path, ...args])).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(said),
    });
    expect(existsSync(out)).toBe(false);
  });

  it('puts the results where --out says, with texts of others shown and not obeyed', async () => {
    const { file, out } = experimentFile({ name: 'a\u001b[31mb<script>' });
    const elsewhere = join(newFolder(), 'a', 'b');
    const { out: said } = await evalRun([file, '--out', elsewhere]);
    expect(said).toContain('a\\u001b[31mb<script>');
    expect(readFileSync(join(elsewhere, 'report.html'), 'utf8')).not.toContain('<script');
    expect(existsSync(out)).toBe(false);
  });
});

describe('factScope: when configs would be told the same', () => {
  const fact = (role: Fact['role'], value: unknown = null): Fact => ({ role, backend: 'b', key: 'k', value, ms: 0 });
  const roles: readonly [string, Fact][] = [
    ...(['rewrite', 'recall', 'rerank', 'sample', 'entail', 'extend'] as const).map(
      (role) => [role, fact(role)] as [string, Fact],
    ),
    ...(['retrieve', 'isRel', 'isSup', 'isUse'] as const).map(
      (kind) => [kind, fact('critique', { kind })] as [string, Fact],
    ),
  ];
  /** The facts that are not shared between the two. */
  const apart = (a: ConfigInput, b: ConfigInput): string[] => {
    const [one, two] = [a, b].map((config) => factScope({ name: 'x', config: parseConfig(config) }));
    return roles.flatMap(([name, one_]) => (one!(one_) === two!(one_) ? [] : [name]));
  };
  const all = roles.map(([name]) => name);

  it.each<[string, ConfigInput, ConfigInput, string[]]>([
    [
      'thresholds and weights',
      {},
      { retrieve: { threshold: 0.5 }, isRel: { threshold: 0.5 }, weights: { isSup: 2 } },
      [],
    ],
    ['how much is taken', {}, { recall: { topK: 9 }, rerank: { topN: 2, mix: 0.3 }, beam: { width: 5 } }, []],
    ['another embedder', {}, { embedder: { model: 'other' } }, all],
    ['other passages', {}, { ingest: { size: 500 } }, all],
    ['another reranker', {}, { rerank: { backend: 'embedding' } }, ['rerank']],
    ['another critic of one token', {}, { critics: { isSup: 'prompted' } }, ['isSup']],
    ['a token that is not judged', {}, { critics: { isUse: null } }, ['isUse']],
    [
      'a server of critics',
      {},
      { critics: { baseUrl: 'http://a/' } },
      ['sample', 'extend', 'retrieve', 'isRel', 'isSup', 'isUse'],
    ],
    [
      'the threshold of a cascade',
      { critics: { isRel: 'cascade:mini,prompted' } },
      { critics: { isRel: 'cascade:mini,prompted' }, isRel: { threshold: 0.7 } },
      ['isRel'],
    ],
    [
      'the seed of a critic that samples',
      { critics: { isSup: 'sampled' } },
      { critics: { isSup: 'sampled' }, generate: { seed: 1 } },
      ['isSup'],
    ],
    ['another language model', {}, { generate: { model: 'other' } }, ['rewrite', 'sample', 'extend']],
    ['another ranker of quotes', {}, { generate: { quoteRanker: null } }, ['sample', 'extend']],
    ['another model of entailment', {}, { gate: { entailment: 'prompted' } }, ['entail']],
    ['a rewriter', {}, { recall: { rewrite: 'prompted' } }, ['rewrite']],
  ])('%s', (_, a, b, wanted) => {
    expect(apart(a, b)).toEqual(wanted);
  });
});
