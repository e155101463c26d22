import { appendFileSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CliContext } from '../../src/cli/context.ts';
import { registerSeper } from '../../src/cli/seper.ts';
import type { openSeperParts, SeperNeeds } from '../../src/cli/seper-parts.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';
import { type SampleScript, scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { fileWith, jsonl, newFolder } from './eval-fixtures.ts';

/** The reference is entailed by an answer of its words, and a little by any other. */
const entailment = scriptedEntailment({
  entail: ({ first, second }) =>
    first === second ? { entailment: 0.9, neutral: 0.1 } : { entailment: 0.1, neutral: 0.9 },
  equivalent: ({ first, second }) => (first === second ? 1 : 0),
});
/** Answers with the first word of the context; alone with one of three guesses. */
const firstWord: SampleScript = ({ passages }, i) =>
  passages.length === 0 ? `guess ${i % 3}` : passages.map(({ text }) => text.split(' ')[0]).join(' ');

interface Run {
  readonly out: string;
  readonly notes: readonly string[];
  /** Questions that answers were drawn for. */
  readonly asked: readonly string[];
  readonly needs: readonly SeperNeeds[];
  readonly closed: number;
}

interface Fakes {
  readonly script?: SampleScript;
  readonly signal?: AbortSignal;
  /** Fails at the sample call of this number. */
  readonly failAt?: number;
}

async function run(args: readonly string[], { script = firstWord, signal, failAt }: Fakes = {}): Promise<Run> {
  const [out, notes, asked, needs]: [string[], string[], string[], SeperNeeds[]] = [[], [], [], []];
  let closed = 0;
  const context: CliContext = {
    environment: { modelsDir: undefined, hub: undefined, offline: true, keys: {} },
    signal: signal ?? new AbortController().signal,
    print: (line) => out.push(line),
    note: (line) => notes.push(line),
  };
  const generator = scriptedGenerator(undefined, { samples: script });
  const open: typeof openSeperParts = async (config, need) => {
    needs.push(need);
    return {
      config,
      parts: {
        sampler: {
          id: generator.id,
          async sample(requests, options) {
            asked.push(requests[0]!.question);
            if (asked.length === failAt) throw new Error('the power went out');
            return generator.sample!(requests, options);
          },
        },
        entailment,
        search: null,
        evidence: {
          rewriter: null,
          reranker: null,
          critics: {
            ...{ retrieve: null, isSup: null, isUse: null },
            isRel: scriptedCritic((request) => {
              const relevant = request.kind === 'isRel' && request.passage.text.startsWith('wrong') ? 0.2 : 0.8;
              return { relevant, irrelevant: 1 - relevant };
            }),
          },
        },
      },
      async close() {
        closed += 1;
      },
    };
  };
  const program = new Command().exitOverride();
  registerSeper(program, context, open);
  await program.parseAsync(['seper', ...args], { from: 'user' });
  return { out: out.join('\n'), notes, asked, needs, closed };
}

const row = (i: number, passage: string, more: object = {}) => ({
  ...{ id: `r${i}`, question: `Question ${i}?`, answers: ['Tavelin'], passage },
  ...more,
});
const ROWS = [
  row(1, 'Tavelin has a lighthouse', { utility: 1 }),
  row(2, 'wrong \u001b[31m of course', { utility: 0 }),
  row(3, 'Tavelin is a port', { utility: 1 }),
  row(4, 'wrong again', { utility: 0 }),
];
const data = fileWith('rows.jsonl', jsonl(ROWS));
const figuresOf = ({ out }: Run) => JSON.parse(out);

describe('discern seper', () => {
  it('prints a table that a person can read', async () => {
    const { out, needs, closed } = await run(['--data', data, '--k', '3,1', '--per-passage', '--label', 'utility']);
    expect(out).toMatchInlineSnapshot(`
      "SePer: 4 questions, 3 answers sampled of each condition
        answers: scripted@1
        compared by: scripted@1

                          with   without  gain
        SePer soft        0.500  0.100    +0.400 [+0.000, +0.800]
        SePer hard        0.500  0.000    +0.500 [+0.000, +1.000]
        F1                0.500  0.000    +0.500 [+0.000, +1.000]
        semantic entropy  0.000  1.099    +1.099
        pseudo-SePer                      +1.000
        n                 4      4        4

      fewer answers: the first k of 3, 4 rows; r with k 3, mean change to it
        k  gain soft             r      change  gain hard             r      change
        1  +0.40 [+0.00, +0.80]  1.000  0.000   +0.50 [+0.00, +1.00]  1.000  0.000
        3  +0.40 [+0.00, +0.80]  1.000  0.000   +0.50 [+0.00, +1.00]  1.000  0.000

      correlation with utility
                           n  Pearson  Spearman  AUROC
        gain, SePer soft   4  1.00     1.00      1.00
        gain, SePer hard   4  1.00     1.00      1.00
        gain, F1           4  1.00     1.00      1.00
        entropy reduction  4  -        -         0.50
        pseudo-SePer       4  -        -         0.50

      each passage, by leaving it out: 4 passages, gain +0.400 [+0.000, +0.800]
        none has a negative utility"
    `);
    expect(needs).toEqual([{ sampler: true, scores: false, index: null }]);
    expect(closed).toBe(1);
  });

  it('a negative utility is an alert; texts of the data are shown, not obeyed', async () => {
    // The second passage makes two words of the one that was right.
    const rows = [row(1, '', { id: 'a\u001b]0;x\u0007', passages: ['Tavelin', 'wrong \u001b[31mred\u001b[0m'] })];
    const { out } = await run(['--data', fileWith('two.jsonl', jsonl(rows)), '--per-passage', '--k', '2']);
    expect(out).not.toContain('\u001b');
    expect(out.slice(out.indexOf('each passage'))).toMatchInlineSnapshot(`
      "each passage, by leaving it out: 2 passages, gain -0.400
        negative utility: 1
        -0.800  a\\u001b]0;x\\u00…  passage 2  wrong \\u001b[31mred\\u001b[0m"
    `);
  });

  it('--json: means, and the figures of each row', async () => {
    const report = figuresOf(await run(['--data', data, '--json']));
    expect(report).toMatchObject({ rows: 4, questions: 4, k: 10, models: { sampler: ['scripted@1'] } });
    expect(report.soft.gain.mean).toBeCloseTo(0.4, 12); // 0.8 for two of four
    expect(report.figures.map(({ id, deltaSoft }: { id: string; deltaSoft: number }) => [id, deltaSoft])).toEqual([
      ['r1', expect.closeTo(0.8, 12)],
      ['r2', expect.closeTo(0, 12)],
      ['r3', expect.closeTo(0.8, 12)],
      ['r4', expect.closeTo(0, 12)],
    ]);
    expect(report.correlation.measures.deltaSoft.auroc.mean).toBe(1); // `utility` without being asked
  });

  it('.gz, and rows drawn by the seed', async () => {
    const zipped = fileWith('rows.jsonl.gz', gzipSync(jsonl(ROWS)));
    const drawn = async (seed: string) => (await run(['--data', zipped, '--rows', '2', '--seed', seed])).asked;
    expect(await drawn('1')).toEqual(await drawn('1'));
    const seen = await Promise.all(['1', '2', '3', '4'].map(drawn));
    expect(seen.map(({ length }) => length)).toEqual([2, 2, 2, 2]);
    expect(new Set(seen.map(String)).size).toBeGreaterThan(1);
  });

  it('rows that bring their samples need no generator', async () => {
    const given = ROWS.map(({ passage: _, ...rest }) => ({
      ...rest,
      ...{ samples_with: [['Tavelin', [-0.1]]], samples_without: [['guess', null]] },
    }));
    const { out, asked, needs } = await run(['--data', fileWith('given.jsonl', jsonl(given))]);
    expect({ asked, needs }).toEqual({ asked: [], needs: [{ sampler: false, scores: false, index: null }] });
    expect(out).toContain('answers: given in the data');
    expect(out).toContain('4 rows without log-probabilities');
  });

  it('the published example as one JSON value', async () => {
    const example = {
      seper: { both: 0.75 },
      samples_with_both_pieces: [
        {
          question: 'q',
          answers: ['Tavelin'],
          responses: [
            ['Tavelin', [-1]],
            ['Tavelin', [-1]],
            ['no', [-1]],
          ],
        },
      ],
    };
    const { out } = await run(['--data', fileWith('example.json', JSON.stringify(example, null, 2))]);
    expect(out).toContain('row 1: SePer soft with context 0.6333, published 0.7500');
    expect(out).toContain('no gain: 1 no samples without context');
  });
});

describe('thresholds', () => {
  const many = Array.from({ length: 40 }, (_, i) => row(i, i % 2 === 0 ? 'Tavelin' : `wrong ${i}`));
  const file = fileWith('many.jsonl', jsonl(many));
  /** Alone it knows the answer that the wrong contexts spoil. */
  const knowing: SampleScript = ({ passages, question }) =>
    passages.length > 0 ? passages[0]!.text : Number(question.match(/\d+/)![0]) % 2 === 0 ? 'unsure' : 'Tavelin';

  it('are printed as options and written as a config', async () => {
    const path = join(newFolder(), 'config.json');
    const { out, needs } = await run(['--data', file, '--config-out', path, '--k', '1'], { script: knowing });
    expect(out.slice(out.indexOf('thresholds'))).toMatchInlineSnapshot(`
      "thresholds; gain on rows that they were not chosen on
        --isRel.threshold 0.5  20 of 40 contexts kept, gain +0.400 [+0.280, +0.520]
        --gate.maxEntropy      no evidence: none gains over keeping 40 closed-book answers"
    `);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ isRel: { threshold: 0.5 } });
    expect(needs[0]).toMatchObject({ scores: true });
  });

  it('without evidence the config stays empty', async () => {
    const path = join(newFolder(), 'config.json');
    const { out } = await run(['--data', data, '--thresholds', '--config-out', path]);
    expect(out).toContain('--isRel.threshold  no evidence: none gains over keeping 4 contexts');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({});
  });
});

