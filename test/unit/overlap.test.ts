import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beyond, OVERLAP, overlapOf, wordReader } from '../../src/text/overlap.ts';

// `the` is number 10 and the last number 193, so a word's weight is ln(number - 130) / ln 64; up to 131 it is 0.
const NAMED: Readonly<Record<string, number>> = {
  '[PAD]': 0,
  '[UNK]': 1,
  '.': 2,
  "'": 3,
  '1984': 4,
  s: 5,
  t: 6,
  a: 7,
  the: 10,
  is: 11,
  not: 12,
  no: 13,
  tower: 132, // 1/6
  iron: 134, // 1/3
  paris: 138, // 1/2
  '##ing': 140,
  '##s': 141,
  '12': 142,
  '13': 143,
  '14': 144,
  rivet: 146, // 2/3
  gustave: 162, // 5/6
};
const SIZE = 194;
const taken = new Set(Object.values(NAMED));
const vocabulary = new Map([
  ...Object.entries(NAMED),
  ...Array.from({ length: SIZE }, (_, id) => [`filler${id}`, id] as const).filter(([, id]) => !taken.has(id)),
]);
const reader = wordReader(vocabulary);
/** Pieces with blanks between them, as words. */
const read = (pieces: string) => reader(pieces.split(' ').flatMap((piece) => vocabulary.get(piece) ?? []));
const measures = (a: string, b: string): Record<string, number> =>
  Object.fromEntries(overlapOf(read(a), read(b)).map((value, i) => [OVERLAP[i], value]));

describe('words of pieces', () => {
  it('weigh what ln(rank) says: common 0, the last of the vocabulary 1, numbers a half', () => {
    const { keys, weights } = read('the is tower iron paris 12 filler193');
    expect(keys).toEqual([10, 11, 132, 134, 138, 142, 193]);
    [0, 0, 1 / 6, 1 / 3, 1 / 2, 0.5, Math.log(63) / Math.log(64)].forEach((value, i) => {
      expect(weights[i]).toBeCloseTo(value, 6);
    });
  });
  it('that stand before the first word of the vocabulary (letters, signs) weigh 0.3', () => {
    expect(read('a').weights[0]).toBeCloseTo(0.3, 6);
  });
  it('of several pieces are one word with a number of its own, above the vocabulary, and weigh 1', () => {
    const { keys, weights } = read('rivet ##ing ##s tower ##s rivet ##ing ##s');
    expect(keys).toHaveLength(3);
    expect(keys[0]).toBe(keys[2]);
    expect(keys[0]).not.toBe(keys[1]);
    expect(Math.min(...keys)).toBeGreaterThanOrEqual(SIZE);
    expect(weights).toEqual([1, 1, 1]);
  });
  it('leave out punctuation and control tokens', () => {
    expect(read('[PAD] tower . iron [UNK]').keys).toEqual([132, 134]);
  });
  it('begin with a middle piece where a window cuts a word', () => {
    expect(read('##ing tower').keys).toEqual([140, 132]);
  });
  it('that begin with digits are numbers, also of several pieces', () => {
    expect(read('1984 tower 12 ##s').numbers.size).toBe(2);
  });
  it("negate as not, no and n't; a possessive s is no word", () => {
    expect(read('tower is not iron').negations).toEqual(new Set([12]));
    expect(read("is ' t iron").negations).toEqual(new Set([6]));
    expect(read('t iron').negations.size).toBe(0);
    expect(read("paris ' s tower").keys).toEqual([138, 132]);
    expect(read('s tower').keys).toEqual([5, 132]);
  });
});

