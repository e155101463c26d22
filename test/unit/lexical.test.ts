import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addedShare, containment, contentWords, pieceSpans, rarity, wordsOf } from '../../src/text/lexical.ts';

const set = (...words: string[]) => new Set(words);

describe('words', () => {
  it('are lower case, without marks, possessives and width variants', () => {
    expect(wordsOf("Newton\u2019s Laws, Hooke's law: \uff21 1687!")).toEqual([
      'newton',
      'laws',
      'hooke',
      'law',
      'a',
      '1687',
    ]);
  });
  it('keep accents and cut Chinese by its dictionary', () => {
    expect(wordsOf('Caf\u00e9')).toEqual(['caf\u00e9']);
    expect(wordsOf('\u738b\u5b89\u77f3\u662f\u653f\u6cbb\u5bb6').length).toBeGreaterThan(1);
  });
  it('of content leave out those that only hold a sentence together', () => {
    expect([...contentWords('Who painted the ceiling, and when was the ceiling painted?')]).toEqual([
      'painted',
      'ceiling',
    ]);
  });
});

describe('containment', () => {
  it('is the share of content words found', () => {
    // radium, polonium, discovered, 1898: two of four
    expect(containment('Radium and polonium were discovered in 1898', set('radium', 'polonium', 'curie'))).toBe(0.5);
  });
  it('is zero for a text without content words', () => {
    expect(containment('And so it was.', set('radium'))).toBe(0);
  });
});

describe('rarity', () => {
  it('is ln(1 + texts / texts with the word), zero where no text has it', () => {
    const texts = [set('tower', 'paris'), set('tower', 'iron'), set('tower'), set('bridge')];
    const weights = rarity(['tower', 'paris', 'moon'], texts);
    expect(weights.get('tower')).toBeCloseTo(Math.log(1 + 4 / 3), 12); // 0.8473
    expect(weights.get('paris')).toBeCloseTo(1.6094379, 6); // ln 5
    expect(weights.get('moon')).toBe(0);
  });
});

describe('addedShare', () => {
  const weights = new Map([
    ['tower', 1],
    ['paris', 2],
    ['iron', 1],
  ]);
  it('counts the weight of words that are new', () => {
    expect(addedShare(weights, set('tower', 'paris'), set())).toBe(0.75);
    expect(addedShare(weights, set('tower', 'paris'), set('paris'))).toBe(0.25);
    expect(addedShare(weights, set('tower'), set('tower'))).toBe(0);
  });
  it('is zero where nothing weighs', () => {
    expect(addedShare(new Map(), set('tower'), set())).toBe(0);
    expect(addedShare(new Map([['moon', 0]]), set('moon'), set())).toBe(0);
  });
});

describe('pieceSpans', () => {
  const pieces = (text: string, longest?: number) =>
    pieceSpans(text, longest).map(({ start, end }) => text.slice(start, end));

  it('are the sentences while these are short', () => {
    expect(pieces('One is here. Two is there.')).toEqual(['One is here.', 'Two is there.']);
    expect(pieces('  ')).toEqual([]);
  });
  it('cut a long one at blanks', () => {
    expect(pieces('alpha beta  gamma delta', 12)).toEqual(['alpha beta', 'gamma delta']);
  });
  it('cut anywhere where there is no blank, but never inside a character', () => {
    expect(pieces('abcdefgh', 3)).toEqual(['abc', 'def', 'gh']);
    expect(pieces('ab\u{1f600}\u{1f600}', 3)).toEqual(['ab', '\u{1f600}', '\u{1f600}']);
  });
  it('are in order, apart, trimmed, not too long, and leave out nothing but blanks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.integer({ min: 2, max: 40 }), (text, longest) => {
        const spans = pieceSpans(text, longest);
        let end = 0;
        for (const span of spans) {
          expect(text.slice(end, span.start).trim()).toBe('');
          expect(span.start).toBeGreaterThanOrEqual(end);
          expect(span.end - span.start).toBeLessThanOrEqual(longest);
          const piece = text.slice(span.start, span.end);
          expect(piece).toBe(piece.trim());
          expect(piece).not.toBe('');
          end = span.end;
        }
        expect(text.slice(end).trim()).toBe('');
      }),
    );
  });
});
