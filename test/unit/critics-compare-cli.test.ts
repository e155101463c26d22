import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CliContext } from '../../src/cli/context.ts';
import { registerCritics } from '../../src/cli/critics.ts';
import type { OpenedCritic } from '../../src/critics.ts';
import { DiscernError } from '../../src/errors.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../src/types.ts';
import { fileWith, jsonl, newFolder, opened, runCommand } from './eval-fixtures.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

/** Critic n says of the positive label the n-th number of what it reads; without one it is sure. */
const reading = (id: string, place: number, kinds?: readonly ReflectionKind[], asked: CritiqueRequest[] = []) =>
  scriptedCritic(
    (request) => {
      asked.push(request);
      const text = 'passage' in request ? request.passage.text : request.question;
      const p = Number(text.match(/\d\.\d+/g)?.[place] ?? 0.99);
      const [first, second] = REFLECTIONS[request.kind];
      return { [first]: p, [second]: 1 - p };
    },
    { id, predictsContinue: false, ...(kinds && { kinds }) },
  );

async function compare(args: readonly string[], critics: Readonly<Record<string, Partial<OpenedCritic>>> = {}) {
  const [closed, models]: [string[], string[]] = [[], []];
  const known: Record<string, Partial<OpenedCritic>> = {
    one: { critic: reading('one@1', 0), isRelThreshold: 0.5 },
    two: { critic: reading('two@1', 1), isRelThreshold: 0.3 },
    ...critics,
  };
  const register = (program: Command, context: CliContext) =>
    registerCritics(program, context, async (name, { config }) => {
      models.push(`${name} ${config.critics.model}`);
      const parts = known[name];
      if (parts === undefined) throw new DiscernError('BACKEND_UNKNOWN', `no critic is called "${name}"`);
      return opened({ ...parts, close: async () => void closed.push(name) });
    });
  const run = await runCommand(register, ['critics', 'compare', '--a', 'one', '--b', 'two', ...args]);
  return { ...run, closed, models };
}

/** A says 0.05 to 0.95 and B half of that; labelled relevant from 0.6 on. */
const rows = Array.from({ length: 20 }, (_, i) => {
  const a = (i % 10) / 10 + 0.05;
  return {
    ...{
      task: 'relevance',
      question: `q${i}`,
      passage: `${a.toFixed(2)} ${(a / 2).toFixed(3)}`,
      source: i < 10 ? 'x' : 'y',
    },
    label: a > 0.6 ? 'relevant' : 'irrelevant',
  };
});
const data = fileWith('test.jsonl', jsonl(rows));

