import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DiscernError } from '../../src/errors.ts';
import { type AskedRequest, requestId } from '../../src/evaluate/export/collect.ts';
import {
  guarded,
  type ReviewRow,
  readReview,
  reviewCsv,
  reviewJsonl,
  reviewRows,
  unguarded,
} from '../../src/evaluate/export/review.ts';
import { reviewable } from '../../src/evaluate/export/rows.ts';
import { targetOf } from '../../src/evaluate/export/targets.ts';
import { collected, mill, OPTIONS, QUESTION, TARGET, tower, traceOf } from './export-fixtures.ts';
import { passageOf } from './parts.ts';

const request = (question: string, passage: string): AskedRequest => {
  const asked = { kind: 'isRel' as const, question, passage: passageOf('p', passage) };
  const empty = { docIds: new Set<string>(), sources: new Set<string>(), undecided: new Set<string>() };
  return {
    ...{ id: requestId(asked), request: asked, isSentence: false, ...empty },
    teachers: new Map([['a@1', { probs: { relevant: 0.7, irrelevant: 0.3 }, mass: 1 }]]),
    ...{ standIns: new Map(), thresholds: new Set() },
  };
};
const rowsOf = (...all: readonly AskedRequest[]): ReviewRow[] =>
  reviewRows(all.map((asked) => ({ asked, target: targetOf(asked, TARGET) })));
const mapOf = (...all: readonly AskedRequest[]) => new Map(all.map((one) => [one.id, one]));
const cells = (csv: string): string[][] => parse(csv, { bom: true });

