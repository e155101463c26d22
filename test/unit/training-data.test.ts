import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createFence,
  hashOf,
  type Row,
  readRows,
  type Split,
  shuffled,
  squeeze,
  TASKS,
} from '../../critics/train/data.ts';
import { createKeptTexts, type ExampleOrigin, leaksOf, type RowsById } from '../../critics/train/leaks.ts';
import { ClassifierDefinitionSchema } from '../../src/backends/classifier-definition.ts';
import { FEATURES, HEADS, type Head, inputsOf, SIZES } from '../../src/backends/classifier-input.ts';
import { wordReader } from '../../src/text/overlap.ts';
import { seededRandom } from '../../src/text/random.ts';

const row = (id: string, values: Partial<Row>): Row => ({
  id,
  task: 'relevance',
  question: null,
  passage: null,
  answer: null,
  label: 'relevant',
  source: 'boolq',
  lang: 'en',
  ...values,
});
const HARBOUR =
  'The harbour of Lund froze over in 1921 (a hard winter), and no ship left it before the month of April.';
const BRIDGE =
  'The bridge over the Ems was built of oak by a guild of carpenters whose names nobody wrote down at the time.';
const MILL =
  'A mill stood here until the flood took its wheel, its stones and the house of the miller in a single night.';

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'discern-training-'));
  const write = async (path: string, rows: readonly Row[]) => {
    await mkdir(join(data, path, '..'), { recursive: true });
    await writeFile(join(data, path), gzipSync(rows.map((one) => JSON.stringify(one)).join('\n') || '\n'));
  };
  const filler = row('filler', { question: 'What is this filler row about?', passage: 'Nothing that matters.' });
  for (const task of TASKS)
    for (const split of ['train', 'dev', 'test']) await write(`${task}/${split}.jsonl.gz`, [filler]);
  await write('relevance/test.jsonl.gz', [row('t', { question: 'When did the harbour freeze?', passage: MILL })]);
  await write('support/dev.jsonl.gz', [row('d', { question: 'Who built the old bridge?', passage: BRIDGE })]);
  await write('relevance/train.jsonl.gz', [
    row('x', { source: 'scifact', question: 'Frost closes harbours.', passage: HARBOUR, label: 'relevant' }),
  ]);
  await write('qa/xquad_en.jsonl.gz', [
    row('q', { source: 'xquad_en', question: 'How high is the dome?', passage: HARBOUR }),
  ]);
  await write('qa/xquad_zh.jsonl.gz', [
    row('z', { source: 'xquad_zh', question: 'Dome, in Chinese', passage: 'Kuppel und Turm.' }),
  ]);
  await write('qa/qed.jsonl.gz', [row('e', { question: 'Which river is meant here?', split: 'test' } as Partial<Row>)]);
});
afterAll(() => rm(data, { recursive: true, force: true }));

describe('texts are the same', () => {
  it('whatever their case, blanks, punctuation and tokenising', () => {
    expect(squeeze('The Harbour, of  Lund!')).toBe('theharbouroflund');
    expect(squeeze('froze -lrb- over -RRB- in 1921')).toBe(squeeze('froze (over) in 1921'));
    expect(hashOf('A  mill.')).toBe(hashOf('a mill'));
    expect(hashOf('a mill')).toMatch(/^[0-9a-f]{16}$/);
    expect(hashOf('a mill')).not.toBe(hashOf('a mall'));
  });
});

