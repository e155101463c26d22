import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { registerCheck } from '../../src/cli/check.ts';
import type { CliContext } from '../../src/cli/context.ts';
import { registerDiff } from '../../src/cli/diff.ts';
import { readEnvironment } from '../../src/cli/environment.ts';
import { DiscernError } from '../../src/errors.ts';
import type { FaultReport } from '../../src/evaluate/faults/fault-report.ts';
import type { Trace } from '../../src/types.ts';
import { discern, temporaryFolder } from '../fixtures/cli/discern.ts';
import { critic, QUESTIONS, record } from './faults-fixtures.ts';

const dir = temporaryFolder();
const path = (name: string): string => join(dir, name);
const write = (name: string, rows: readonly unknown[]): void =>
  writeFileSync(path(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

beforeAll(async () => {
  const questions = [...QUESTIONS.slice(0, 7), 'Who \u001b[31mpainted\u202e the mill?'];
  const before = await record({ questions });
  const after = await record({ questions, critic: critic(true) });
  write('a.jsonl', before);
  write('b.jsonl', after);
  write('short.jsonl', after.slice(0, 6));
  write('other.jsonl', await record({ questions: ['Another question?'] }));
  const gold = ({ id, question, answer }: Trace) => ({ id, question, answers: [answer.text.replace(/ ?\[\d\]/g, '')] });
  write('gold.jsonl', before.map(gold));
  writeFileSync(path('broken.jsonl'), '{"version":2}\n');
  writeFileSync(path('empty.jsonl'), '\n');
});

/** The command in this process, as `main.ts` runs it. */
async function run(...args: readonly string[]): Promise<{ code: number; out: string }> {
  const lines: string[] = [];
  const context: CliContext = {
    environment: readEnvironment(),
    signal: new AbortController().signal,
    print: (line) => lines.push(line),
    note: () => {},
  };
  const program = new Command('discern').exitOverride().configureOutput({ writeErr: () => {} });
  registerDiff(program, context);
  registerCheck(program, context);
  const files = args.map((arg) => (/^[a-z]+\.(jsonl|html)$/.test(arg) ? path(arg) : arg));
  try {
    await program.parseAsync(files, { from: 'user' });
    return { code: Number(process.exitCode ?? 0), out: lines.join('\n') };
  } finally {
    process.exitCode = undefined;
  }
}

const diff = (...args: readonly string[]) => run('diff', 'a.jsonl', ...args);
const check = (second: string, ...args: readonly string[]) => run('check', second, '--baseline', 'a.jsonl', ...args);

describe('discern diff', () => {
  it('prints who is to blame, and leaves control characters where they are', async () => {
    const { code, out } = await diff('b.jsonl', '--gold', 'gold.jsonl', '--metric', 'em');
    expect(code).toBe(0);
    expect(out).toMatch(/^b\.jsonl against a\.jsonl\n8 questions in both\n\d answers changed/);
    expect(out).toMatch(/critic +\d+ +\d+ +0 +−1\.000 \[−1\.000, −1\.000\]/);
    expect(out).not.toMatch(/^ {2}(recall|gate|generator|settings) +\d/m);
    expect(out).toMatch(/isRel +critic@1 +\d+ of \d+ requests in both runs/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(out).not.toMatch(/[\u001b\u202e]/);
  });

  it('gives the report as JSON and as a page', async () => {
    const { code, out } = await diff('b.jsonl', '--json', '--report', 'page.html');
    expect(code).toBe(0);
    const report = JSON.parse(out) as FaultReport;
    expect(report).toMatchObject({ version: 1, pairs: 8, a: { name: 'a.jsonl' }, b: { name: 'b.jsonl' }, metrics: [] });
    expect(report.questions.map(({ stages }) => stages)).toEqual(Array(report.changed).fill(['critic']));
    expect(readFileSync(path('page.html'), 'utf8')).toContain('<title>b.jsonl against a.jsonl · Comparison</title>');
  });

  it('fails a build where an answer changed or is missing, if asked to', async () => {
    const codes = async (b: string, ...flags: string[]) => (await diff(b, ...flags)).code;
    expect(await codes('a.jsonl', '--fail-on-change')).toBe(0);
    expect(await codes('b.jsonl', '--fail-on-change')).toBe(1);
    expect(await codes('short.jsonl')).toBe(0);
    expect(await codes('short.jsonl', '--fail-on-change')).toBe(1);
  });
});

describe('discern check', () => {
  const gold = ['--gold', 'gold.jsonl'];

  it('passes what is no worse', async () => {
    const { code, out } = await check('a.jsonl', ...gold, '--max-drop', 'em=0', '--max-rise', 'calls=0');
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => line.startsWith('ok '))).toHaveLength(2);
    expect(out).not.toContain('blamed');
  });

  it('fails what is worse, and says by how much and which stage did it', async () => {
    const { code, out } = await check('b.jsonl', ...gold, '--max-drop', 'f1=0.01', '--sure');
    expect(code).toBe(1);
    expect(out).toMatch(
      /^FAIL f1 dropped by 0\.\d{4} \[0\.\d{4}, 0\.\d{4}\] on 8 questions, 1\.000 -> 0\.\d{3}; allowed: a drop of at most 0\.010/,
    );
    expect(out).toMatch(/critic: \d answers; on them f1 −0\.\d{3} \[−0\.\d{3}, −0\.\d{3}\]/);
  });

  it('gives the figures as JSON', async () => {
    const { code, out } = await check('b.jsonl', ...gold, '--max-drop', 'em=0.01', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      passed: false,
      sure: false,
      limits: [{ metric: 'em', passed: false, n: 8 }],
    });
  });

  it('a missing question is an error unless it may be missing', async () => {
    const limits = ['--max-rise', 'calls=100'];
    await expect(check('short.jsonl', ...limits)).rejects.toMatchObject({
      ...{ code: 'INPUT_INVALID', message: '2 of 8 questions are missing in the run: "q6", "q7"' },
    });
    expect((await check('short.jsonl', ...limits, '--allow-missing')).code).toBe(0);
  });
});

