import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseTrace } from '../../src/trace.ts';
import { CORPUS, discern, startDiscern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const index = join(dir, 'index');
const lines = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);
const idsIn = (path: string): string[] => lines(path).map((line) => parseTrace(line).id);
const file = (name: string, text: string | Buffer): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};
const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const QUESTIONS = Array.from({ length: 60 }, (_, i) => ({
  id: `q${i}`,
  question: `In which year was number ${i} of the boats of Tavelin built?`,
}));

beforeAll(async () => {
  expect((await discern(['ingest', CORPUS, '--index', index])).code).toBe(0);
});

describe('discern run', () => {
  it('goes on where a kill stopped it: every question once, a torn line repaired', async () => {
    const questions = file('questions.jsonl', jsonl(QUESTIONS));
    const out = join(dir, 'killed.jsonl');
    const run = startDiscern(['run', questions, '--index', index, '--out', out]);
    const written = () => {
      try {
        return lines(out).length;
      } catch {
        return 0;
      }
    };
    while (written() < 3 && run.process.exitCode === null) await sleep(5);
    run.process.kill('SIGKILL');
    expect((await run.ended).code).toBeNull();
    const before = lines(out);
    expect(before.length).toBeLessThan(60);
    appendFileSync(out, before[0]!.slice(0, 900));
    const { code, out: said, err } = await discern(['run', questions, '--index', index, '--out', out]);
    expect(code).toBe(0);
    expect(err).toContain(`60 questions, ${before.length} done before\n`);
    expect(said).toMatch(/^\d+ answered or declined \(\d+ declined\), 0 failed; traces in .*killed\.jsonl\n$/);
    expect(lines(out).slice(0, before.length)).toEqual(before);
    expect(idsIn(out)).toEqual(QUESTIONS.map(({ id }) => id));
    const again = await discern(['run', questions, '--index', index, '--out', out]);
    expect(again.code).toBe(0);
    expect(again.out).toContain('0 answered or declined');
    expect(idsIn(out)).toHaveLength(60);
  });

  it('is not confused by the line separators of Unicode in documents and questions', async () => {
    const docs = join(dir, 'separators');
    mkdirSync(docs);
    writeFileSync(
      join(docs, 'a.txt'),
      'The mill was built in 1801.\u2028Its wheel turns left.\u2029The miller is Ida.',
    );
    const own = join(dir, 'separators.index');
    await discern(['ingest', docs, '--index', own]);
    const rows = [1, 2].map((id) => ({ id, question: 'When was the\u2028mill built?' }));
    const questions = file('separators.jsonl', jsonl(rows));
    const out = join(dir, 'separators.out.jsonl');
    const { code, err } = await discern(['run', questions, '--index', own, '--out', out]);
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('2 questions, 0 done before') });
    const again = await discern(['run', questions, '--index', own, '--out', out]);
    expect(again.err).toContain('2 questions, 2 done before');
    const replayed = await discern(['replay', out, '--json']);
    expect(replayed.err).toContain('2 of 2 questions replayed');
    expect(replayed.out.trim().split('\n')).toHaveLength(2);
  });

  it('keeps a last line that lacks only its line feed', async () => {
    const questions = file('few.jsonl', jsonl(QUESTIONS.slice(0, 2)));
    const out = join(dir, 'few.out.jsonl');
    await discern(['run', questions, '--index', index, '--out', out]);
    const whole = readFileSync(out, 'utf8');
    writeFileSync(out, whole.slice(0, -1));
    expect((await discern(['run', questions, '--index', index, '--out', out])).code).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(whole);
  });

  it('records and counts what failed, and says so by its exit code', async () => {
    const rows = [QUESTIONS[0]!, { id: 'blank', question: '  ' }, { id: 'long', question: 'x'.repeat(100_001) }];
    const out = join(dir, 'failing.jsonl');
    const ended = await discern(['run', file('failing.q.jsonl', jsonl(rows)), '--index', index, '--out', out]);
    expect(ended.code).toBe(1);
    expect(ended.out).toContain('2 failed');
    expect(idsIn(out)).toEqual(['q0']);
    expect(lines(`${out}.failures.jsonl`).map((line) => JSON.parse(line))).toEqual([
      { id: 'blank', code: 'INPUT_INVALID', message: 'the question is empty' },
      { id: 'long', code: 'INPUT_INVALID', message: expect.stringContaining('100001 characters') },
    ]);
  });

  it('reads .gz, and names rows without an id by their line', async () => {
    const rows = gzipSync(jsonl([{ question: 'Who keeps the bridge?' }, { id: 7, question: 'Who rings the bell?' }]));
    const out = join(dir, 'gz.jsonl');
    const { code } = await discern(['run', file('q.jsonl.gz', rows), '--index', index, '--out', out]);
    expect(code).toBe(0);
    expect(idsIn(out)).toEqual(['line-1', '7']);
  });

  it.each([
    ['the same id twice', jsonl([QUESTIONS[0]!, QUESTIONS[0]!]), 'line 2: the id "q0" stands there twice'],
    ['a row without a question', '{"id":"a"}\n', 'line 1: not an object with a "question"'],
    ['no JSON', 'Who?\n', 'line 1: not an object with a "question"'],
  ])('refuses %s before it begins', async (what, text, said) => {
    const out = join(dir, `${what}.jsonl`);
    const ended = await discern(['run', file('bad.jsonl', text), '--index', index, '--out', out]);
    expect({ code: ended.code, out: ended.out }).toEqual({ code: 2, out: '' });
    expect(ended.err).toContain(said);
    expect(() => readFileSync(out)).toThrow('ENOENT');
  });

  it('refuses a broken .gz file', async () => {
    const broken = file('broken.jsonl.gz', gzipSync(jsonl(QUESTIONS)).subarray(0, 200));
    const ended = await discern(['run', broken, '--index', index, '--out', join(dir, 'broken.out')]);
    expect(ended.code).toBe(2);
    expect(ended.err).toMatch(/^error INPUT_INVALID: .*broken\.jsonl\.gz/m);
  });

  it.each([
    ['notes', 'Dear diary,\ntoday I asked nothing.\n'],
    ['one line of notes', 'Dear diary, today I asked nothing.\n'],
    ['other JSON', '{"a":1}\n{"b":2}\n'],
    ['one line of other JSON', '{"a":1}\n'],
  ])('leaves an output file with %s as it is', async (what, text) => {
    const out = file(`${what}.keep`, text);
    const questions = file('keep.q.jsonl', jsonl(QUESTIONS.slice(0, 1)));
    const ended = await discern(['run', questions, '--index', index, '--out', out]);
    expect(ended.code).toBe(2);
    expect(ended.err).toContain('hint: give another file with --out');
    expect(readFileSync(out, 'utf8')).toBe(text);
  });
});
