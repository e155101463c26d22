import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { registerEvalCritic } from '../../src/cli/eval-critic.ts';
import { DiscernError } from '../../src/errors.ts';
import { type Judged, judge, type Pace } from '../../src/evaluate/critics/judge.ts';
import { measureHead } from '../../src/evaluate/critics/measure.ts';
import { caseOf, type EvalCase, type EvalHead, parseEvalRow } from '../../src/evaluate/critics/rows.ts';
import { bootstrap } from '../../src/evaluate/metrics/bootstrap.ts';
import { fileWith, jsonl, newFolder, opened, readingCritic, readingEntailment, runCommand } from './eval-fixtures.ts';

const relevance = (label: string, said: number, source = 'a', lang = 'en') => ({
  ...{ task: 'relevance', question: 'q?', passage: `says ${said}`, answer: null, label, source, lang },
});
const ROWS = {
  isRel: [
    relevance('relevant', 0.9),
    relevance('irrelevant', 0.2),
    relevance('irrelevant', 0.8),
    relevance('relevant', 0.7, 'b'),
  ],
  isSup: [
    ['full', '0.7 0.2 0.1'],
    ['partial', '0.2 0.5 0.3'],
    ['none', '0.1 0.3 0.6'],
    ['not_full', '0.8 0.1 0.1'],
  ].map(([label, answer]) => ({ task: 'support', question: null, passage: 'p', answer, label, source: 's' })),
  isUse: [
    { task: 'utility', question: 'q', answer: '0 0 0 0 1', label: 5, source: 'u' },
    { task: 'utility', question: 'q', answer: '0 1 0 0 0', label: '1', source: 'u' },
    { task: 'utility_pair', question: 'q', answer_a: '0 0 0 1 0', answer_b: '0 0 1 0 0', label: 'a', source: 'w' },
    { task: 'utility_pair', question: 'q', answer_a: '0 0 0 1 0', answer_b: '0 0 1 0 0', label: 'b', source: 'w' },
    { task: 'utility_pair', question: 'q', answer_a: '1 0 0 0 0', answer_b: '1 0 0 0 0', label: 'tie', source: 'w' },
  ],
  retrieve: [
    { task: 'retrieve', question: '0.3 0.1 0.6', label: 'retrieve', source: 'r' },
    { task: 'retrieve', question: '0.2 0.8 0', label: 'no_retrieve', source: 'r' },
  ],
  entail: [
    {
      task: 'answer_equivalence',
      question: 'q',
      answer: 'on Monday',
      refs: ['0.2', 'Monday 0.9'],
      label: 'equivalent',
      source: 'e',
    },
    {
      task: 'answer_equivalence',
      question: 'q',
      answer: 'on Monday',
      refs: ['Tuesday 0.4'],
      label: 'different',
      source: 'e',
    },
    { task: 'answer_equivalence', question: 'q', answer: 'maybe', refs: ['0.5'], label: 'possible', source: 'e' },
  ],
};

const rowOf = (row: object) => parseEvalRow(JSON.stringify(row), 'here');
const casesOf = (rows: readonly object[]): EvalCase[] =>
  rows.map(rowOf).flatMap((row) => {
    const found = caseOf(row);
    return typeof found === 'string' ? [] : [found];
  });

const ticking = () => {
  let at = 0;
  return () => (at += 500);
};
async function judged(rows: readonly object[]): Promise<{ judged: Judged[]; pace: Pace[] }> {
  return judge(casesOf(rows), opened(), { now: ticking() });
}
async function figuresOf(head: keyof typeof ROWS) {
  const { judged: rows, pace } = await judged(ROWS[head]);
  return measureHead(head, rows, pace, 1);
}