describe('discern critics compare on rows', () => {
  it('prints agreement, flips and the options that keep the rates', async () => {
    const { out, notes, closed } = await compare(['--data', data]);
    expect(out.replace(/(\d+ +\d+ +\d+) +\d+\.\d$/gm, '$1  MS')).toMatchInlineSnapshot(`
      "A one@1, B two@1; 95% intervals in brackets
           asked  recorded  calls  ms each
        A  20     0         1  MS
        B  20     0         1  MS

      isRel: 20 states of 20 questions
        same label              0.500 [0.300, 0.700]
        kappa                   0.000 [0.000, 0.000]
        |A - B| of P(relevant)  0.250 [0.187, 0.310]
        correlation of it       1.000 [1.000, 1.000]
        right label             A 0.900, B 0.600, B - A -0.300 [-0.550, +0.000]
        A says      B says relevant  B says irrelevant
        relevant    0                10
        irrelevant  0                10
        decisions on 10 states of 10 questions; threshold by quantile on 10 other states
                        threshold  keeps  flips                 only A keeps  only B keeps  kappa  right
        A               0.5        0.800                                                           0.800 [0.500, 1.000]
        B, unchanged    0.5        0.000  0.800 [0.500, 1.000]  0.800         0.000         0.000  0.400 [0.100, 0.700]
        B, own          0.3        0.600  0.200 [0.000, 0.500]  0.200         0.000         0.545  1.000 [1.000, 1.000]
        B, transferred  0.325      0.400  0.400 [0.100, 0.700]  0.400         0.000         0.286  0.800 [0.500, 1.000]
        source  n   same label  kappa  |A - B|  decisions  flips, unchanged  flips, own  flips, transferred
        x       10  0.500       0.000  0.250    4          1.000             0.250       0.500
        y       10  0.500       0.000  0.250    6          0.667             0.167       0.333

      the same rates with B: --critics.isRel two --isRel.threshold 0.325"
    `);
    expect(notes).toEqual([]);
    expect(closed).toEqual(['two', 'one']);
  });

  it('--isRel.threshold is that of A', async () => {
    const { out } = await compare(['--data', data, '--json', '--isRel.threshold', '0.7']);
    expect(JSON.parse(out).kinds.isRel.decisions.a.threshold).toBe(0.7);
  });

  it('--json, --config-out and --out: figures, options, and the states seen differently', async () => {
    const [dir, file] = [newFolder(), fileWith('config.json', '')];
    const { out } = await compare(['--data', data, '--json', '--config-out', file, '--out', dir]);
    const report = JSON.parse(out);
    expect([report.a, report.b, report.transfer, report.traces]).toEqual(['one@1', 'two@1', 'quantile', null]);
    expect(report.costs.b).toMatchObject({ requests: 20, recorded: 0, calls: 1 });
    const { threshold } = report.kinds.isRel.decisions.variants.transferred;
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ critics: { isRel: 'two' }, isRel: { threshold } });
    expect(JSON.parse(readFileSync(join(dir, 'compare.json'), 'utf8'))).toEqual(report);
    const flips = readFileSync(join(dir, 'flips.jsonl'), 'utf8').trim().split('\n');
    // B calls nothing relevant: it differs where A says more than a half, 0.55 to 0.95, and nowhere else.
    expect(flips).toHaveLength(10);
    expect(JSON.parse(flips[0]!)).toMatchObject({
      ...{ kind: 'isRel', source: 'x', truth: 'irrelevant', question: 'q5', texts: { passage: '0.55 0.275' } },
      a: { label: 'relevant', number: 0.55 },
      b: { label: 'irrelevant', number: 0.275 },
      kept: { a: true, unchanged: false, own: false, transferred: 0.275 > threshold },
    });
  });

  it('each may have options of its own, and those of B go where it goes', async () => {
    const own = fileWith('b.json', JSON.stringify({ critics: { model: 'second' } }));
    const file = fileWith('config.json', '');
    const { models } = await compare([
      '--data',
      data,
      '--critics.model',
      'first',
      '--b-config',
      own,
      '--config-out',
      file,
    ]);
    expect(models).toEqual(['one first', 'two second']);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      ...{ critics: { model: 'second', isRel: 'two' }, isRel: { threshold: 0.325 } },
    });
    const third = await compare(['--data', data, '--a-config', own]);
    expect(third.models).toEqual(['one second', 'two smollm2-135m-instruct']);
  });

  it('--transfer calibration, --head, --rows and --lang', async () => {
    const { out } = await compare(['--data', data, '--json', '--transfer', 'calibration']);
    const { variants } = JSON.parse(out).kinds.isRel.decisions;
    expect(variants.transferred.threshold).toBeCloseTo(0.1992, 4); // 0.325 by quantile, above
    const retrieve = [{ task: 'retrieve', question: '0.9 0.1', label: 'retrieve', lang: 'en' }];
    const mixed = fileWith('mixed.jsonl', jsonl([...rows, ...retrieve]));
    const heads = async (...args: string[]) =>
      JSON.parse((await compare(['--data', mixed, '--json', ...args])).out).kinds as Record<string, { n: number }>;
    expect(Object.keys(await heads())).toEqual(['retrieve', 'isRel']);
    expect(Object.keys(await heads('--head', 'isRel'))).toEqual(['isRel']);
    expect(Object.keys(await heads('--lang', 'en'))).toEqual(['retrieve']);
    expect((await heads('--rows', '7')).isRel!.n).toBe(7);
  });

  it('what one of the two does not predict is left out and said', async () => {
    const two = { critic: reading('two@1', 1, ['isSup']) };
    const mixed = [...rows, { task: 'support', question: 'q', passage: '0.9 0.2', answer: 'a', label: 'not_full' }];
    const run = await compare(['--data', fileWith('mixed.jsonl', jsonl(mixed)), '--json'], { two });
    expect(Object.keys(JSON.parse(run.out).kinds)).toEqual(['isSup']);
    expect(run.notes).toEqual(['two@1 does not predict isRel: 20 rows left out']);
    await expect(compare(['--data', data], { two })).rejects.toMatchObject({
      ...{ code: 'CRITIC_KIND_UNSUPPORTED', message: expect.stringContaining('two@1 predicts isSup') },
    });
  });

  it.each([
    ['neither rows nor traces', [], 'one of --data and --traces'],
    ['both', ['--data', data, '--traces', data], 'one of --data and --traces'],
    ['answers of rows', ['--data', data, '--answers', data], '--answers goes with --traces'],
    ['heads of traces', ['--traces', data, '--head', 'isRel'], '--head and --lang choose rows'],
    ['an unknown head', ['--data', data, '--head', 'entail'], '--head entail; known: retrieve, isRel, isSup, isUse'],
    ['an unknown way', ['--data', data, '--transfer', 'magic'], '--transfer magic; known: quantile, calibration'],
    ['labels of traces', ['--traces', data, '--transfer', 'calibration'], 'needs labels, and traces have none'],
    ['no threshold', ['--data', data, '--rows', '1', '--config-out', 'x.json'], 'nothing for --config-out'],
  ])('%s', async (_what, args, said) => {
    await expect(compare(args)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(said),
    });
  });
});