describe('--out', () => {
  const args = (path: string, ...more: string[]) => ['--data', data, '--out', path, '--json', '--k', '3', ...more];

  it('a run that failed goes on where it stopped, and comes to the same figures', async () => {
    const path = join(newFolder(), 'records.jsonl');
    await expect(run(args(path), { failAt: 3 })).rejects.toThrow('the power went out');
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(3);
    const second = await run(args(path));
    expect(second.asked).toEqual(['Question 3?', 'Question 4?']);
    expect(second.notes).toEqual(['2 of 4 rows done before']);
    expect(figuresOf(second)).toEqual(figuresOf(await run(['--data', data, '--json', '--k', '3'])));
    const third = await run(args(path));
    expect({ asked: third.asked, needs: third.needs }).toEqual({ asked: [], needs: [] });
    expect(third.out).toBe(second.out);
  });

  it('a line that was cut off is asked again; the file is whole afterwards', async () => {
    const path = join(newFolder(), 'records.jsonl');
    await run(args(path));
    const whole = readFileSync(path, 'utf8');
    truncateSync(path, whole.length - 30);
    expect((await run(args(path))).asked).toEqual(['Question 4?']);
    expect(readFileSync(path, 'utf8')).toBe(whole);
  });

  it('the file is data too, and smaller k need no model', async () => {
    const path = join(newFolder(), 'records.jsonl');
    const first = await run(args(path));
    const again = await run(['--data', path, '--json', '--k', '3']);
    expect(again.asked).toEqual([]);
    expect(figuresOf(again).soft).toEqual(figuresOf(first).soft);
    const fewer = await run(['--data', data, '--out', path, '--k', '1,2']);
    expect(fewer.needs).toEqual([]);
    expect(fewer.out).toContain('2 answers sampled of each condition');
  });

  it.each([
    ['more samples', ['--k', '4'], /records\.jsonl has 3 samples of each condition, and 4 are asked for/],
    ['per passage', ['--per-passage'], /has no samples for --per-passage/],
    ['scores', ['--thresholds'], /has no scores for --thresholds/],
    ['another model', ['--generate.model', 'other'], /line 1: was made with other models, options or index/],
    ['another temperature', ['--gate.temperature', '1'], /line 1: was made with other/],
  ])('%s than the file holds: INPUT_INVALID', async (_what, more, said) => {
    const path = join(newFolder(), 'records.jsonl');
    await run(args(path));
    const whole = readFileSync(path, 'utf8');
    await expect(run(args(path, ...more))).rejects.toMatchObject({
      ...{ code: 'INPUT_INVALID', message: expect.stringMatching(said), hint: expect.stringContaining('--out') },
    });
    expect(readFileSync(path, 'utf8')).toBe(whole);
  });

  it('another file is left as it is', async () => {
    const path = fileWith('notes.jsonl', '{"mine":true}\n');
    await expect(run(args(path))).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('line 1: no record'),
    });
    appendFileSync(path, 'not even JSON');
    await expect(run(args(path))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(readFileSync(path, 'utf8')).toBe('{"mine":true}\nnot even JSON');
  });
});

