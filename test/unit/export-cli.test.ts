import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it } from 'vitest';
import { registerExport } from '../../src/cli/export.ts';
import { DiscernError } from '../../src/errors.ts';
import type { ExportCard } from '../../src/evaluate/export/card.ts';
import { questionKey } from '../../src/evaluate/retrieval-data.ts';
import type { Passage } from '../../src/types.ts';
import { fileWith, jsonl, newFolder, runCommand } from './eval-fixtures.ts';
import { critic, mill, oracle, tower, traceOf } from './export-fixtures.ts';
import { passageOf } from './parts.ts';

const run = (...args: readonly string[]) => runCommand(registerExport, ['export', ...args]);
const fails = async (args: readonly string[], said: string) => {
  const failure = run(...args);
  await expect(failure).rejects.toThrow(said);
  await expect(failure).rejects.toSatisfy((error) => DiscernError.is(error) && error.code === 'INPUT_INVALID');
};
const cardIn = (dir: string): ExportCard => JSON.parse(readFileSync(join(dir, 'card.json'), 'utf8'));
const rowsIn = (path: string): Record<string, unknown>[] => {
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
};

let traces: string;
let many: string;
beforeAll(async () => {
  traces = fileWith(
    'first.jsonl',
    jsonl([await traceOf(), await traceOf({ question: 'What does the mill grind?', id: 'q2' })]),
  );
  // Twelve questions, each about two of twelve documents that hang together in threes.
  const passage = (i: number): Passage =>
    passageOf(`doc${i}`, `The tower number ${i} was built by the guild of the carpenters in the year ${1800 + i}.`);
  many = fileWith(
    'many.jsonl',
    jsonl(
      await Promise.all(
        Array.from({ length: 12 }, (_, i) => {
          const next = i % 3 === 2 ? i - 2 : i + 1;
          return traceOf({ question: `Who built tower ${i}?`, passages: [passage(i), passage(next)], id: `m${i}` });
        }),
      ),
    ),
  );
});
const outside = () => join(newFolder(), 'out');