describe('discern critics compare on traces', () => {
  /** Four questions of a passage that A keeps and B drops at 0.5, and four of one that both keep. */
  async function traceFile(one = reading('one@1', 0)) {
    const traces = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const passages = [
          passageOf('p', `The tower is ${i < 4 ? '0.7 and 0.4' : '0.9 and 0.8'} tall.`),
          passageOf('o', '0.1 0.1'),
        ];
        const critics = { retrieve: one, isRel: one, isSup: one, isUse: one };
        const parts = partsOf({ passages, critics, withContext: scriptedGenerator() });
        const { trace } = await answerQuestion(`How tall is number ${i}?`, parts, configOf({}), { id: `t${i}` });
        return trace;
      }),
    );
    return fileWith('traces.jsonl', jsonl(traces));
  }
  const answers = fileWith(
    'answers.jsonl',
    jsonl(Array.from({ length: 8 }, (_, i) => ({ question: `How tall is number ${i}?`, answers: ['tower'] }))),
  );

  it('prints what becomes of the answers', async () => {
    const { out, notes } = await compare(['--traces', await traceFile(), '--answers', answers, '--seed', '4']);
    expect(out.replace(/(\d+ +\d+ +\d+) +\d+\.\d$/gm, '$1  MS')).toMatchInlineSnapshot(`
      "A one@1, B two@1; 95% intervals in brackets
           asked  recorded  calls  ms each
        A  0      32        0  MS
        B  32     0         8  MS

      isRel: 16 states of 8 questions
        same label              0.750 [0.563, 0.938]
        kappa                   0.500 [0.125, 0.875]
        |A - B| of P(relevant)  0.100 [0.062, 0.137]
        correlation of it       0.951 [0.935, 0.987]
        A says      B says relevant  B says irrelevant
        relevant    4                4
        irrelevant  0                8
        decisions on 8 states of 4 questions; threshold by quantile on 8 other states
                        threshold  keeps  flips                 only A keeps  only B keeps  kappa
        A               0.5        0.500
        B, unchanged    0.5        0.250  0.250 [0.000, 0.500]  0.250         0.000         0.500
        B, own          0.3        0.500  0.000 [0.000, 0.000]  0.000         0.000         1.000
        B, transferred  0.25       0.500  0.000 [0.000, 0.000]  0.000         0.000         1.000

      isSup: 8 states of 8 questions
        same label                              0.500 [0.125, 0.875]
        kappa                                   0.000 [0.000, 0.000]
        |A - B| of P(fully) + P(partially) / 2  0.100 [0.062, 0.138]
        correlation of it                       1.000 [1.000, 1.000]
        A says     B says fully  B says partially  B says none
        fully      4             4                 0
        partially  0             0                 0
        none       0             0                 0

      isUse: 8 states of 8 questions
        same label                     1.000 [1.000, 1.000]
        kappa                          -
        kappa of grades                -
        |A - B| of the expected grade  0.000 [0.000, 0.000]
        correlation of it              -
        A says  B says 1  B says 2  B says 3  B says 4  B says 5
        1       8         0         0         0         0
        2       0         0         0         0         0
        3       0         0         0         0         0
        4       0         0         0         0         0
        5       0         0         0         0         0

      answers: 4 questions answered again with A (4 without a missing fact), and with B
        A -> B                  unchanged                                own                                      transferred
        covered                 4 of 4                                   4 of 4                                   4 of 4
        other words             0.500 [0.000, 1.000]                     0.000 [0.000, 0.000]                     0.000 [0.000, 0.000]
        answered                1.000 -> 0.500                           1.000 -> 1.000                           1.000 -> 1.000
        gold contained          1.000 -> 0.500, -0.500 [-1.000, +0.000]  1.000 -> 1.000, +0.000 [+0.000, +0.000]  1.000 -> 1.000, +0.000 [+0.000, +0.000]
        F1                      0.286 -> 0.143, -0.143 [-0.286, +0.000]  0.286 -> 0.286, +0.000 [+0.000, +0.000]  0.286 -> 0.286, +0.000 [+0.000, +0.000]
        calls to the critic     2.000 -> 1.500                           2.000 -> 2.000                           2.000 -> 2.000
        requests to it          4.000 -> 3.000                           4.000 -> 4.000                           4.000 -> 4.000
        requests to all models  6.000 -> 4.500                           6.000 -> 6.000                           6.000 -> 6.000

      the same rates with B: --critics.isRel two --isRel.threshold 0.25"
    `);
    expect(notes).toEqual([]);
  });

  it('only B is asked; the figures are those of the half that nothing was fitted on', async () => {
    const [ofA, ofB]: [CritiqueRequest[], CritiqueRequest[]] = [[], []];
    const critics = {
      one: { critic: reading('one@1', 0, undefined, ofA), isRelThreshold: 0.5 },
      two: { critic: reading('two@1', 1, undefined, ofB), isRelThreshold: null },
    };
    const { out } = await compare(
      ['--traces', await traceFile(), '--answers', answers, '--json', '--seed', '4'],
      critics,
    );
    const { kinds, costs, traces } = JSON.parse(out);
    expect(Object.keys(kinds)).toEqual(['isRel', 'isSup', 'isUse']);
    expect([ofA.length, ofB.length]).toEqual([0, 32]);
    expect([costs.a, costs.b]).toMatchObject([
      { requests: 32, recorded: 32, calls: 0 },
      { requests: 32, recorded: 0, calls: 8 },
    ]);
    expect(kinds.isRel).toMatchObject({ n: 16, questions: 8, agreement: { mean: 0.75 }, decisions: { n: 8 } });
    expect(traces).toMatchObject({
      traces: 8,
      leftOut: { traces: 0, states: 0 },
      answers: { questions: 4, covered: 4 },
    });
    const { unchanged, own, transferred } = traces.answers.variants;
    expect(own).toBe(undefined);
    // Measured are 0, 1, 5 and 7: B drops the passage of the first two, and nobody answers without one.
    expect(kinds.isRel.decisions.variants.unchanged).toMatchObject({ flips: { mean: 0.25 }, lost: { mean: 0.25 } });
    expect(kinds.isRel.decisions.variants.transferred).toMatchObject({ threshold: 0.25, flips: { mean: 0 } });
    expect(unchanged).toMatchObject({
      ...{ covered: 4, changed: { mean: 0.5 }, answered: { a: { mean: 1 }, b: { mean: 0.5 }, gain: { mean: -0.5 } } },
      gold: { a: { mean: 1 }, b: { mean: 0.5 }, gain: { mean: -0.5, n: 4 } },
    });
    expect(transferred).toMatchObject({ covered: 4, changed: { mean: 0 }, gold: { gain: { mean: 0 } } });
  });

  it('a critic known by its id alone speaks from facts; the options do not name it', async () => {
    const path = await traceFile();
    const ids = await compare(['--traces', path, '--a', 'one@1', '--json']);
    expect(ids.notes).toEqual(['one@1 is no critic of the config: it speaks from the facts of the traces alone']);
    expect(JSON.parse(ids.out)).toMatchObject({ a: 'one@1', costs: { a: { recorded: 32, calls: 0 } } });
    const file = fileWith('config.json', '');
    await compare(['--traces', path, '--b', 'one@1', '--config-out', file]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ isRel: { threshold: expect.any(Number) } });
    await expect(compare(['--traces', path, '--b', 'three'])).rejects.toMatchObject({ code: 'BACKEND_UNKNOWN' });
  });

  it('traces that lack facts are left out and counted; --rows draws', async () => {
    const lines = readFileSync(await traceFile(), 'utf8')
      .trim()
      .split('\n');
    const cut = lines.map((line, i) => (i > 0 ? line : JSON.stringify({ ...JSON.parse(line), facts: [] })));
    const { out } = await compare(['--traces', fileWith('traces.jsonl', `${cut.join('\n')}\n\n`), '--json']);
    expect(JSON.parse(out).traces).toMatchObject({ traces: 8, leftOut: { traces: 1 } });
    const drawn = await compare(['--traces', await traceFile(), '--rows', '3', '--json']);
    expect(JSON.parse(drawn.out).traces.traces).toBe(3);
  });

  it.each([
    ['a line that is no trace', async () => ['--traces', data], 'TRACE_INVALID', 'test.jsonl, line 1'],
    ['no trace', async () => ['--traces', fileWith('none.jsonl', '\n')], 'INPUT_INVALID', 'no trace in'],
    [
      'answers without answers',
      async () => ['--traces', await traceFile(), '--answers', data],
      'INPUT_INVALID',
      'test.jsonl, line 1: not an object with a question and answers',
    ],
  ])('%s', async (_what, args, code, said) => {
    await expect(compare(await args())).rejects.toMatchObject({ code, message: expect.stringContaining(said) });
  });

  it('answers to other questions are worth a note', async () => {
    const other = fileWith(
      'answers.jsonl',
      jsonl([
        { question: 'Who?', answers: ['x'] },
        { question: 'How tall is number 1?', answers: [] },
      ]),
    );
    const { notes } = await compare(['--traces', await traceFile(), '--answers', other]);
    expect(notes).toEqual(['no question of the traces stands in --answers']);
  });
});