describe('what cannot be read', () => {
  it.each([
    ['no JSON', '{"question":"q","answers":["a"],"passage":"p"}\nnonsense\n', [], 'bad.jsonl, line 2: not JSON'],
    ['no references', '\n{"question":"q"}\n', [], 'bad.jsonl, line 2: answers: '],
    ['no context at all', '{"question":"q","answers":["a"]}\n', [], 'line 1: neither a passage nor samples'],
    ['no rows', '\n', [], 'bad.jsonl holds no rows'],
    ['an unknown label', jsonl(ROWS), ['--label', 'grade'], 'no row has the label "grade"'],
    ['a label in words', jsonl(ROWS), ['--label', 'id'], 'bad.jsonl, line 1: the label id is no number: "r1"'],
    ['no k', jsonl(ROWS), ['--k', '3,0'], '--k takes numbers from 1 to 200'],
    ['a k in words', jsonl(ROWS), ['--k', 'ten'], '--k takes a whole number'],
  ])('%s: INPUT_INVALID', async (_what, text, more, said) => {
    const asking = run(['--data', fileWith('bad.jsonl', text), ...more]);
    await expect(asking).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining(said) });
  });

  it('a label in words by one of its values', async () => {
    const { out } = await run(['--data', data, '--label', 'id=r1', '--json']);
    expect(JSON.parse(out).correlation).toMatchObject({ field: 'id=r1', unlabelled: 0 });
  });

  it('stops between rows', async () => {
    const abort = new AbortController();
    const stopping: SampleScript = (request, i) => {
      abort.abort();
      return firstWord(request, i);
    };
    await expect(run(['--data', data], { script: stopping, signal: abort.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
