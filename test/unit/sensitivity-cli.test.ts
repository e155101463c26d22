import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { registerSensitivity } from '../../src/cli/sensitivity.ts';
import { DiscernError } from '../../src/errors.ts';
import type { SensitivityReport } from '../../src/evaluate/sensitivity/sensitivity.ts';
import type { RecordedQuestion } from '../../src/evaluate/tune/replay-surface.ts';
import { fileWith, jsonl, newFolder, runCommand } from './eval-fixtures.ts';
import { unexplained } from './report-numbers.ts';
import { questions } from './sensitivity-fixtures.ts';

describe('discern sensitivity', () => {
  let all: RecordedQuestion[];
  let given: string[];
  const run = (...args: string[]) => runCommand(registerSensitivity, ['sensitivity', ...given, ...args]);
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'none',
      (error: unknown) => (DiscernError.is(error) ? `${error.code} ${error.message}` : String(error)),
    );
  beforeAll(async () => {
    all = await questions();
    const gold = all.map(({ gold: { id, question, answers } }) => ({ id, question, answers }));
    const traces = all.map(({ trace }) => trace);
    given = ['--traces', fileWith('a.jsonl', jsonl(traces.slice(0, 4))), fileWith('b.jsonl', jsonl(traces.slice(4)))];
    given.push('--gold', fileWith('gold.jsonl', jsonl(gold)), '--metric', 'em', '--seeds', '2', '--noise', '0.2');
  });

  it('prints what matters most first, and what was not looked at', async () => {
    const { out } = await run('--points', '3');
    expect(out).toMatchInlineSnapshot(`
      "em of 8 questions as recorded: 1.000 [1.000, 1.000], 5.00 calls
      In brackets 95% intervals of the difference on the same questions; coverage is the share that could be replayed.

        critic                   difference               coverage  calls saved
        isRel   knowing nothing  −1.000 [−1.000, −1.000]  100%      3.00
                not asked        0.000 [0.000, 0.000]     50%       1.00
        isSup   knowing nothing  0.000 [0.000, 0.000]     100%      0.00
                not asked        0.000 [0.000, 0.000]     100%      1.00
        isUse   knowing nothing  0.000 [0.000, 0.000]     100%      0.00
                not asked        0.000 [0.000, 0.000]     100%      1.00
        isRel: em is better than with a critic that knows nothing at every noise that was tried, up to 20% of its labels changed. Knowing nothing it drops every passage: an even chance is not above the threshold.
        isSup: em shows no gain from it on these questions: even as recorded it cannot be told from a critic that knows nothing.
        isUse: em shows no gain from it on these questions: even as recorded it cannot be told from a critic that knows nothing.

        option moved alone  recorded  no difference shown  largest at  difference               coverage
        isRel.threshold     0.50      [0.50, 0.50]         1           −1.000 [−1.000, −1.000]  50% to 100%
        rerank.topN         5         [5, 10]              1           −1.000 [−1.000, −1.000]  100%
        weights.isRel       1         [0, 3]               –           –                        100%
        weights.isSup       1         [0, 3]               –           –                        100%
        weights.isUse       0.50      [0, 3]               –           –                        100%
        beam.width          2         [1, 6]               –           –                        100%
        beam.maxSegments    1         [1, 8]               –           –                        100%

        distance to another answer  answers within 0.05  decisions  median of answers  change  never  not known
        isRel.threshold             0.0%                 0.0%       0.200 to 0.300     4       0      4
        weights.isRel               0.0%                 –          –                  0       8      0
        weights.isSup               0.0%                 –          –                  0       8      0
        weights.isUse               0.0%                 –          –                  0       8      0

      not looked at
        critic retrieve     retrieve.mode is always
        retrieve.threshold  retrieve.mode is always
        gate.threshold      the gate was not asked (gate.when never)
        gate.near           gate.when is never
        gate.maxEntropy     the gate was not asked (gate.when never)
        rerank.mix          there is no rerank
        generate.quoteGain  nothing quotes sentences
        generate.quoteNear  nothing quotes sentences
        generate.quoteMix   nothing quotes sentences"
    `);
  });

  it('writes the report as JSON, and a page of which every number stands in it', async () => {
    const page = join(newFolder(), 'report.html');
    const { out } = await run('--over', 'isRel.threshold=0.2..0.8', '--points', '3', '--json', '--report', page);
    const report = JSON.parse(out) as SensitivityReport;
    expect(report.sweeps).toMatchObject([{ path: 'isRel.threshold', low: 0.2, high: 0.8, whole: false }]);
    expect(report.sweeps[0]!.points.map(({ at }) => at)).toEqual([0.2, 0.5, 0.8]);
    expect(report).toMatchObject({ seed: 0, seeds: 2, metric: { name: 'em' } });
    const html = readFileSync(page, 'utf8');
    expect(html).toMatch(/^<!doctype html>/);
    expect(unexplained(html, report)).toEqual([]);
  });

  it('looks at other settings than the recorded ones, and counts what they lack', async () => {
    const { out } = await run('--over', 'beam.width=1..2', '--points', '2', '--json', '--isRel.threshold', '0.1');
    // Half of the traces do not hold what the second passage was asked for.
    expect(JSON.parse(out)).toMatchObject({
      base: { questions: 8, replayed: 4 },
      idle: { options: [] },
      critics: [{ kind: 'isRel', ablated: { passes: true } }, { kind: 'isSup' }, { kind: 'isUse' }],
    });
    expect((await run('--over', 'beam.width=1..2', '--isRel.threshold', '0.1')).out).toContain('4 questions left out');
  });

  it('tells of traces without a gold answer', async () => {
    const file = fileWith('gold.jsonl', jsonl([{ id: 'q2', question: all[2]!.gold.question, answers: ['x'] }]));
    const { notes, out } = await run('--gold', file, '--over', 'beam.width=1..2', '--points', '2', '--json');
    expect(notes.join()).toContain('7 traces left out');
    expect(JSON.parse(out)).toMatchObject({ base: { questions: 1 } });
  });

  it('refuses wrong flags by name', async () => {
    expect(await codeOf(run('--metric', 'fame'))).toMatch(/^INPUT_INVALID metric "fame"/);
    expect(await codeOf(run('--points', '1'))).toMatch(/^INPUT_INVALID --points takes a whole number from 2/);
    expect(await codeOf(run('--seeds', '0'))).toMatch(/^INPUT_INVALID --seeds/);
    expect(await codeOf(run('--noise', '0.1,7'))).toMatch(/^INPUT_INVALID --noise .* got "7"/);
    expect(await codeOf(run('--over', 'beam.accumulate=sum'))).toMatch(/^INPUT_INVALID --over beam.accumulate/);
    expect(await codeOf(run('--over', 'no.such=0..1'))).toMatch(/^INPUT_INVALID there is no option "no.such"/);
    expect(await codeOf(run('--gold-type', 'poems'))).toMatch(/^INPUT_INVALID --gold-type/);
    expect(await codeOf(run('--gold', fileWith('x.jsonl', jsonl([{ question: 'Else?', answers: ['x'] }]))))).toMatch(
      /^INPUT_INVALID no question of the traces stands in/,
    );
    expect(await codeOf(run('--traces', fileWith('t.jsonl', '{}\n')))).toMatch(/^TRACE_INVALID .*t.jsonl, line 1/);
    expect(await codeOf(run('--report', join(newFolder(), 'no', 'such.html'), '--over', 'beam.width=1..2'))).toMatch(
      /^INPUT_INVALID .*such.html cannot be written/,
    );
  });
});