describe('the twelve measures', () => {
  it('by hand: "iron tower paris" (1/3, 1/6, 1/2) in "the iron tower ."', () => {
    expect(overlapOf(read('iron tower paris'), read('the iron tower .')).map((value) => +value.toFixed(6))).toEqual([
      0.666667, // two of three
      0.5, // 1/2 of 1
      0.5, // paris
      0.5, // iron tower, not tower paris
      0.666667, // iron tower
      0.5,
      1, // no number
      0,
      0,
      1.386294, // ln 4
      1.386294,
      0,
    ]);
  });
  it('are named one for one', () => {
    expect(OVERLAP).toHaveLength(overlapOf(read('tower'), read('iron')).length);
  });
  it('contained, weighed and missing count a word once and leave common ones out', () => {
    const { contained, weighed, missing } = measures('the iron iron rivet', 'iron is the');
    expect(contained).toBe(0.5);
    expect(weighed).toBeCloseTo(1 / 3, 6); // 1/3 of 1/3 + 2/3
    expect(missing).toBeCloseTo(2 / 3, 6);
  });
  it('pairs need neighbours, in order; one word alone is all or nothing', () => {
    expect(measures('iron tower rivet', 'tower iron paris tower rivet').pairs).toBe(0.5);
    expect(measures('iron', 'iron tower').pairs).toBe(1);
    expect(measures('iron', 'tower').pairs).toBe(0);
  });
  it('run is the longest stretch, wherever it stands', () => {
    expect(measures('paris iron tower rivet', 'iron tower paris iron tower gustave').run).toBe(0.75);
    expect(measures('tower tower tower', 'tower tower iron tower').run).toBeCloseTo(2 / 3, 12);
    expect(measures('iron', 'tower').run).toBe(0);
  });
  it('window is the best forty words of b', () => {
    const far = `iron ${'the '.repeat(45)}paris`;
    expect(measures('iron paris', far).weighed).toBeCloseTo(1, 6);
    expect(measures('iron paris', far).window).toBeCloseTo(0.6, 6); // paris alone: 1/2 of 5/6
    expect(measures('iron paris', `iron ${'the '.repeat(38)}paris`).window).toBeCloseTo(1, 6); // words 1 and 40
    expect(measures('iron paris', `iron ${'the '.repeat(39)}paris`).window).toBeCloseTo(0.6, 6);
  });
  it('numbers: the share that stands there, and how many do not, up to three', () => {
    const of = (a: string) => [measures(a, 'tower 12').numbers, measures(a, 'tower 12').strangeNumbers];
    expect(of('tower')).toEqual([1, 0]);
    expect(of('12 1984')).toEqual([0.5, 1 / 3]);
    expect(of('12 13 14 1984')).toEqual([0.25, 1]);
    expect(of('13 14 1984 12 ##s')).toEqual([0, 1]);
  });
  it('negation tells that just one side denies', () => {
    expect(measures('tower is not iron', 'tower is iron').negation).toBe(1);
    expect(measures('tower is iron', "tower is ' t iron").negation).toBe(1);
    expect(measures('tower is not iron', 'tower is no iron').negation).toBe(0);
    expect(measures('tower is iron', 'tower is iron').negation).toBe(0);
  });
  it('negation outside the best stretch of b does not count', () => {
    expect(measures('tower iron', `tower iron ${'the '.repeat(60)}not`).negation).toBe(0);
    expect(measures('tower iron', `tower iron ${'the '.repeat(30)}not`).negation).toBe(1);
  });
  it('same is for equal words alone, whatever the punctuation', () => {
    expect(measures('iron tower .', 'iron tower').same).toBe(1);
    expect(measures('iron tower', 'tower iron').same).toBe(0);
    expect(measures('iron tower', 'iron tower paris').same).toBe(0);
  });
  it('of empty texts are zero, but for the numbers that are all there', () => {
    const nothing = [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
    expect(overlapOf(read(''), read(''))).toEqual(nothing);
    expect(overlapOf(read('. [PAD]'), read('.'))).toEqual(nothing);
    expect(measures('', 'iron tower')).toMatchObject({ contained: 0, run: 0, same: 0, room: Math.log(3) });
    expect(measures('iron tower', '')).toMatchObject({ contained: 0, missing: read('iron').weights[0], room: 0 });
  });
});

describe('what goes beyond', () => {
  it('is what the other text has not, with its numbers and negations', () => {
    const rest = beyond(read('iron tower is not 12 13'), read('the tower is 12'));
    expect(rest.keys).toEqual([134, 12, 143]);
    expect(rest.weights[0]).toBeCloseTo(1 / 3, 6);
    expect(rest.numbers).toEqual(new Set([143]));
    expect(rest.negations).toEqual(new Set([12]));
  });
  it('is all where nothing is left', () => {
    expect(beyond(read('iron'), read('tower iron')).keys).toEqual([134]);
  });
});

const Text = fc.array(fc.integer({ min: 0, max: SIZE - 1 }), { maxLength: 120 }).map(reader);
const LOGARITHMS = ['length', 'room'];

describe('of any texts', () => {
  it('every measure is finite; all but the logarithms lie in 0..1', () => {
    fc.assert(
      fc.property(Text, Text, (a, b) => {
        overlapOf(a, b).forEach((value, i) => {
          expect(value, OVERLAP[i]).toBeGreaterThanOrEqual(0);
          expect(value, OVERLAP[i]).toBeLessThanOrEqual(LOGARITHMS.includes(OVERLAP[i]!) ? Math.log(121) : 1 + 1e-9);
        });
      }),
    );
  });
  it('a text stands in itself as a whole', () => {
    fc.assert(
      fc.property(Text, (a) => {
        fc.pre(a.weights.some((weight) => weight > 0));
        const [contained, weighed, missing, , run, , numbers, strange] = overlapOf(a, a);
        expect([contained, missing, run, numbers, strange]).toEqual([1, 0, 1, 1, 0]);
        expect(weighed).toBeCloseTo(1, 9);
      }),
    );
  });
  it('the longest run is that of a search over all pairs of places', () => {
    const slow = (a: readonly number[], b: readonly number[]) => {
      let longest = 0;
      for (let i = 0; i < a.length; i++)
        for (let j = 0; j < b.length; j++) {
          let length = 0;
          while (i + length < a.length && a[i + length] === b[j + length]) length++;
          longest = Math.max(longest, length);
        }
      return a.length === 0 ? 0 : longest / a.length;
    };
    const Few = fc.array(fc.constantFrom(132, 134, 138), { maxLength: 25 }).map(reader);
    fc.assert(
      fc.property(Few, Few, (a, b) => {
        expect(overlapOf(a, b)[4]).toBe(slow(a.keys, b.keys));
      }),
    );
  });
  it('a longer text that keeps the words never holds less of them', () => {
    fc.assert(
      fc.property(Text, Text, Text, (a, b, more) => {
        const longer = { ...b, keys: [...b.keys, ...more.keys], weights: [...b.weights, ...more.weights] };
        const [before, after] = [overlapOf(a, b), overlapOf(a, longer)];
        for (const i of [0, 1, 4, 5, 6]) expect(after[i]).toBeGreaterThanOrEqual(before[i]! - 1e-9);
      }),
    );
  });
});

describe('long texts that repeat themselves', () => {
  // Steps grow with the product of the lengths; a search that begins anew at every place takes seconds here.
  it.each([
    ['one word', 'iron ', 'iron '],
    ['nearly one word', `${'iron '.repeat(63)}tower `, `${'iron '.repeat(62)}paris `],
  ])('%s, 4,000 times 4,000: no more than their product', (_, a, b) => {
    const text = (unit: string) =>
      reader(
        [...Array(4000)]
          .flatMap(() => unit.trim().split(' '))
          .slice(0, 4000)
          .map((piece) => vocabulary.get(piece)!),
      );
    const [one, other] = [text(a), text(b)];
    const started = performance.now();
    const values = overlapOf(one, other);
    expect(performance.now() - started).toBeLessThan(1500); // 60 to 80 ms where nothing else runs
    expect(values.every(Number.isFinite)).toBe(true);
  });
});