describe('the fence', () => {
  const free = async (values: Partial<Row>, against: readonly Split[] = ['dev', 'test']) =>
    (await createFence(data, against)).free(row('new', values));

  it('lets other texts through', async () => {
    expect(await free({ question: 'What grows in the garden?', passage: 'Beans and peas grow in the garden.' })).toBe(
      true,
    );
    expect(await free({})).toBe(true);
  });
  it('keeps questions and passages of dev and test out, of any task', async () => {
    expect(await free({ question: 'when did the harbour freeze' })).toBe(false);
    expect(await free({ question: 'who built the OLD bridge' })).toBe(false);
    expect(await free({ passage: MILL.toUpperCase() })).toBe(false);
    expect(await free({ question: 'which river is meant here' })).toBe(false); // qa, by the split of the row
  });
  it('of dev keeps out test alone', async () => {
    expect(await free({ passage: BRIDGE }, ['test'])).toBe(true);
    expect(await free({ passage: MILL }, ['test'])).toBe(false);
  });
  it('keeps the benchmarks out as a whole: their rows, their texts in any file, parts of their passages', async () => {
    expect(await free({ source: 'scifact', question: 'Something new about frost?' })).toBe(false);
    expect(await free({ question: 'frost closes harbours' })).toBe(false);
    expect(await free({ question: 'how high is the dome' }, ['test'])).toBe(false);
    expect(await free({ passage: 'the harbour of lund froze over in 1921 -lrb- a hard winter -rrb-' })).toBe(false);
  });
  it('lets short texts through, which coincide by chance', async () => {
    expect(await free({ passage: 'the harbour' })).toBe(true);
  });
  it('reads rows packed or plain', async () => {
    await writeFile(join(data, 'plain.jsonl'), `${JSON.stringify(row('p', {}))}\n`);
    expect((await readRows(data, 'plain.jsonl')).map(({ id }) => id)).toEqual(['p']);
  });
});

describe('the check for leaks', () => {
  const rows: RowsById = new Map(
    (
      [
        ['a', 'train', { question: 'What grows in the garden?', passage: 'Beans and peas grow in the garden.' }],
        ['b', 'train', { question: 'When did the harbour freeze?', passage: 'Ice came late that year.' }],
        ['c', 'train', { question: 'Who was the carpenter?', passage: BRIDGE }],
        [
          'part',
          'train',
          {
            question: 'Which winter was hard?',
            passage: HARBOUR.replace('(', '-lrb- ').replace(')', ' -rrb-').split(' ').slice(0, 17).join(' '),
          },
        ],
        [
          'edition',
          'train',
          { question: 'Which ships were there?', passage: `${HARBOUR} Then all of them left at once.` },
        ],
        ['small', 'train', { question: 'Who?', passage: 'Ice.' }],
        ['dev', 'dev', { question: 'Which tree is oldest?', passage: 'An oak stands by the gate.' }],
        ['bridge', 'dev', { question: 'Who built the old bridge?', passage: BRIDGE }],
        ['test', 'test', { question: 'When did the harbour freeze?', passage: MILL }],
      ] as const
    ).map(([id, split, values]) => [id, { split, row: row(id, values) }]),
  );
  const kept = () => {
    const texts = createKeptTexts();
    texts.add('benchmark', { question: 'How high is the dome?', passage: HARBOUR });
    texts.add('test', { question: 'When did the harbour freeze?', passage: MILL });
    texts.add('test', { question: 'Who?', passage: null });
    texts.add('dev', { question: 'Who built the old bridge?', passage: BRIDGE });
    return texts;
  };
  const example = (id: string, values: Partial<ExampleOrigin> = {}): ExampleOrigin => ({
    id,
    source: 'boolq',
    split: 'train',
    passage: hashOf(rows.get(id)?.row.passage ?? ''),
    ...values,
  });
  const found = async (...examples: ExampleOrigin[]) =>
    Object.fromEntries((await leaksOf(examples, rows, kept())).found);

  it('finds nothing in clean examples, with a hash or by id alone', async () => {
    expect(await found(example('a'), example('a', { passage: undefined }), example('dev', { split: 'dev' }))).toEqual(
      {},
    );
  });
  it('finds questions and passages that are kept out', async () => {
    expect(await found(example('a'), example('b'), example('c'))).toEqual({
      'question of test': ['b'],
      'passage of dev': ['c'],
    });
  });
  it('finds rows of another split, and ids that no file has', async () => {
    expect(await found(example('dev'), example('nowhere'))).toEqual({
      'row of another split': ['dev'],
      'row unknown': ['nowhere'],
    });
  });
  it('compares examples of dev with test and the benchmarks alone', async () => {
    expect(await found(example('bridge', { split: 'dev' }))).toEqual({});
    const texts = createKeptTexts();
    texts.add('test', { passage: BRIDGE });
    const { found: leaks } = await leaksOf([example('bridge', { split: 'dev' })], rows, texts);
    expect(Object.fromEntries(leaks)).toEqual({ 'passage of test': ['bridge'] });
  });
  it('finds a part of a passage of a benchmark, tokenised too; other editions are told apart', async () => {
    const { found: leaks, near } = await leaksOf([example('part'), example('edition')], rows, kept());
    expect(Object.fromEntries(leaks)).toEqual({ 'passage within one of benchmark': ['part'] });
    expect(near).toEqual(['edition']);
  });
  it('takes short equal texts for chance, but counts them', async () => {
    const { found: leaks, short } = await leaksOf([example('small')], rows, kept());
    expect(leaks.size).toBe(0);
    expect(short).toEqual(['small']);
  });
  it('looks mined passages up by their hash: they must be passages of train that are free', async () => {
    const mined = (passage: string | undefined) => example('a', { source: 'boolq+mined', passage });
    const of = (id: string) => hashOf(rows.get(id)!.row.passage!);
    expect(await found(mined(of('b')))).toEqual({});
    expect(await found(mined(of('c')))).toEqual({ 'passage of dev': ['a'] });
    expect(await found(mined(of('test')))).toEqual({ 'mined passage unknown': ['a'] });
    expect(await found(mined(undefined))).toEqual({ 'passage hash missing': ['a'] });
  });
  it('notices a passage that is not that of its row', async () => {
    expect(await found(example('a', { passage: hashOf('other') }))).toEqual({
      'passage is not that of the row': ['a'],
    });
  });
});