describe('figures by hand', () => {
  it('isRel: 0.9, 0.2, 0.8, 0.7 for relevant, irrelevant, irrelevant, relevant', async () => {
    const figures = await figuresOf('isRel');
    expect(figures.n).toBe(4);
    expect(figures.accuracy).toMatchObject({ mean: 0.75, n: 4 });
    expect(figures.confusion).toEqual({
      labels: ['relevant', 'irrelevant'],
      table: [
        [2, 0],
        [1, 1],
      ],
    });
    expect(figures.perClass.relevant!.precision!.mean).toBeCloseTo(2 / 3, 12);
    expect(figures.perClass.relevant!.f1!.mean).toBeCloseTo(0.8, 12);
    expect(figures.perClass.irrelevant!.recall!.mean).toBe(0.5);
    expect(figures.macroF1!.mean).toBeCloseTo((4 / 5 + 2 / 3) / 2, 12);
    expect(figures.auroc!.mean).toBe(0.75); // 0.7 is below 0.8
    expect(figures.averagePrecision!.mean).toBeCloseTo(1 / 2 + (1 / 2) * (2 / 3), 12);
    expect(figures.brier!.mean).toBeCloseTo((0.01 + 0.04 + 0.64 + 0.09) / 4, 12);
    expect(figures.ece!.mean).toBeCloseTo((0.1 + 0.2 + 0.8 + 0.3) / 4, 12); // each in a bin of its own
    expect(figures).not.toHaveProperty('eceRaw');
    expect(figures).not.toHaveProperty('kappaQuadratic');
    // Source b has one label only: no AUROC of its own, and none in the mean over sources.
    expect(figures.bySource.b).toMatchObject({ n: 1, auroc: null, averagePrecision: null });
    expect(figures.bySource.b!.accuracy!.mean).toBe(1);
    expect(figures.aurocOverSources).toMatchObject({ mean: 1, n: 1 });
  });

  it('isSup: not_full counts for fully against the rest, not for three ways', async () => {
    const figures = await figuresOf('isSup');
    expect(figures.n).toBe(4);
    expect(figures.accuracy).toEqual({ mean: 1, ci95: [1, 1], n: 3 });
    expect(figures.auroc).toMatchObject({ mean: expect.closeTo(2 / 3, 12), n: 4 });
    expect(figures.brier!.mean).toBeCloseTo((0.09 + 0.04 + 0.01 + 0.64) / 4, 12);
    expect(figures.eceTop!.mean).toBeCloseTo((0.3 + 0.5 + 0.4) / 3, 12);
  });

  it('isUse: quadratic kappa of the grades, pairs by the expected grade; ties are left out', async () => {
    const figures = await figuresOf('isUse');
    expect(figures.n).toBe(4);
    // 1 seen as 2 costs 1; by chance (1 + 16 + 9) / 2 would be paid.
    expect(figures.kappaQuadratic).toMatchObject({ mean: expect.closeTo(1 - 1 / 13, 12), n: 2 });
    expect(figures.pairwiseAccuracy).toMatchObject({ mean: 0.5, n: 2 });
    expect(figures.auroc!.mean).toBe(1); // 4 or 5 against the rest
    expect(figures.bySource.w).toMatchObject({ n: 2, accuracy: null, auroc: null });
    expect(figures.bySource.u).toMatchObject({ n: 2, pairwiseAccuracy: null });
  });

  it('retrieve: among yes and no, whatever is said of continue', async () => {
    const { judged: rows } = await judged(ROWS.retrieve);
    expect(rows[0]!.probs[0]![0]).toBeCloseTo(0.75, 12);
    expect((await figuresOf('retrieve')).accuracy!.mean).toBe(1);
  });

  it('entail: the best of the nearest references; possible is left out', async () => {
    const { judged: rows } = await judged(ROWS.entail);
    expect(rows.map(({ probs }) => probs[0]![0])).toEqual([0.9, 0.4]);
    const four = { ...ROWS.entail[0], refs: ['far 0.99', 'Monday 0.3', 'Monday 0.4', 'Monday 0.5', 'on Monday 0.6'] };
    expect((await judged([four])).judged[0]!.probs[0]![0]).toBe(0.6);
  });

  it('raw figures where the critic says what it thought before calibration', async () => {
    const { judged: rows, pace } = await judge(
      casesOf(ROWS.entail),
      { ...opened(), rawEntailment: { equivalent: async (all) => all.map(() => 0.5) } },
      { now: ticking() },
    );
    const figures = measureHead('entail', rows, pace, 1);
    expect(figures.eceRaw!.mean).toBe(0);
    expect(figures.brierRaw!.mean).toBe(0.25);
    expect(figures.ece!.mean).toBeCloseTo((0.1 + 0.4) / 2, 12);
  });

  it('rows per second are those of the clock, in batches of 64, without the first row that loads models', async () => {
    const rows = Array.from({ length: 100 }, () => ROWS.isRel[0]!);
    const { judged: all, pace } = await judged(rows);
    expect(pace).toEqual([
      { rows: 64, seconds: 0.5 },
      { rows: 36, seconds: 0.5 },
    ]);
    const { rowsPerSecond, auroc } = measureHead('isRel', all, pace, 1);
    expect(rowsPerSecond).toEqual({ mean: 100, ci95: [72, 128], n: 100 });
    expect(auroc).toBe(null);
  });

  it('stops between batches', async () => {
    const abort = new AbortController();
    const asking = judge(casesOf(Array.from({ length: 200 }, () => ROWS.isRel[0]!)), opened(), {
      ...{ now: ticking(), signal: abort.signal, onProgress: () => abort.abort() },
    });
    await expect(asking).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
  });
});

