import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CliContext } from '../../src/cli/context.ts';
import { registerEvalEmbedding } from '../../src/cli/eval-embedding.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { fileWith, jsonl, newFolder, runCommand } from './eval-fixtures.ts';

/** Counts what is embedded, and whether it was closed. */
function counted() {
  const seen = { calls: 0, texts: 0, closed: 0 };
  const open = async () => {
    const embedder = hashEmbedder();
    const embed = (...args: Parameters<typeof embedder.embed>) => {
      seen.calls += 1;
      seen.texts += args[0].length;
      return embedder.embed(...args);
    };
    const close = async () => {
      seen.closed += 1;
      await embedder.close();
    };
    return { embedder: { ...embedder, embed }, close };
  };
  const register = (program: Command, context: CliContext) => registerEvalEmbedding(program, context, open);
  return { seen, run: (...args: readonly string[]) => runCommand(register, ['embedding', ...args]) };
}

const pairs = jsonl([
  { sentence1: 'goats eat hay', sentence2: 'goats eat hay', score: 5, lang: 'en', domain: 'farm' },
  { sentence1: 'goats eat hay', sentence2: 'goats eat grass', score: 3, lang: 'en', domain: 'farm' },
  { sentence1: 'goats eat hay', sentence2: 'tax law of 1901', score: 0, lang: 'en', domain: 'law' },
]);
const animals = ['goats eat hay on the farm', 'the farm goats eat hay', 'on the farm goats eat'];
const laws = ['tax law court judge', 'court judge of tax law', 'judge and tax law court'];
const labelled = [
  ...animals.map((text) => ({ text, label: 'farm' })),
  ...laws.map((text) => ({ text, label: 'law', lang: 'en\u001b[2J' })),
];

describe('discern eval embedding', () => {
  it('measures similarity, each text embedded once, all in one call', async () => {
    const { run, seen } = counted();
    const { out } = await run('--task', 'sts', fileWith('sts.jsonl', pairs));
    expect(seen).toEqual({ calls: 1, texts: 3, closed: 1 });
    const [head, note, titles, ...rows] = out.split('\n');
    expect(head).toMatch(/^hash-\d+@1: sts, 3 pairs, 3 distinct texts embedded$/);
    expect(note).toBe('95% intervals in brackets');
    expect(titles!.trim().split(/ {2,}/)).toEqual(['n', 'Pearson', 'Spearman']);
    expect(rows.map((row) => row.trim().split(/ {2,}/).slice(0, 2))).toEqual([
      ['all', '3'],
      ['language en', '3'],
      ['domain farm', '2'],
      ['domain law', '1'],
    ]);
    expect(rows[0]).toMatch(/ 1\.000 \[-?1\.000, 1\.000\]$/);
    expect(rows[3]!.trim()).toMatch(/^domain law +1 +- +-$/);
  });

  it('clusters the lines of all files, and writes the report to a file', async () => {
    const { run } = counted();
    const json = join(newFolder(), 'report.json');
    const set = { sentences: [...animals, ...laws], labels: [1, 1, 1, 2, 2, 2], domain: 'mixed' };
    const files = [fileWith('a.jsonl', jsonl(labelled)), fileWith('b.jsonl', jsonl([set]))];
    const { out } = await run('--task', 'clustering', ...files, '--json', json, '--restarts', '3');
    expect(out).toContain('clustering, 12 texts in 2 sets, 6 distinct texts embedded');
    expect(out).toContain('language en\\u001b[2J  3 ');
    const report = JSON.parse(readFileSync(json, 'utf8'));
    expect(report).toMatchObject({
      ...{ task: 'clustering', texts: 6, seed: 0, files },
      overall: {
        n: 12,
        sets: 2,
        purity: { mean: 1, n: 12 },
        nmi: { mean: 1 },
        ari: { mean: 1 },
        vMeasure: { mean: 1 },
      },
      byDomain: { mixed: { n: 6, sets: 1, ari: { mean: 1 } } },
    });
  });

  it('fits a probe on the train rows', async () => {
    const { run, seen } = counted();
    const train = fileWith('train.jsonl', jsonl(labelled));
    const test = fileWith(
      'test.jsonl',
      jsonl([
        { text: 'goats on the farm', label: 'farm' },
        { text: 'judge of the tax law', label: 'law' },
        { text: 'rain', label: 'weather' },
      ]),
    );
    const { out } = await run('--task', 'probe', test, '--train', train, '--c', '100');
    expect(seen.texts).toBe(9);
    expect(out).toContain('logistic regression on 6 rows of 2 classes\n1 row of a class that the train rows lack');
    const { out: json } = await run('--task', 'probe', test, '--train', train, '--c', '100', '--json');
    expect(JSON.parse(json)).toMatchObject({
      overall: { n: 3, accuracy: { mean: 2 / 3 } },
      probe: { classes: ['farm', 'law'], trained: 6, unknownLabels: 1, converged: true, c: 100 },
    });
  });

  it.each<[string, (path: string) => string[], string]>([
    ['an unknown task', (path) => ['--task', 'nli', path], '--task takes one of sts, clustering, probe, got "nli"'],
    ['a probe without train rows', (path) => ['--task', 'probe', path], '--train is missing'],
    ['train rows of no use', (path) => ['--task', 'sts', path, '--train', path], '--train belongs to --task probe'],
    ['no restarts', (path) => ['--task', 'clustering', path, '--restarts', '0'], '--restarts must be at least 1'],
    [
      'a penalty below 0',
      (path) => ['--task', 'probe', path, '--train', path, '--c', '-1'],
      '--c takes a number above 0',
    ],
    ['rows of another task', (path) => ['--task', 'clustering', path], 'sts.jsonl, line 1: text '],
    ['a missing file', () => ['--task', 'sts', '/no/such.jsonl'], '/no/such.jsonl is not a file'],
  ])('says what is wrong before it embeds: %s', async (_, args, message) => {
    const { run, seen } = counted();
    await expect(run(...args(fileWith('sts.jsonl', pairs)))).rejects.toThrow(message);
    expect(seen).toEqual({ calls: 0, texts: 0, closed: 0 });
  });

  it('closes the embedder where the report cannot be written', async () => {
    const { run, seen } = counted();
    await expect(run('--task', 'sts', fileWith('sts.jsonl', pairs), '--json', newFolder())).rejects.toThrow(
      'cannot write',
    );
    expect(seen.closed).toBe(1);
  });
});
