import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CORPUS, discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const file = (name: string, rows: readonly object[]): string => {
  const path = join(dir, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
};
const seper = async (...args: string[]) => {
  const { code, out, err } = await discern(['seper', ...args]);
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return { out, err };
};

it('a passage that answers helps, one of something like it hurts; what was asked is not asked again', async () => {
  const data = file('rows.jsonl', [
    {
      ...{ id: 'weight', question: 'How heavy is the bell of Skarn?', answers: ['12 tonnes'] },
      passage: 'The bell of Skarn weighs 12 tonnes and was cast in 1742.',
    },
    {
      ...{ id: 'year', question: 'In which year was the bell of Skarn cast?', answers: ['1742'] },
      passages: ['The bell of Skarn was cast in 1742.', 'The bell of Hessel was cast in 1901.'],
    },
  ]);
  const out = join(dir, 'records.jsonl');
  const args = ['--data', data, '--k', '2,4', '--per-passage', '--thresholds', '--out', out, '--json'];
  const first = await seper(...args);
  const report = JSON.parse(first.out);
  expect(report).toMatchObject({
    ...{ rows: 2, k: 4, fewer: 0, discrete: 0, by: ['entail'], leftOut: {} },
    models: { sampler: ['gguf-smollm2-135m-instruct@1'], entailment: ['mini@1'] },
    passages: { n: 3, negative: 1 },
    thresholds: { by: 'isRel' },
  });
  const [weight, year] = report.figures;
  expect(weight.deltaSoft).toBeGreaterThan(0.4);
  expect(weight.isRel).toBeGreaterThan(0.5);
  expect(year.passages.map(({ negative }: { negative: boolean }) => negative)).toEqual([false, true]);
  expect(year.passages[1].deltaSoft).toBeLessThan(-0.3);

  const kept = readFileSync(out, 'utf8');
  expect(kept.trim().split('\n')).toHaveLength(2);
  const again = await seper(...args);
  expect(again.out).toBe(first.out);
  expect(again.err).toContain('2 of 2 rows done before');
  expect(readFileSync(out, 'utf8')).toBe(kept);
  // The second line cut off: the models say the same of its question again.
  writeFileSync(out, kept.slice(0, -200));
  expect((await seper(...args)).out).toBe(first.out);
  expect(readFileSync(out, 'utf8')).toBe(kept);
});

it('contexts of an index, found as `discern ask` finds them', async () => {
  const index = join(dir, 'index');
  expect((await discern(['ingest', CORPUS, '--index', index])).code).toBe(0);
  const data = file('questions.jsonl', [
    { question: 'In which year did the light on Little Hessel stop needing a keeper?', answers: ['1983'] },
    { question: 'xyzzy plugh qwerty?', answers: ['nothing'] },
  ]);
  const { out } = await seper('--data', data, '--index', index, '--k', '2', '--rerank.topN', '2', '--json');
  const { leftOut, figures } = JSON.parse(out);
  expect(leftOut).toEqual({ 'no passage': 1 });
  expect(figures[0]).toMatchObject({ gap: null, samples: { with: 2, without: 2 } });
  expect(figures[0].isRel).toBeGreaterThan(0.5);
});