it('shuffled rows are all there, in an order that the seed gives', () => {
  const rows = Array.from({ length: 50 }, (_, i) => i);
  const once = shuffled(rows, seededRandom(1));
  expect([...once].sort((a, b) => a - b)).toEqual(rows);
  expect(once).not.toEqual(rows);
  expect(shuffled(rows, seededRandom(1))).toEqual(once);
  expect(shuffled(rows, seededRandom(2))).not.toEqual(once);
});

describe('what training in Python takes for granted is what the product does', () => {
  const source = (name: string) => readFile(new URL(`../../critics/train/${name}`, import.meta.url), 'utf8');
  /** A dictionary of names and numbers out of Python source. */
  const table = (text: string, name: string): Record<string, number> =>
    JSON.parse(new RegExp(`^\\s*"?${name}"?(?: =|:) ({[^}]*})`, 'm').exec(text)![1]!);

  it('heads, in order, and their outputs', async () => {
    const expected = Object.entries(HEADS).map(([head, { outputs }]) => [head, outputs]);
    expect(Object.entries(table(await source('model.py'), 'HEADS'))).toEqual(expected);
  });
  it('how many features each head gets, and the width of them all', async () => {
    const read = wordReader(new Map(Array.from({ length: 300 }, (_, id) => [`word${id}`, id])));
    const [frame, text] = [{ start: 0, end: 0, taskBase: 0 }, [140, 150, 160]];
    const count = (head: Head) => {
      const [input] = inputsOf(
        head,
        {
          first: [
            [170, 180],
            [190, 200],
          ],
          last: text,
        },
        frame,
        read,
      );
      return input!.features.findLastIndex((value) => value !== 0) + 1;
    };
    const model = await source('model.py');
    const features = table(model, 'FEATURES_OF');
    expect(Object.keys(features)).toEqual(Object.keys(HEADS));
    // The last measures of `overlapOf` may be 0: no head has features beyond those that the network reads.
    for (const head of Object.keys(HEADS) as Head[]) expect(features[head], head).toBeGreaterThanOrEqual(count(head));
    expect(Math.max(...Object.values(features))).toBe(FEATURES);
    expect(model).toContain(`\nFEATURES = ${FEATURES}\n`);
  });
  it('sizes and frame, and no field that the definition does not know', async () => {
    const text = await source('export.py');
    expect(table(text, 'sizes')).toEqual(SIZES);
    expect(table(text, 'frame')).toEqual({ start: 101, end: 102, taskBase: 1 });
    const definition = /definition = {([\s\S]*?)\n {4}}/.exec(text)![1]!;
    const fields = [...definition.matchAll(/"(\w+)":/g)].map(([, name]) => name!);
    const inner = ['path', 'bytes', 'sha256', 'start', 'end', 'taskBase', ...Object.keys(SIZES)];
    expect(fields.filter((name) => !inner.includes(name)).sort()).toEqual(
      Object.keys(ClassifierDefinitionSchema.shape).sort(),
    );
  });
});
