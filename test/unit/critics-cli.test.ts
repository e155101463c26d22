import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClassifierDefinitionSchema } from '../../src/backends/classifier-definition.ts';
import { calibrated } from '../../src/calibration.ts';
import { registerCritics } from '../../src/cli/critics.ts';
import { listCritics, storeCalibration } from '../../src/critics.ts';
import { calibrateHead, relevanceThreshold } from '../../src/evaluate/critics/calibrate.ts';
import type { Judged } from '../../src/evaluate/critics/judge.ts';
import { fileWith, jsonl, newFolder, opened, runCommand } from './eval-fixtures.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const definition = (model: string) => ({
  ...{ id: 'tiny', version: 1, type: 'classifier' },
  files: [
    { path: 'model.onnx', bytes: model.length, sha256: sha(model) },
    { path: 'tokenizer.json', bytes: 2, sha256: sha('{}') },
  ],
  frame: { start: 1, end: 2, taskBase: 3 },
  sizes: { maxTokens: 64, leastLast: 8, limit: 64, shared: 8, mostWindows: 4 },
  heads: { isRel: { at: 0, outputs: 1 }, equivalent: { at: 1, outputs: 1 } },
  calibration: { isSup: { use: { method: 'temperature', temperature: 2 }, fittedOn: { data: 'old', n: 1 } } },
  ...{ isRelThreshold: null, rerankMix: 0.5, metrics: { kept: true }, trainedFrom: { base: 'x' } },
});

function criticFolder(model = 'weights', dir = newFolder()): string {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'critic.json'), `${JSON.stringify(definition(model), null, 2)}\n`);
  writeFileSync(join(dir, 'model.onnx'), 'weights');
  writeFileSync(join(dir, 'tokenizer.json'), '{}');
  return dir;
}
const read = (folder: string) => readFileSync(join(folder, 'critic.json'), 'utf8');

/** Says 0.9 where 3 of 4 are relevant, and 0.1 where 1 of 4 is. */
const rows = [0.9, 0.1].flatMap((said) =>
  Array.from({ length: 40 }, (_, i) => ({
    ...{ task: 'relevance', question: 'q', passage: `${said}`, source: i < 20 ? 'a' : 'b' },
    label: (i % 4 === 0) === (said === 0.1) ? 'relevant' : 'irrelevant',
  })),
);
const dev = fileWith('dev.jsonl', jsonl(rows));
const calibrate = (args: readonly string[], folder: string | null = null) =>
  runCommand(registerCritics, ['critics', 'calibrate', '--critic', 'reading', ...args], opened({ folder }));

describe('discern critics calibrate', () => {
  it('prints each method with its figures, and changes nothing unasked', async () => {
    const folder = criticFolder();
    const before = read(folder);
    const { out, notes } = await calibrate(['--data', dev, '--method', 'temperature'], folder);
    expect(out.replace(/of \S+ [0-9a-f]{8}/, 'of FILE')).toMatchInlineSnapshot(`
      "isRel: 80 rows of FILE
        5-fold       nll     ece
        raw          0.6547  0.1500
        temperature  0.5899  0.1301  chosen: temperature 2.0000
        platt        0.6007  0.1385
        isotonic     0.6007  0.1385
        threshold 0.249: 100.0% of relevant rows stay, 100.0% of others"
    `);
    expect(notes).toEqual([]);
    expect(read(folder)).toBe(before);
  });

  it('--write stores what was fitted on what, and leaves all else as it was', async () => {
    const folder = criticFolder();
    const { out } = await calibrate(['--data', dev, '--method', 'platt', '--write', '--exclude-source', 'b'], folder);
    expect(out).toContain(`stored in ${folder}/critic.json: isRel`);
    const stored = ClassifierDefinitionSchema.parse(JSON.parse(read(folder)));
    const { use, fittedOn } = stored.calibration.isRel!;
    expect(calibrated([Math.log(9), 0], use)[0]).toBeCloseTo(0.75, 3);
    expect(calibrated([-Math.log(9), 0], use)[0]).toBeCloseTo(0.25, 3);
    const name = dev.split(/[\\/]/).slice(-2).join('/');
    expect(fittedOn).toEqual({ data: `${name} ${sha(jsonl(rows)).slice(0, 8)}, without b`, n: 40 });
    expect(stored.isRelThreshold).toBe(0.249); // P(relevant) of the lower rows is 0.25, and a quarter of them is relevant
    const { calibration, isRelThreshold, ...others } = JSON.parse(read(folder));
    expect([calibration.isSup, isRelThreshold]).toEqual([definition('weights').calibration.isSup, 0.249]);
    const { calibration: _c, isRelThreshold: _t, ...before } = definition('weights');
    expect(others).toEqual(before);
    expect(read(folder)).toBe(`${JSON.stringify(JSON.parse(read(folder)), null, 2)}\n`);
    expect(Object.keys(JSON.parse(read(folder)))).toEqual(Object.keys(definition('weights')));
  });

  it('equal answers are the head `equivalent`; what was decided without the model is left out', async () => {
    const answers = [0.9, 0.9, 0.2, 0.2, 0.9].map((said, i) => ({
      ...{ task: 'answer_equivalence', question: 'q', answer: 'x', refs: [`${said}`], source: 's' },
      label: i % 2 === 0 ? 'equivalent' : 'different',
    }));
    const sure = { ...answers[0], refs: ['1'] };
    const data = fileWith('dev.jsonl', jsonl([...answers, sure]));
    const file = fileWith('calibration.json', '');
    await calibrate(['--data', data, '--out', file]);
    const { critic, calibration, isRelThreshold } = JSON.parse(readFileSync(file, 'utf8'));
    expect({ critic, isRelThreshold }).toEqual({ critic: 'reading@1', isRelThreshold: null });
    expect(Object.keys(calibration)).toEqual(['equivalent']);
    expect(calibration.equivalent.fittedOn.n).toBe(5);
  });

  it('warns of rows named test', async () => {
    const test = fileWith('test.jsonl', jsonl(rows));
    const { notes } = await calibrate(['--data', dev, '--data', test]);
    expect(notes).toEqual([expect.stringMatching(/^warning: .*test\.jsonl is named test/)]);
  });

  it.each([
    ['--write without a critic.json', ['--write'], 'reading@1 has no critic.json', '--out FILE'],
    ['an unknown method', ['--method', 'magic'], '--method magic; known: temperature, platt, isotonic', ''],
    ['a share that is none', ['--keep-relevant', '97'], '--keep-relevant takes a share', ''],
  ])('%s', async (_what, args, said, hint) => {
    await expect(calibrate(['--data', dev, ...args])).rejects.toMatchObject({
      ...{ code: 'INPUT_INVALID', message: expect.stringContaining(said), hint: expect.stringContaining(hint) },
    });
  });
});