describe('bootstrap', () => {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  it('of a share: about its normal interval, and the same for the same seed', () => {
    const values = Array.from({ length: 400 }, (_, i) => i % 2);
    const of = (seed: number) =>
      bootstrap([400], seed, ([places]) => ({ share: mean(places!.map((i) => values[i]!)) })).share!;
    expect(of(1)).toEqual(of(1));
    expect(of(1).ci95).not.toEqual(of(2).ci95);
    expect(of(1)).toMatchObject({ mean: 0.5, n: 400 });
    const [low, high] = of(1).ci95; // 1.96 * 0.5 / 20 = 0.049
    expect([0.5 - low, high - 0.5].map((half) => Math.abs(half - 0.049) < 0.008)).toEqual([true, true]);
  });
  it('draws within groups, in order', () => {
    const sizes: number[][] = [];
    bootstrap([3, 1], 5, (places) => {
      sizes.push(places.map(({ length }) => length));
      for (const group of places) expect([...group].sort((a, b) => a - b)).toEqual(group);
      expect(places[1]).toEqual([0]);
      return {};
    });
    expect(new Set(sizes.map(String))).toEqual(new Set(['3,1']));
  });
  it('leaves out draws that say nothing, and is null where nothing does', () => {
    let call = 0;
    const odd = bootstrap([1], 1, () => ({ odd: ++call % 2 === 1 ? 7 : null, never: null }));
    expect(odd).toEqual({ odd: { mean: 7, ci95: [7, 7], n: 1 }, never: null });
  });
});

describe('rows that cannot be read', () => {
  it.each([
    ['{"task":"poetry","label":1}', 'task "poetry"; known: relevance, support, utility, utility_pair, retrieve'],
    ['{"label":"relevant"}', 'task is missing'],
    ['[]', 'task is missing'],
    ['{"task":"relevance","label":"maybe","passage":"p"}', 'relevance row, label: '],
    ['{"task":"relevance","label":"relevant"}', 'relevance row, passage: '],
    ['{"task":"utility","label":6,"answer":"a"}', 'utility row, label: '],
    ['{"task":"answer_equivalence","label":"different","answer":"a","refs":[]}', 'answer_equivalence row, refs: '],
    ['{', 'not JSON'],
  ])('%s', (line, said) => {
    const read = () => parseEvalRow(line, 'f.jsonl, line 3');
    expect(read).toThrow('f.jsonl, line 3: ');
    expect(read).toThrow(said);
    expect(read).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });
});

