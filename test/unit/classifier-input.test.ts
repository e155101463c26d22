import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FEATURES,
  HEADS,
  type Head,
  type HeadParts,
  type InputSizes,
  inputsOf,
  SIZES,
  windowsOf,
} from '../../src/backends/classifier-input.ts';
import { overlapOf, wordReader } from '../../src/text/overlap.ts';

const vocabulary = new Map(
  Array.from({ length: 1000 }, (_, id) => [id === 10 ? 'the' : id < 300 ? `word${id}` : `${id}`, id]),
);
const read = wordReader(vocabulary);
const FRAME = { start: 2, end: 3, taskBase: 20 };
const [QUESTION, SEGMENT, PASSAGE] = [
  [140, 150],
  [160, 170, 180],
  [150, 160, 170, 190],
];
const inputs = (head: Head, parts: HeadParts, sizes?: InputSizes) => inputsOf(head, parts, FRAME, read, sizes);
const tokens = (count: number, from = 131) => Array.from({ length: count }, (_, i) => from + (i % 150));
const heads = Object.keys(HEADS) as Head[];
/** As many first parts as the head reads. */
const partsOf = (head: Head): HeadParts => ({
  first: head === 'retrieve' ? [] : ['isSup', 'entail', 'equivalent'].includes(head) ? [QUESTION, SEGMENT] : [QUESTION],
  last: PASSAGE,
});

describe('what the model reads', () => {
  it('is [start] task, question [end], segment [end], passage [end]; the passage is of the second type', () => {
    const [input, ...more] = inputs('isSup', { first: [QUESTION, SEGMENT], last: PASSAGE });
    expect(more).toEqual([]);
    expect(input!.ids).toEqual([2, 22, 140, 150, 3, 160, 170, 180, 3, 150, 160, 170, 190, 3]);
    expect(input!.secondFrom).toBe(9);
    expect(input!.ids[input!.secondFrom]).toBe(PASSAGE[0]);
  });
  it('of a question alone is [start] task, question [end]', () => {
    const [input] = inputs('retrieve', { first: [], last: QUESTION });
    expect(input!.ids).toEqual([2, 24, 140, 150, 3]);
    expect(input!.secondFrom).toBe(2);
  });
  it('tells each head by a task token of its own', () => {
    const marks = heads.map((head) => inputs(head, partsOf(head))[0]!.ids[1]);
    expect(new Set(marks).size).toBe(heads.length);
    expect(marks).toEqual(heads.map((head) => FRAME.taskBase + HEADS[head].task));
  });
  it('of empty parts is the frame alone', () => {
    const [input] = inputs('isSup', { first: [[], []], last: [] });
    expect(input).toMatchObject({ ids: [2, 22, 3, 3, 3], secondFrom: 4 });
    expect(input!.features.every(Number.isFinite)).toBe(true);
  });
});

describe('features', () => {
  const overlap = (a: readonly number[], b: readonly number[]) => overlapOf(read(a), read(b));
  const of = (head: Head, parts = partsOf(head)) => inputs(head, parts)[0]!.features;
  const zeros = (count: number) => new Array(count).fill(0);

  it('are always as many as the model takes', () => {
    for (const head of heads) expect(of(head), head).toHaveLength(FEATURES);
  });
  it('of IsREL and of a sentence: the question in the text', () => {
    for (const head of ['isRel', 'sentence'] as const)
      expect(of(head)).toEqual([...overlap(QUESTION, PASSAGE), ...zeros(14)]);
  });
  it('of IsSUP: the segment in the passage, then the question in it', () => {
    expect(of('isSup')).toEqual([...overlap(SEGMENT, PASSAGE), ...overlap(QUESTION, PASSAGE), ...zeros(2)]);
  });
  it('of entailment: both ways, whatever the question', () => {
    expect(of('entail')).toEqual([...overlap(SEGMENT, PASSAGE), ...overlap(PASSAGE, SEGMENT), ...zeros(2)]);
    expect(of('entail', { first: [[], SEGMENT], last: PASSAGE })).toEqual(of('entail'));
  });
  it('of equivalence: both ways, and what each says beyond the question', () => {
    // Beyond the question (140, 150): 160 170 180 and 160 170 190; two of three words are shared, by weight.
    const values = of('equivalent');
    expect(values.slice(0, 24)).toEqual([...overlap(SEGMENT, PASSAGE), ...overlap(PASSAGE, SEGMENT)]);
    const weight = (id: number) => Math.log(id - 130);
    const shared = weight(160) + weight(170);
    expect(values[24]).toBeCloseTo(shared / (shared + weight(180)), 6);
    expect(values[25]).toBeCloseTo(shared / (shared + weight(190)), 6);
  });
  it('of IsUSE: the question in the answer, and how little the answer repeats itself', () => {
    const answer = [160, 170, 160, 170];
    const values = of('isUse', { first: [QUESTION], last: answer });
    expect(values.slice(0, 13)).toEqual([...overlap(QUESTION, answer), 2 / 3]); // 160 170, 170 160, 160 170
    expect(of('isUse', { first: [QUESTION], last: [160] })[12]).toBe(1);
  });
  it('of Retrieve: none', () => {
    expect(of('retrieve')).toEqual(zeros(26));
  });
  it('are those of the window, not of the whole passage', () => {
    const runs = inputs('isRel', { first: [QUESTION], last: [...tokens(400, 300), ...QUESTION] });
    expect(runs.map(({ features }) => features[0])).toEqual([...new Array(runs.length - 1).fill(0), 1]);
  });
});