const judged = (p: number, label: number): Judged => ({
  ...{ head: 'isRel', source: 's', truth: { label }, probs: [[p, 1 - p]], raw: null },
});

describe('the threshold on P(relevant)', () => {
  const relevant = Array.from({ length: 100 }, (_, i) => judged((i + 1) / 1000 + 0.0005, 0));
  it('loses the share that may be lost, and is floored to three digits', () => {
    // Three of a hundred may go: 0.0015, 0.0025, 0.0035; the next is 0.0045.
    expect(relevanceThreshold([...relevant, judged(0.002, 1), judged(0.9, 1)], null, 0.97)).toEqual({
      ...{ threshold: 0.004, relevantKept: 0.97, irrelevantKept: 0.5 },
    });
    expect(relevanceThreshold(relevant, null, 1)!.threshold).toBe(0.001);
  });
  it('is below the lowest that stays, since only what is above stays', () => {
    expect(relevanceThreshold([judged(0.25, 0)], null, 1)).toEqual({
      threshold: 0.249,
      relevantKept: 1,
      irrelevantKept: 0,
    });
  });
  it('is null without relevant rows', () => expect(relevanceThreshold([judged(0.5, 1)], null, 0.97)).toBe(null));
});

it('the method is the one with the least cross-validated loss', () => {
  // Stated odds are e^x, true odds e^(2x + 1): a scale and a bias, which a temperature does not have.
  const all = Array.from({ length: 400 }, (_, i) => {
    const x = (i % 20) / 5 - 2;
    const share = 1 / (1 + Math.exp(-(2 * x + 1)));
    return judged(1 / (1 + Math.exp(-x)), (Math.floor(i / 20) + 0.5) / 20 < share ? 0 : 1);
  });
  const { trials, use, n } = calibrateHead('isRel', all, { seed: 1 })!;
  expect(trials.map(({ method }) => method)).toEqual(['raw', 'temperature', 'platt', 'isotonic']);
  const nll = Object.fromEntries(trials.map((trial) => [trial.method, trial.nll]));
  expect(nll.platt).toBeLessThan(Math.min(nll.raw!, nll.temperature!, nll.isotonic!));
  expect({ n, method: use.method }).toEqual({ n: 400, method: 'platt' });
  if (use.method !== 'platt') throw new Error(use.method);
  expect(Math.abs(use.scale - 2)).toBeLessThan(0.2);
  expect(Math.abs(use.bias[0]! - 1)).toBeLessThan(0.2);
  expect(calibrateHead('isRel', all, { seed: 1, method: 'temperature' })!.use.method).toBe('temperature');
});

describe('discern critics list', () => {
  it('a folder of critics: files whole, wrong, missing', async () => {
    const dir = newFolder();
    criticFolder('weights', join(dir, 'tiny', '1'));
    criticFolder('other weights', join(dir, 'tiny', '2'));
    expect(await listCritics(dir)).toEqual([
      {
        ...{ name: 'tiny', version: 1, type: 'classifier', kinds: ['isRel', 'equivalent'], files: 'ok' },
        ...{ calibrated: ['isSup'], isRelThreshold: null },
      },
      expect.objectContaining({ files: 'wrong' }),
      expect.objectContaining({ name: 'prompted', kinds: ['retrieve', 'isRel', 'isSup', 'isUse'], files: 'none' }),
    ]);
  });

  it('what is shipped', async () => {
    const { out } = await runCommand(registerCritics, ['critics', 'list']);
    expect(out).toMatch(/^name +type +kinds +sha256 +calibrated +isRel threshold$/m);
    expect(out).toMatch(/^embedding@1 +embedding +isRel isSup +- +- +0\.191$/m);
  });
});

it('a calibration that cannot be written names the file', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'critic.json'), JSON.stringify(definition('weights')));
  mkdirSync(join(folder, 'critic.json.part'));
  await expect(storeCalibration(folder, {}, 0.5)).rejects.toMatchObject({
    ...{ code: 'INPUT_INVALID', message: expect.stringContaining(join(folder, 'critic.json')) },
  });
});