describe('discern eval critic', () => {
  const all = fileWith('all.jsonl.gz', gzipSync(jsonl(Object.values(ROWS).flat())));
  const run = (...args: string[]) => runCommand(registerEvalCritic, ['critic', '--critic', 'reading', ...args]);
  type Report = { critic: string; heads: Record<EvalHead, Record<string, { mean: number }>> };

  it('--json: one object with each head, from a .gz file; what is left out is told beside it', async () => {
    const { out, notes } = await run('--data', all, '--json');
    const report = JSON.parse(out) as Report;
    expect(Object.keys(report)).toEqual(['critic', 'heads']);
    expect(report.critic).toBe('reading@1');
    expect(Object.keys(report.heads)).toEqual(['isRel', 'isSup', 'isUse', 'retrieve', 'entail']);
    expect(Object.keys(report.heads.isUse)).toEqual([
      ...['n', 'accuracy', 'auroc', 'averagePrecision', 'ece', 'brier', 'kappaQuadratic', 'pairwiseAccuracy'],
      ...['macroF1', 'eceTop', 'rowsPerSecond', 'aurocOverSources', 'perClass', 'confusion', 'bySource'],
    ]);
    expect(report.heads.isRel.accuracy).toMatchObject({ mean: 0.75, ci95: [expect.any(Number), 1], n: 4 });
    expect(notes).toEqual(['1 row labelled tie left out', '1 row labelled possible left out']);
  });

  it('a table otherwise', async () => {
    const data = fileWith('rel.jsonl', jsonl(ROWS.isRel));
    const { out } = await run('--data', data);
    // The line of the speed is measured, and as wide as it is: with it goes the width of its column.
    const lines = out
      .split('\n')
      .filter((line) => !line.includes('rows/s'))
      .map((line) => line.replace(/\] +n /, ']  n '));
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "reading@1

      isRel: 4 rows, 95% intervals in brackets
        accuracy                  0.750 [0.250, 1.000]  n 4
        macroF1                   0.733 [0.200, 1.000]  n 4
        auroc                     0.750 [0.000, 1.000]  n 4
        auroc, mean over sources  1.000 [1.000, 1.000]  n 1
        averagePrecision          0.833 [0.333, 1.000]  n 4
        ece                       0.350 [0.150, 0.650]  n 4
        brier                     0.195 [0.025, 0.490]  n 4
        label       precision  recall  f1     said relevant  said irrelevant
        relevant    0.667      1.000   0.800  2              0
        irrelevant  1.000      0.500   0.667  1              1
        source  n  accuracy  auroc  averagePrecision  ece    brier
        a       3  0.667     1.000  1.000             0.367  0.230
        b       1  1.000     -      -                 0.300  0.090"
    `);
  });

  it('chooses rows by head, source and language, and draws by the seed', async () => {
    const rows = [...ROWS.isRel, relevance('relevant', 0.1, 'zh', 'zh'), ...ROWS.retrieve];
    const data = fileWith('some.jsonl', jsonl(rows));
    const counts = async (...args: string[]) => {
      const { heads } = JSON.parse((await run('--data', data, '--json', ...args)).out) as Report;
      return Object.fromEntries(Object.entries(heads).map(([head, { n }]) => [head, n]));
    };
    expect(await counts()).toEqual({ isRel: 5, retrieve: 2 });
    expect(await counts('--head', 'isRel')).toEqual({ isRel: 5 });
    expect(await counts('--lang', 'zh')).toEqual({ isRel: 1 });
    expect(await counts('--exclude-source', 'zh,r', '--exclude-source', 'b')).toEqual({ isRel: 3 });
    expect(await counts('--source', 'r')).toEqual({ retrieve: 2 });
    expect(await counts('--limit', '3')).toEqual({ isRel: 3, retrieve: 2 });
    const seeds = await Promise.all(
      ['1', '1', '2', '3'].map((seed) => run('--data', data, '--limit', '2', '--seed', seed, '--json')),
    );
    const accuracies = seeds.map(({ out }) => JSON.stringify((JSON.parse(out) as Report).heads.isRel.bySource));
    expect(accuracies[0]).toBe(accuracies[1]);
    expect(new Set(accuracies).size).toBeGreaterThan(1);
  });

  it('a head that the critic lacks is told, and an error only when none is left', async () => {
    const sup = opened({ critic: readingCritic(['isSup']), entailment: null });
    const args = ['critic', '--critic', 'x', '--data', all, '--json'];
    const { out, notes } = await runCommand(registerEvalCritic, args, sup);
    expect(Object.keys((JSON.parse(out) as Report).heads)).toEqual(['isSup']);
    expect(notes).toContain('reading@1 does not predict isRel: 4 rows left out');
    await expect(runCommand(registerEvalCritic, [...args, '--head', 'entail'], sup)).rejects.toMatchObject({
      code: 'CRITIC_KIND_UNSUPPORTED',
      message: 'reading@1 predicts none of entail',
    });
  });

  it.each([
    ['an unknown task', [], 'bad.jsonl, line 2: task "poetry"'],
    ['no rows of a source', ['--source', 'nobody'], 'task "poetry"'],
    ['an unknown head', ['--head', 'isRel,isReal'], '--head isReal; known: isRel'],
    ['a limit that is none', ['--limit', 'many'], '--limit takes a whole number'],
  ])('%s: INPUT_INVALID', async (_what, args, said) => {
    const data = fileWith('bad.jsonl', `${jsonl([ROWS.isRel[0]!])}{"task":"poetry"}\n`);
    await expect(run('--data', data, ...args)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(said),
    });
  });

  it('--out: a page that stands alone, its parts, and the figures; a hostile source is shown, not obeyed', async () => {
    const hostile = '<script>alert("x")</script>\u001b[2J';
    const data = fileWith('hostile.jsonl', jsonl(ROWS.isRel.map((row) => ({ ...row, source: hostile }))));
    const dir = join(newFolder(), 'new');
    const { out } = await run('--data', data, '--out', dir);
    expect(out).not.toContain('\u001b[2J');
    expect(readdirSync(dir).sort()).toEqual([
      ...['confusion-isRel.html', 'eval.json', 'reliability-isRel.svg', 'report.html'],
    ]);
    const page = readFileSync(join(dir, 'report.html'), 'utf8');
    expect(page).not.toContain('<script');
    expect(page).toContain('&#60;script&#62;alert(&#34;x&#34;)&#60;/script&#62;');
    expect(page).toContain('prefers-color-scheme: dark');
    // Nothing is fetched: the only addresses are the names of the SVG namespaces.
    const addresses = [...page.matchAll(/https?:\/\/[^"'\s]+/g)].map(([url]) => url);
    expect([...new Set(addresses)].sort()).toEqual(['http://www.w3.org/1999/xlink', 'http://www.w3.org/2000/svg']);
    const svg = readFileSync(join(dir, 'reliability-isRel.svg'), 'utf8');
    expect(page).toContain(svg);
    expect(svg).toContain('P(relevant) of reading@1');
    const points = [...svg.matchAll(/"stated: ([\d.]+); true: (\d); of: calibrated; rows: 1"/g)];
    expect(points.map(([, stated, came]) => `${stated} ${came}`)).toEqual(['0.2 0', '0.7 1', '0.8 0', '0.9 1']);
    expect(JSON.parse(readFileSync(join(dir, 'eval.json'), 'utf8'))).toMatchObject({ critic: 'reading@1' });
  });
});

it('an entailment model is asked only where rows need it', async () => {
  let asked = 0;
  const counting = {
    ...readingEntailment(),
    async equivalent(all: readonly object[]) {
      asked++;
      return all.map(() => 1);
    },
  };
  await judge(casesOf(ROWS.isRel), { ...opened(), entailment: counting }, { now: ticking() });
  expect(asked).toBe(0);
});