/** What a person does wrong, and what must be said about it. */
const MISTAKES: readonly [what: string, args: readonly string[], said: readonly string[]][] = [
  ['no second run', ['diff', 'a.jsonl'], ["missing required argument 'second'"]],
  ['no such file', ['diff', 'a.jsonl', 'none.jsonl'], ['INPUT_INVALID', 'none.jsonl is not a file']],
  ['another file', ['diff', 'a.jsonl', 'broken.jsonl'], ['TRACE_INVALID', 'broken.jsonl, line 1', 'trace version 2']],
  ['no trace', ['diff', 'a.jsonl', 'empty.jsonl'], ['INPUT_INVALID', 'empty.jsonl holds no trace']],
  ['other questions', ['diff', 'a.jsonl', 'other.jsonl'], ['INPUT_INVALID', 'no question in common', 'hint:']],
  ['an unknown metric', ['diff', 'a.jsonl', 'b.jsonl', '--metric', 'taste'], ['INPUT_INVALID', 'metric "taste"']],
  [
    'an unknown type',
    ['diff', 'a.jsonl', 'b.jsonl', '--gold', 'x', '--gold-type', 'y'],
    ['INPUT_INVALID', 'squad', '"y"'],
  ],
  ['no seed', ['diff', 'a.jsonl', 'b.jsonl', '--seed', '-1'], ['INPUT_INVALID', '--seed', '"-1"']],
  ['no limit', ['check', 'b.jsonl', '--baseline', 'a.jsonl'], ['INPUT_INVALID', 'no limit', '--max-drop f1=0.01']],
  ['no number', ['check', 'b.jsonl', '--baseline', 'a.jsonl', '--max-drop', 'f1'], ['INPUT_INVALID', '"f1"']],
  ['below zero', ['check', 'b.jsonl', '--baseline', 'a.jsonl', '--max-drop', 'f1=-1'], ['INPUT_INVALID', '"f1=-1"']],
  ['a drop of a cost', ['check', 'b.jsonl', '--baseline', 'a.jsonl', '--max-drop', 'calls=1'], ['calls', '--max-rise']],
  ['a rise of a quality', ['check', 'b.jsonl', '--baseline', 'a.jsonl', '--max-rise', 'f1=1'], ['f1', '--max-drop']],
  [
    'two limits',
    ['check', 'b.jsonl', '--baseline', 'a.jsonl', '--max-drop', 'f1=1', '--max-drop', 'f1=2'],
    ['f1 has two'],
  ],
  [
    'no gold',
    ['check', 'b.jsonl', '--baseline', 'a.jsonl', '--max-drop', 'f1=1'],
    ['f1 is defined for none of 8', 'gold'],
  ],
];

describe('a mistake', () => {
  it.each(MISTAKES)('%s is told', async (_what, args, said) => {
    const error = await run(...args).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    const { code, message, hint } = error as { code: string; message: string; hint?: string };
    for (const words of said) expect(`${code} ${message} hint: ${hint}`).toContain(words);
    if (DiscernError.is(error)) expect(error.blame).toBe('user');
    else expect(error).toBeInstanceOf(CommanderError);
  });

  it('ends the command with 2, and a broken limit with 1', async () => {
    const missing = await discern(['check', 'short.jsonl', '--baseline', 'a.jsonl', '--max-rise', 'calls=9'], {
      cwd: dir,
    });
    expect(missing).toMatchObject({ code: 2, out: '' });
    expect(missing.err).toContain('hint: answer them, or leave them out with --allow-missing');
    expect((await discern(['diff', 'a.jsonl', 'b.jsonl', '--fail-on-change'], { cwd: dir })).code).toBe(1);
  });
});