describe('a long question', () => {
  const room = SIZES.limit - 4 - SIZES.leastLast; // 444: start, task, two ends

  it('is never cut while it fits into what the model holds; the passage gets less, but not too little', () => {
    for (const length of [1, 187, 188, 189, 300, room]) {
      const question = tokens(length);
      const [input] = inputs('isRel', { first: [question], last: tokens(2000) });
      expect(input!.ids.slice(2, 2 + length)).toEqual(question);
      expect(input!.ids.length).toBe(4 + length + Math.max(SIZES.leastLast, 252 - length));
    }
  });
  it('is cut only beyond that', () => {
    const [input] = inputs('isRel', { first: [tokens(room + 10)], last: PASSAGE });
    expect(input!.ids.slice(2, -1 - PASSAGE.length)).toEqual([...tokens(room), FRAME.end]);
  });
  it('stays whole where a second part is too long: that one is cut first, to one token at the least', () => {
    const [input] = inputs('isSup', { first: [tokens(300), tokens(300, 300)], last: PASSAGE });
    const kept = room - 1 - 300; // one end more
    expect(input!.ids.slice(2)).toEqual([...tokens(300), 3, ...tokens(300, 300).slice(0, kept), 3, ...PASSAGE, 3]);
    const [tight] = inputs('isSup', { first: [tokens(900), tokens(10, 300)], last: PASSAGE });
    expect(tight!.ids.slice(2)).toEqual([...tokens(room - 2), 3, 300, 3, ...PASSAGE, 3]);
  });
  it('and parts of any length stay within what the model holds', () => {
    const Length = fc.integer({ min: 0, max: 1200 });
    fc.assert(
      fc.property(Length, Length, Length, (one, two, last) => {
        for (const { ids, features } of inputs('isSup', { first: [tokens(one), tokens(two)], last: tokens(last) })) {
          expect(ids.length).toBeLessThanOrEqual(SIZES.limit);
          expect(ids.filter((id) => id === FRAME.end)).toHaveLength(3);
          expect(features.every(Number.isFinite)).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('windows of a long passage', () => {
  const sizes = (shared: number, mostWindows: number) => ({ ...SIZES, shared, mostWindows });

  it('by hand: 10 ids in windows of 6 that share 2', () => {
    expect(windowsOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 6, sizes(2, 8))).toEqual([
      [0, 1, 2, 3, 4, 5],
      [4, 5, 6, 7, 8, 9],
    ]);
  });
  it('are one where all fits, also of nothing', () => {
    expect(windowsOf([1, 2], 2, SIZES)).toEqual([[1, 2]]);
    expect(windowsOf([], 2, SIZES)).toEqual([[]]);
  });
  it('that would be too many are spread evenly, with both ends', () => {
    const found = windowsOf(tokens(1000), 100, sizes(20, 3));
    expect(found).toEqual([0, 450, 900].map((from) => tokens(1000).slice(from, from + 100)));
  });
  it('that may be but one begin where the text begins', () => {
    expect(windowsOf([1, 2, 3], 2, sizes(1, 1))).toEqual([[1, 2]]);
  });
  it('cover every id, share at least what is asked, and are of one length', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 700 }),
        fc.integer({ min: 2, max: 90 }),
        fc.integer({ min: 0, max: 60 }),
        (length, room, shared) => {
          const ids = Array.from({ length }, (_, i) => i);
          const found = windowsOf(ids, room, sizes(shared, 10_000));
          expect([...new Set(found.flat())].sort((a, b) => a - b)).toEqual(ids);
          if (found.length === 1) return;
          for (const [i, window] of found.entries()) {
            expect(window).toHaveLength(room);
            const before = found[i - 1];
            if (before) expect(before.at(-1)! - window[0]! + 1).toBeGreaterThanOrEqual(Math.min(shared, room >> 1));
          }
        },
      ),
    );
  });
  it('are at most as many as the sizes say', () => {
    expect(inputs('isRel', { first: [QUESTION], last: tokens(20_000) })).toHaveLength(SIZES.mostWindows);
  });
});

it('a hostile text costs no more than its windows: 4,000 equal words in well under two seconds', () => {
  const same = new Array(4000).fill(140);
  const started = performance.now();
  inputs('entail', { first: [QUESTION, same], last: same });
  expect(performance.now() - started).toBeLessThan(1500);
});