describe('a review file', () => {
  it('lists the requests with the most doubt first', async () => {
    const collection = await collected(await traceOf());
    const rows = reviewRows(reviewable(collection, OPTIONS));
    expect(rows).toHaveLength(collection.asked.size);
    expect(rows[0]).toEqual({
      id: requestId({ kind: 'isRel', question: QUESTION, passage: mill }),
      ...{ kind: 'isRel', question: QUESTION, passage: mill.text, segment: '' },
      ...{ predicted: 'irrelevant', probability: '0.5500', label: '', note: '' },
    });
    const doubts = rows.map(({ id }) => targetOf(collection.asked.get(id)!, TARGET).doubt);
    expect(doubts).toEqual([...doubts].sort((a, b) => b - a));
  });

  it('comes back as it was written, with what was filled in', async () => {
    const { asked } = await collected(await traceOf());
    const rows = rowsOf(...asked.values());
    const filled = rows.map((row, i) =>
      i === 0 ? { ...row, label: ' Relevant ', note: 'says "so",\nin two lines' } : row,
    );
    const wanted = new Map([[rows[0]!.id, { label: 'relevant', note: 'says "so",\nin two lines' }]]);
    expect(await readReview(reviewCsv(filled), 'review.csv', asked)).toEqual(wanted);
    expect(await readReview(reviewJsonl(filled), 'review.jsonl', asked)).toEqual(wanted);
    expect(await readReview(reviewCsv(rows), 'review.csv', asked)).toEqual(new Map());
  });

  it('keeps labels that were given before', async () => {
    const one = request('Who?', 'Somebody.');
    const overrides = new Map([[one.id, { label: 'irrelevant', note: 'no' }]]);
    const [row] = reviewRows([{ asked: one, target: targetOf(one, { ...TARGET, overrides }) }]);
    expect(row).toMatchObject({ predicted: 'relevant', probability: '0.7000', label: 'irrelevant', note: 'no' });
  });

  it('is CSV that a parser reads, whatever the texts; no cell is a formula', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('=', '+', '-', '@', "'", '"', ',', ';', '\n', '\r', '\t', ' ', 'a', '＝') }),
    );
    await fc.assert(
      fc.asyncProperty(text, text, text, async (question, passage, note) => {
        const asked = request(question, passage);
        const [row] = rowsOf(asked);
        const csv = reviewCsv([{ ...row!, note, label: 'relevant' }]);
        const [, read] = cells(csv);
        expect(read).toHaveLength(9);
        for (const cell of read!) expect(cell).not.toMatch(/^\s*[=+\-@＝＋－＠]|^[\t\r\n]/);
        expect(read!.map(unguarded).slice(0, 4)).toEqual([asked.id, 'isRel', question, passage]);
        const overrides = await readReview(csv, 'r.csv', mapOf(asked));
        expect(overrides).toEqual(new Map([[asked.id, { label: 'relevant', note }]]));
      }),
      { numRuns: 300 },
    );
  });

  it('guards cells so that they come back', () => {
    expect(guarded('=HYPERLINK("http://x")')).toBe('\'=HYPERLINK("http://x")');
    expect([guarded('@x'), guarded('-1'), guarded('+1'), guarded(' =1'), guarded('\t1')]).toEqual([
      ...["'@x", "'-1", "'+1", "' =1", "'\t1"],
    ]);
    expect([guarded("'tis"), guarded('a=b'), guarded('')]).toEqual(["'tis", 'a=b', '']);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("'", '=', '+', ' ', '\t', 'a', '＠') }), (cell) => {
        expect(unguarded(guarded(cell))).toBe(cell);
      }),
    );
  });

  it('is read with semicolons or tabs too, with columns in any order, and empty rows', async () => {
    const one = request('Who?', 'Somebody, or "nobody".');
    const wanted = new Map([[one.id, { label: 'irrelevant', note: '' }]]);
    for (const sign of [';', '\t'])
      expect(await readReview(`label${sign}id\nirrelevant${sign}${one.id}\n${sign}\n`, 'r.csv', mapOf(one))).toEqual(
        wanted,
      );
    expect(await readReview(`{"id":"${one.id}","label":"irrelevant"}\n\n`, 'r.jsonl', mapOf(one))).toEqual(wanted);
    expect(await readReview(`{"id":"${one.id}","label":null}\n`, 'r.jsonl', mapOf(one))).toEqual(new Map());
  });

  it('takes a number where the labels are grades', async () => {
    const { asked } = await collected(await traceOf());
    const use = [...asked.values()].find(({ request: { kind } }) => kind === 'isUse')!;
    expect(await readReview(`{"id":"${use.id}","label":4}\n`, 'r.jsonl', asked)).toEqual(
      new Map([[use.id, { label: '4', note: '' }]]),
    );
  });

  const one = request('Who?', 'Some\nbody.');
  const two = request('When?', 'Now.');
  const head = 'id,label,note';
  it.each([
    ['an unknown id', `${head}\nnone,relevant,\n`, 'r.csv, line 2: the id "none"'],
    [
      'no label of the kind',
      `${head}\n${one.id},fully,\n`,
      'r.csv, line 2: "fully" is no label of isRel; there are relevant, irrelevant',
    ],
    [
      'the line behind a record of two lines',
      `${head}\n${one.id},relevant,"two\nlines"\n${two.id},maybe,\n`,
      'r.csv, line 4: "maybe"',
    ],
    [
      'two labels for one request',
      `${head}\n${one.id},relevant,\n${one.id},irrelevant,\n`,
      'r.csv, line 3: the request',
    ],
    ['another kind', `id,kind,label\n${one.id},isSup,fully\n`, 'line 2: the request'],
    ['no id column', 'x,label\n1,2\n', 'r.csv, line 1: the columns id and label are expected, got x, label'],
    ['an empty file', '', 'got nothing'],
    ['rows of two lengths', `${head}\n${one.id},relevant\n`, 'r.csv: not CSV: Invalid Record Length'],
    ['an open quote', `${head}\n"${one.id},relevant,\n`, 'r.csv: not CSV'],
  ])('refuses %s, naming the line', async (_what, text, said) => {
    const failure = readReview(text, 'r.csv', mapOf(one, two));
    await expect(failure).rejects.toThrow(said);
    await expect(failure).rejects.toSatisfy((error) => DiscernError.is(error, 'INPUT_INVALID'));
  });

  it.each([
    ['no JSON', '\nnope\n', 'r.jsonl, line 2: not JSON'],
    ['no id', '{"label":"relevant"}\n', 'r.jsonl, line 1: not an object with an "id"'],
    ['an unknown label', `{"id":"${one.id}","label":"yes"}\n`, 'r.jsonl, line 1: "yes" is no label of isRel'],
  ])('refuses JSON lines with %s', async (_what, text, said) => {
    await expect(readReview(text, 'r.jsonl', mapOf(one))).rejects.toThrow(said);
  });

  it('shows a passage under its title', () => {
    const titled = {
      ...request('Who?', ''),
      request: { kind: 'isRel' as const, question: 'Who?', passage: { ...tower, title: 'Towers' } },
    };
    expect(rowsOf(titled)[0]!.passage).toBe(`Towers\n${tower.text}`);
  });
});
