import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { changedOptions } from '../../src/cli/options.ts';
import { registerTune } from '../../src/cli/tune.ts';
import { parseConfig } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import type { TuneResult } from '../../src/evaluate/tune/tune.ts';
import { fileWith, jsonl, newFolder, runCommand } from './eval-fixtures.ts';
import { unexplained } from './report-numbers.ts';
import { recorded } from './sensitivity-fixtures.ts';
import { noise } from './tune-fixtures.ts';

const run = (...args: string[]) => runCommand(registerTune, ['tune', ...args]);
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => 'none',
    (error: unknown) => (DiscernError.is(error) ? `${error.code} ${error.message}` : String(error)),
  );

describe('discern tune over traces', () => {
  let given: string[];
  beforeAll(async () => {
    // Well supported, and wrong: less weight on IsSUP answers 24 of 30 questions rightly.
    const questions = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        recorded({
          id: `q${i}`,
          passages: [
            { text: 'Beta was second.', relevant: 0.55, fully: 0.95 },
            { text: 'Alpha was first.', relevant: 0.9, fully: 0.3 },
          ],
          gold: i % 5 === 0 ? 'Beta was second.' : 'Alpha was first.',
        }),
      ),
    );
    const gold = questions.map(({ gold: { id, question, answers } }, i) => ({
      id,
      question,
      answers,
      group: `d${i % 15}`,
    }));
    const traces = questions.map(({ trace }) => trace);
    given = ['--traces', fileWith('a.jsonl', jsonl(traces.slice(0, 20))), fileWith('b.jsonl', jsonl(traces.slice(20)))];
    given.push('--gold', fileWith('gold.jsonl', jsonl([...gold, { id: 'other', question: 'Why?', answers: ['x'] }])));
    given.push(
      '--metric',
      'em',
      '--over',
      'weights.isSup=0..3:0.25,isRel.threshold=0.2|0.5',
      '--strategy',
      'grid',
      '--seed',
      '3',
    );
  });

  it('prints base, choice, held-out figures and the verdict', async () => {
    const { out } = await run(...given, '--budget', 'calls<=9');
    // Time is not the same twice.
    const still = out.replace(/^ +ms .*\n/m, '').replace(/\d+\.\d s,/, '0.1 s,');
    expect(still).toMatchInlineSnapshot(`
      "em of 30 questions in 15 groups: grid, 26 settings tried, 5 folds, seed 3

        option           tried      base  best on all  best without each fold
        weights.isSup    0..3:0.25  1     0.5          0.5  0.5  0.5  0.5  0.5
        isRel.threshold  0.2|0.5    0.5   0.5          0.5  0.5  0.5  0.5  0.5

      held-out: each question under the setting that was chosen without its fold; 95% intervals over groups
                  base                  tuned                 tuned - base                       n   coverage
        em        0.200 [0.000, 0.400]  0.800 [0.600, 1.000]  +0.600 [+0.183, +1.000] p = 0.017  30  100.0%
        calls     4.00 [4.00, 4.00]     4.00 [4.00, 4.00]     0.00 [0.00, 0.00] p = 1.000        30  100.0%
        requests  9.00 [9.00, 9.00]     9.00 [9.00, 9.00]     0.00 [0.00, 0.00] p = 1.000        30  100.0%
        tokens    6.00 [6.00, 6.00]     6.00 [6.00, 6.00]     0.00 [0.00, 0.00] p = 1.000        30  100.0%
        the interval of em is 1.02 times as wide as without the choosing

      train: em 0.200 -> 0.800 (+0.600) of 30 questions, coverage 100.0%; chosen on these, so it flatters
      budget calls<=9: held-out mean 4.00 [4.00, 4.00], kept
      promoted: the interval of the held-out difference lies on the better side of 0
      0.1 s, 390 replays, 450 answers from memory, no model calls"
    `);
  });

  it('writes a config that --config reads, with where it comes from', async () => {
    const path = join(newFolder(), 'tuned.json');
    await run(...given, '--out', path);
    const file = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Record<string, unknown>>;
    expect(file.weights).toEqual({ isSup: 0.5 });
    expect(file.provenance).toMatchObject({
      ...{ verdict: 'promoted', metric: 'em', better: 'higher', seed: 3, strategy: 'grid', questions: 30, groups: 15 },
      heldOut: { base: { mean: 0.2, n: 30 }, difference: { mean: 0.6 }, coverage: 1 },
      ...{ base: { 'weights.isSup': 1, 'isRel.threshold': 0.5 }, backends: { 'critic.isSup': 'all@1' } },
      ...{ traces: [{ name: 'a.jsonl' }, { name: 'b.jsonl' }], gold: { name: 'gold.jsonl' } },
      recordedWith: { 'beam.maxSegments': 1, 'isRel.threshold': 0.5 },
    });
    expect(file.provenance!.package).toMatch(/^discern-rag \d+\.\d+\.\d+/);
    const [trace] = file.provenance!.traces as { sha256: string }[];
    expect(trace!.sha256).toMatch(/^[0-9a-f]{64}$/);
    const change = changedOptions({ config: path });
    expect(change).toEqual({ weights: { isSup: 0.5 }, isRel: { threshold: 0.5 } });
    expect(parseConfig(change).weights.isSup).toBe(0.5);
  });

  it('writes everything as JSON, and a page of which every number stands in it', async () => {
    const page = join(newFolder(), 'tune.html');
    const { out } = await run(...given, '--json', '--report', page);
    const result = JSON.parse(out) as TuneResult;
    expect(result).toMatchObject({ verdict: 'promoted', questions: 30, groups: 15, tried: 26 });
    const html = readFileSync(page, 'utf8');
    expect(html).toContain('Promoted: the tuned setting is better on held-out questions');
    const numbers = Array.from({ length: result.folds.length }, (_, i) => String(i + 1));
    expect(unexplained(html, result, { constants: numbers })).toEqual([]);
  });

  it('says no evidence, and keeps the base, where the metric moves by chance', async () => {
    const path = join(newFolder(), 'tuned.json');
    const { out } = await run(
      ...given.slice(0, -6),
      '--over',
      'weights.isUse=0..3',
      '--weights.isSup',
      '0.5',
      '--out',
      path,
    );
    expect(out).toContain('no evidence: ');
    expect(out).toContain(`the base is in ${path}`);
    const { provenance, ...config } = JSON.parse(readFileSync(path, 'utf8'));
    expect(config).toEqual({ weights: { isUse: 0.5 } });
    expect(provenance.recordedWith).toMatchObject({ 'weights.isSup': 0.5 });
  });

  it.each([
    [['--over', 'weights.isSub=0..1'], 'there is no option "weights.isSub"; did you mean weights.isSup?'],
    [['--metric', 'beauty'], 'metric "beauty" is not known'],
    [['--strategy', 'luck'], '--strategy is one of grid, random, evolve, got "luck"'],
    [['--folds', '1'], '--folds takes a whole number from 2, got "1"'],
    [['--trials', '0'], '--trials takes a whole number from 1, got "0"'],
    [['--min-coverage', '95'], '--min-coverage takes a share from 0 to 1, got "95"'],
    [['--ties', 'any'], '--ties is equal or nearest, got "any"'],
    [['--budget', 'calls=1'], '"calls=1" is no budget'],
    [['--gold-type', 'poems'], '--gold-type is one of'],
    [['--out', '/no/such/folder/tuned.json'], '/no/such/folder/tuned.json cannot be written'],
  ])('%j is an error that says why', async (args, message) => {
    expect(await errorOf(run(...given, ...args))).toContain(`INPUT_INVALID ${message}`);
  });
});

