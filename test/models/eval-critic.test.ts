import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { discern, startDiscern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const MINI = fileURLToPath(new URL('../../critics/mini/1', import.meta.url));
const file = (name: string, rows: readonly object[]): string => {
  const path = join(dir, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
};

const FACTS = [
  ['Who keeps the lighthouse of Tavelin?', 'The lighthouse of Tavelin is kept by Ada Brenn.', 'Ada Brenn'],
  ['When was the stone bridge built?', 'The stone bridge was built in 1742 by the guild of masons.', '1742'],
  ['What do the goats eat in winter?', 'In winter the goats eat hay and dried nettles.', 'hay and dried nettles'],
  [
    'Where is the bell foundry?',
    'The bell foundry stands behind the harbour, next to the rope walk.',
    'behind the harbour',
  ],
] as const;
const other = (i: number) => FACTS[(i + 1) % FACTS.length]!;
const source = 'own';
const RELEVANCE = FACTS.flatMap(([question, passage], i) => [
  { task: 'relevance', question, passage, label: 'relevant', source },
  { task: 'relevance', question, passage: other(i)[1], label: 'irrelevant', source },
]);
const SUPPORT = FACTS.flatMap(([question, passage], i) => [
  { task: 'support', question, passage, answer: passage, label: 'full', source },
  { task: 'support', question, passage, answer: other(i)[1], label: 'none', source },
]);
const REST = FACTS.flatMap(([question, , answer], i) => [
  { task: 'utility', question, answer, label: 4, source },
  { task: 'utility_pair', question, answer_a: answer, answer_b: 'No idea.', label: 'a', source },
  { task: 'retrieve', question, label: i === 0 ? 'no_retrieve' : 'retrieve', source },
  { task: 'answer_equivalence', question, answer, refs: [answer.toUpperCase()], label: 'equivalent', source },
  { task: 'answer_equivalence', question, answer, refs: [other(i)[2]], label: 'different', source },
]);
const all = file('all.jsonl', [...RELEVANCE, ...SUPPORT, ...REST]);
const evaluate = async (...args: string[]) => {
  const { code, out, err } = await discern(['eval', 'critic', '--data', all, '--json', ...args]);
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return { report: JSON.parse(out), err };
};

describe('discern eval critic', () => {
  it('the embedding critic: right on easy rows, and says which heads it lacks', async () => {
    const { report, err } = await evaluate('--critic', 'embedding');
    expect(report.critic).toBe('embedding@1');
    expect(Object.keys(report.heads)).toEqual(['isRel', 'isSup']);
    expect(report.heads.isRel).toMatchObject({ n: 8, auroc: { mean: 1, n: 8 } });
    expect(report.heads.isSup.auroc.mean).toBe(1);
    expect(report.heads.isRel.rowsPerSecond.mean).toBeGreaterThan(1);
    expect(err).toContain('embedding@1 does not predict isUse: 8 rows left out');
    expect(err).toContain('does not predict entail: 8 rows left out');
  });

  it('a language model as critic', async () => {
    const { report } = await evaluate('--critic', 'prompted', '--limit', '3');
    expect(report.critic).toBe('prompted-smollm2-135m-instruct@1');
    expect(Object.keys(report.heads)).toEqual(['isRel', 'isSup', 'isUse', 'retrieve']);
    expect(report.heads.isUse.n).toBe(3);
  });

  it('our classifier by name: all heads, raw beside calibrated', async () => {
    const { report } = await evaluate('--critic', 'mini');
    expect(report.critic).toBe('mini@1');
    expect(Object.keys(report.heads)).toEqual(['isRel', 'isSup', 'isUse', 'retrieve', 'entail']);
    for (const figures of Object.values<{ eceRaw: { n: number } }>(report.heads))
      expect(figures.eceRaw.n).toBeGreaterThan(3);
    // The same words are the same answer, whatever the model thinks.
    expect(report.heads.entail.perClass.equivalent.recall.mean).toBe(1);
  });

  it('an interrupt ends it soon, with exit code 130', async () => {
    const many = file(
      'many.jsonl',
      Array.from({ length: 3000 }, (_, i) => ({ ...RELEVANCE[i % 8]!, question: `${i}?` })),
    );
    const { process: child, ended } = startDiscern(['eval', 'critic', '--critic', 'mini', '--data', many]);
    child.stderr!.on('data', (text: string) => text.includes('isRel rows') && child.kill('SIGINT'));
    const { code, out, err } = await ended;
    expect({ code, out }).toEqual({ code: 130, out: '' });
    expect(err).toContain('error ABORTED');
  });
});

it('discern critics calibrate --write: the critic of the folder says other probabilities then', async () => {
  const folder = join(dir, 'mini');
  cpSync(MINI, folder, { recursive: true });
  const path = join(folder, 'critic.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), calibration: {} }));
  const raw = (await evaluate('--critic', folder)).report.heads;
  expect(raw.isSup.brier).toEqual(raw.isSup.brierRaw);
  const { code, out } = await discern(['critics', 'calibrate', '--critic', folder, '--data', all, '--write']);
  expect({ code, out }).toEqual({
    code: 0,
    out: expect.stringContaining(': isRel, isSup, isUse, retrieve, equivalent'),
  });
  expect(JSON.parse(readFileSync(path, 'utf8')).calibration.equivalent.fittedOn).toEqual({
    ...{ data: expect.stringMatching(/\/all\.jsonl [0-9a-f]{8}$/), n: 4 },
  });
  const { heads } = (await evaluate('--critic', folder)).report;
  expect(heads.isSup.brierRaw).toEqual(raw.isSup.brierRaw);
  expect(heads.isSup.brier.mean).not.toBe(raw.isSup.brier.mean);
});