describe('discern export', () => {
  it('writes pairs, everything that is known of them, and a card', async () => {
    const dir = outside();
    const { out } = await run(traces, '--format', 'pairs', '--out', dir);
    expect(readdirSync(dir).sort()).toEqual([
      'CARD.md',
      'card.json',
      'relevance',
      'retrieve',
      'rows.jsonl',
      'support',
      'utility',
    ]);
    const card = cardIn(dir);
    expect(card).toMatchObject({
      ...{ made: 'discern export', format: 'pairs', bySplit: { train: card.rows }, byCritic: { 'a@1': card.rows } },
      inputs: { traces: [{ name: 'first', traces: 2, notReplayed: 0 }], review: null, excluded: [] },
      ...{ review: { rows: 0, changed: 0 }, conflicts: 0, unexplained: 0, samples: null },
    });
    expect(card.rows).toBe(rowsIn(join(dir, 'rows.jsonl')).length);
    expect(Object.values(card.byKind).reduce((a, b) => a + b, 0)).toBe(card.rows);
    for (const { path, rows, bytes, sha256 } of card.files) {
      const content = readFileSync(join(dir, path));
      expect([path, content.length, createHash('sha256').update(content).digest('hex')]).toEqual([path, bytes, sha256]);
      expect(rowsIn(join(dir, path))).toHaveLength(rows);
    }
    expect(card.inputs.traces[0]!.sha256).toBe(createHash('sha256').update(readFileSync(traces)).digest('hex'));
    const page = readFileSync(join(dir, 'CARD.md'), 'utf8');
    for (const words of [
      `${card.rows} rows of ${card.requests} distinct requests`,
      card.files[0]!.sha256,
      'belong to their authors',
    ])
      expect(page).toContain(words);
    expect(out).toContain(`${card.rows} rows of ${card.requests} distinct requests, teacher mean`);
    expect(out).toMatch(/^ {2}isRel +4 +relevant 2, irrelevant 2$/m);
  });

  it('is the same when it is run again, into the folder of before too', async () => {
    const dir = outside();
    await run(many, '--format', 'pairs', '--out', dir, '--split', 'train=0.5,test=0.5');
    const [card, page] = [cardIn(dir), readFileSync(join(dir, 'CARD.md'), 'utf8')];
    await run(many, '--format', 'pairs', '--out', `${dir}/`, '--split', 'train=0.5,test=0.5');
    expect(cardIn(dir)).toEqual(card);
    expect(readFileSync(join(dir, 'CARD.md'), 'utf8')).toBe(page);
    const { out } = await run(many, '--format', 'chat', '--out', dir, '--json');
    expect(JSON.parse(out)).toEqual(cardIn(dir));
    expect(readdirSync(dir, { recursive: true }).sort()).toEqual([
      ...['CARD.md', 'card.json', 'rows.jsonl', 'train.jsonl'],
    ]);
  });

  it.each([['--seed', '0'], ['--seed', '5'], ['--cut']])(
    'no document and no question is on two sides (%s %s)',
    async (...more) => {
      const dir = outside();
      await run(many, '--format', 'pairs', '--out', dir, '--split', 'train=0.5,dev=0.25,test=0.25', ...more);
      const sides = new Map<string, Set<unknown>>();
      for (const { question, docIds, split } of rowsIn(join(dir, 'rows.jsonl')))
        for (const key of [questionKey(question as string), ...(docIds as string[])])
          sides.set(key, (sides.get(key) ?? new Set()).add(split));
      expect(sides.size).toBeGreaterThan(20);
      expect([...sides].filter(([, found]) => found.size > 1)).toEqual([]);
      expect(new Set([...sides.values()].flatMap((found) => [...found]))).toEqual(new Set(['train', 'dev', 'test']));
      // The files say the same as the rows.
      for (const side of ['train', 'dev', 'test'])
        expect(rowsIn(join(dir, 'relevance', `${side}.jsonl.gz`)).map(({ split }) => split)).toContain(side);
      expect(cardIn(dir).groups).toEqual({ count: 4, largest: expect.closeTo(0.25, 6) });
    },
  );

  it('the side of a row does not depend on the format, the kinds or the teacher', async () => {
    const of = async (...args: readonly string[]) => {
      const dir = outside();
      await run(many, '--out', dir, '--split', 'train=0.5,test=0.5', ...args);
      return new Map(rowsIn(join(dir, 'rows.jsonl')).map(({ id, split }) => [id, split]));
    };
    const all = await of('--format', 'pairs');
    for (const args of [
      ['--format', 'chat', '--kinds', 'isSup'],
      ['--format', 'selfrag', '--min-confidence', '0.65'],
    ])
      for (const [id, split] of await of(...args)) expect(split).toBe(all.get(id));
  });

  it('tells where documents hang together too much for the split', async () => {
    const dir = outside();
    const { notes } = await run(traces, '--format', 'pairs', '--out', dir, '--split', 'train=0.8,test=0.2');
    expect(notes.join()).toContain('100% of all hangs together');
    expect(cardIn(dir).bySplit).toEqual({ train: cardIn(dir).rows });
  });

  it('review: written, filled in, read back; and never written over', async () => {
    const review = join(newFolder(), 'review.csv');
    const { notes } = await run(traces, '--make-review', review);
    expect(notes.join()).toMatch(/\d+ requests to review/);
    const text = readFileSync(review, 'utf8');
    const [head, first] = parse(text, { bom: true }) as string[][];
    expect(head).toEqual(['id', 'kind', 'question', 'passage', 'segment', 'predicted', 'probability', 'label', 'note']);
    expect([first![1], ...first!.slice(3)]).toEqual(['isRel', mill.text, '', 'irrelevant', '0.5500', '', '']);
    await fails([traces, '--make-review', review], 'is there already');
    // A person fills in the first row, in a program that writes semicolons.
    const filled = fileWith('filled.csv', `id;label;note\n${first![0]};relevant;"it does; see passage"\n`);
    const dir = outside();
    await run(traces, '--format', 'pairs', '--out', dir, '--review', filled, '--override-weight', '0.5');
    const row = rowsIn(join(dir, 'rows.jsonl')).find(({ id }) => id === first![0])!;
    expect(row).toMatchObject({
      ...{ label: 'relevant', target: { relevant: 0.725, irrelevant: 0.275 } }, // 0.5 + 0.5 * 0.45
      reviewed: { label: 'relevant', note: 'it does; see passage' },
    });
    expect(cardIn(dir).review).toEqual({ rows: 1, changed: 1 });
    const again = join(newFolder(), 'review.jsonl');
    await run(traces, '--make-review', again, '--review', filled);
    expect(rowsIn(again).find(({ id }) => id === first![0])).toMatchObject({
      label: 'relevant',
      predicted: 'irrelevant',
    });
    await fails(
      [traces, '--format', 'pairs', '--out', outside(), '--review', fileWith('x.csv', 'id,label\nzz,relevant\n')],
      'line 2: the id "zz"',
    );
  });

  it('--exclude and --against leave out what evaluation sets hold, answers too', async () => {
    const set = fileWith('eval.jsonl', `${JSON.stringify({ question: 'what does the MILL grind' })}\n`);
    const corpus = fileWith(
      'corpus.jsonl.gz',
      gzipSync(`${JSON.stringify({ _id: 'x', text: `About. ${mill.text} More.` })}\n`),
    );
    const plain = outside();
    await run(traces, '--format', 'selfrag', '--out', plain);
    const dir = outside();
    await run(traces, '--format', 'selfrag', '--out', dir, '--exclude', set, '--against', corpus);
    const [all, some] = [cardIn(plain), cardIn(dir)];
    expect(all.samples!.written).toBe(2);
    expect(some.samples).toEqual({ written: 1, leftOut: { 'question of an evaluation set': 1 } });
    const questions = new Set(rowsIn(join(dir, 'rows.jsonl')).map(({ question }) => question));
    expect([...questions]).toEqual(['When was the tower built?']);
    const texts = rowsIn(join(dir, 'rows.jsonl')).map(({ passage }) => (passage as { text: string } | undefined)?.text);
    expect(new Set(texts)).toEqual(new Set([tower.text, undefined]));
    expect(some.leftOut['question of an evaluation set']).toBeGreaterThan(0);
    expect(some.leftOut['passage of an evaluation set']).toBeGreaterThan(0);
    expect(some.rows + Object.values(some.leftOut).reduce((a, b) => a + b, 0)).toBe(all.rows);
    expect(some.inputs.excluded.map(({ name }) => name)).toEqual(['eval.jsonl', 'corpus.jsonl.gz']);
  });

  it('teachers of several files; names of files stay apart', async () => {
    const other = fileWith('first.jsonl', jsonl([await traceOf({ critic: critic('b@1') })]));
    const dir = outside();
    await run(traces, other, '--format', 'chat', '--out', dir, '--teacher', 'b@1');
    const card = cardIn(dir);
    expect(card.inputs.traces.map(({ name }) => name)).toEqual(['first', 'first-2']);
    expect(Object.keys(card.byCritic)).toEqual(['b@1']);
    expect(card.leftOut['not answered by the teacher']).toBeGreaterThan(0);
    await fails(
      [traces, '--format', 'chat', '--out', outside(), '--teacher', 'z'],
      'no trace has an answer of the critic "z"; there are a@1',
    );
  });

  it('leaves out a trace that cannot be answered again, and says so', async () => {
    const trace = await traceOf();
    const broken = { ...trace, id: 'broken', facts: trace.facts.filter(({ role }) => role !== 'extend') };
    const path = fileWith('some.jsonl', jsonl([broken, trace]));
    const dir = outside();
    const { notes } = await run(path, '--format', 'pairs', '--out', dir);
    expect(notes.join()).toContain(`${path}, line 1: left out:`);
    expect(cardIn(dir).inputs.traces[0]).toMatchObject({ traces: 2, notReplayed: 1 });
  });

  it('shows no control character of a file in the terminal', async () => {
    const path = fileWith('t.jsonl', jsonl([await traceOf({ critic: critic('a\u001b[31m@1', oracle) })]));
    const { out } = await run(path, '--format', 'pairs', '--out', outside());
    expect(out).not.toContain('\u001b[31m');
    expect(out).toContain('\\u001b[31m@1');
  });

  describe('the folder', () => {
    it('with files of others is refused, and left as it is', async () => {
      const dir = newFolder();
      writeFileSync(join(dir, 'notes.txt'), 'mine');
      await fails([traces, '--format', 'pairs', '--out', dir], 'holds notes.txt, which is of no export');
      expect(readdirSync(dir)).toEqual(['notes.txt']);
      const own = outside();
      await run(traces, '--format', 'pairs', '--out', own);
      mkdirSync(join(own, 'relevance', 'more'));
      writeFileSync(join(own, 'relevance', 'more', 'x'), '');
      await fails([traces, '--format', 'chat', '--out', own], 'holds relevance/more/x');
      expect(existsSync(join(own, 'rows.jsonl'))).toBe(true);
    });

    it('with a card that names other files removes none of them', async () => {
      const dir = newFolder();
      const victim = fileWith('victim.txt', 'mine');
      symlinkSync(victim, join(dir, 'link'));
      const card = { made: 'discern export', files: [{ path: '../victim.txt' }, { path: 'link' }] };
      writeFileSync(join(dir, 'card.json'), JSON.stringify(card));
      await fails([traces, '--format', 'pairs', '--out', dir], 'holds link (no plain file)');
      expect(readFileSync(victim, 'utf8')).toBe('mine');
    });

    it('holds none of the files that are read', async () => {
      const dir = newFolder();
      const inside = join(dir, 't.jsonl');
      await fails([inside, '--format', 'pairs', '--out', dir], `${inside} lies in ${dir}`);
      await fails([traces, '--format', 'pairs', '--out', dir, '--make-review', join(dir, 'r.csv')], 'r.csv lies in');
      await fails([traces, '--format', 'pairs', '--out', traces], 'is not a folder');
    });
  });

  it.each([
    ['no output', [], 'both --format and --out are needed, or --make-review alone'],
    ['no folder', ['--format', 'pairs'], 'both --format and --out'],
    [
      'an unknown format',
      ['--format', 'csv', '--out', 'x'],
      'there is no format "csv"; there are pairs, selfrag, chat, decisions',
    ],
    ['an unknown kind', ['--format', 'pairs', '--out', 'x', '--kinds', 'isRel,rel'], 'got "rel"'],
    [
      'shares beside one',
      ['--format', 'pairs', '--out', 'x', '--split', 'train=0.8,test=0.1'],
      'the shares sum to 0.9, not to 1',
    ],
    ['an unknown side', ['--format', 'pairs', '--out', 'x', '--split', 'all=1'], '"all" is none of train, dev, test'],
    ['a side twice', ['--format', 'pairs', '--out', 'x', '--split', 'train=0.5,train=0.5'], 'train stands there twice'],
    ['no share', ['--format', 'pairs', '--out', 'x', '--split', 'train'], 'the share of train is above 0, got ""'],
    ['a negative share', ['--format', 'pairs', '--out', 'x', '--split', 'train=-1,dev=2'], 'the share of train'],
    ['a confidence above one', ['--format', 'pairs', '--out', 'x', '--min-confidence', '2'], 'a number from 0 to 1'],
    ['no weight', ['--format', 'pairs', '--out', 'x', '--override-weight', '0'], 'above 0'],
    ['no seed', ['--format', 'pairs', '--out', 'x', '--seed', 'a'], '--seed takes a whole number'],
    ['no such review', ['--make-review', 'y', '--review', '/none/r.csv'], 'cannot be read'],
    ['no such evaluation set', ['--make-review', 'y', '--exclude', '/none/e.jsonl'], 'is not a file'],
  ])('refuses %s', async (_what, args, said) => {
    await fails([traces, ...args], said);
    expect([existsSync('x'), existsSync('y')]).toEqual([false, false]);
  });

  it('refuses files without traces', async () => {
    await fails([fileWith('e.jsonl', '\n'), '--make-review', 'y'], 'holds no traces');
    await expect(run(fileWith('e.jsonl', '\n{}\n'), '--make-review', 'y')).rejects.toThrow(
      'e.jsonl, line 2: trace version',
    );
  });
});