describe('discern tune over closed-set answers', () => {
  const rows = Array.from({ length: 60 }, (_, i) => {
    const [right, wrong] = [noise(i, 'a'), noise(i, 'b')];
    return {
      ...{ id: i, group: `g${i % 20}`, gold: 'yes' },
      candidates: [
        { answer: 'yes', parts: { isRel: right, isSup: 0.9, isUse: 0 } },
        { answer: 'no', parts: { isRel: wrong, isSup: 0.5, isUse: 0.4 } },
      ],
    };
  });

  it('finds weights without traces', async () => {
    const { out } = await run('--closed-set', fileWith('set.jsonl', jsonl(rows)), '--json', '--trials', '100');
    const result = JSON.parse(out) as TuneResult & { readonly source: Record<string, unknown> };
    expect(result).toMatchObject({ verdict: 'promoted', metric: { name: 'accuracy' }, questions: 60, groups: 20 });
    expect(result.axes.map(({ path }) => path)).toEqual(['weights.isRel', 'weights.isSup', 'weights.isUse']);
    expect(result.source).toMatchObject({ traces: [{ name: 'set.jsonl' }], gold: null, backends: {} });
  });

  it('reads the base from a config, also one that a tuning has written', async () => {
    const [set, tuned] = [fileWith('set.jsonl', jsonl(rows)), join(newFolder(), 'tuned.json')];
    writeFileSync(tuned, JSON.stringify({ weights: { isSup: 2.5 }, provenance: { verdict: 'promoted' } }));
    const { out } = await run('--closed-set', set, '--config', tuned, '--json', '--trials', '20');
    expect((JSON.parse(out) as TuneResult).base).toMatchObject({ 'weights.isSup': 2.5, 'weights.isRel': 1 });
  });

  it('refuses what it does not know', async () => {
    const set = fileWith('set.jsonl', jsonl(rows));
    const wrong = (...args: string[]) => errorOf(run('--closed-set', set, ...args));
    expect(await wrong('--budget', 'calls<=1')).toContain('knows no costs');
    expect(await wrong('--metric', 'f1')).toContain('the metric accuracy alone');
    expect(await wrong('--gold', set)).toContain('brings its gold');
    expect(await wrong('--over', 'isRel.threshold=0..1')).toContain('not isRel.threshold');
    expect(await errorOf(run())).toContain('give --traces and --gold, or --closed-set');
  });
});
