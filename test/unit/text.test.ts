import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, keyOf, sha256Hex } from '../../src/text/hash.ts';
import { joinSegments } from '../../src/text/join.ts';
import { makePassage, passageText } from '../../src/text/passage.ts';
import { sentenceSpans, sentences } from '../../src/text/sentences.ts';

describe('hash', () => {
  it('is SHA-256 of the UTF-8 bytes', () => {
    // From: printf 'abc' | sha256sum, printf 'é' | sha256sum
    expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256Hex('é')).toBe('4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c');
  });
  it('does not depend on the order of keys, and reads as JSON', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x"' }], a: undefined })).toBe('{"b":[1,{"c":"x\\"","d":null}]}');
    expect(keyOf({ a: 1, b: 2 })).toBe(keyOf({ b: 2, a: 1 }));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('sentences', () => {
  it('are cut at their ends, not after abbreviations and initials', () => {
    expect(sentences('Dr. Smith met J. R. Jones at 5 p.m. on Friday. See Fig. 3 for it!  "Really?" Yes.')).toEqual([
      'Dr. Smith met J. R. Jones at 5 p.m. on Friday.',
      'See Fig. 3 for it!',
      '"Really?"',
      'Yes.',
    ]);
    expect(sentences('这是第一句。这是第二句！')).toEqual(['这是第一句。', '这是第二句！']);
  });
  it('give spans that are exactly their trimmed text, in order, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        let last = 0;
        for (const { start, end } of sentenceSpans(text)) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(text.slice(start, end)).toBe(text.slice(start, end).trim());
          expect(end).toBeGreaterThan(start);
          last = end;
        }
      }),
    );
  });
  it('are joined by a blank, or by nothing after Chinese', () => {
    expect(joinSegments(['One.', 'Two.', ''])).toBe('One. Two.');
    expect(joinSegments(['第一句。', '第二句。'])).toBe('第一句。第二句。');
  });
});

describe('passages', () => {
  const document = {
    id: 'docs/a.md',
    title: 'Title',
    text: 'Intro.\nPart one.',
    pages: [
      { page: 1, start: 0 },
      { page: 2, start: 7 },
    ],
    headings: [{ path: ['A', 'B'], start: 7 }],
    metadata: {},
  };
  it('know their page and heading, and have the same id in every run', () => {
    const passage = makePassage(document, { start: 7, end: 16 });
    expect(passage).toMatchObject({ text: 'Part one.', page: 2, heading: 'A > B', docId: 'docs/a.md' });
    expect(passage.id).toBe(sha256Hex('docs/a.md\n7-16').slice(0, 24));
    expect(makePassage(document, { start: 0, end: 6 })).toMatchObject({ page: 1, heading: null });
  });
  it('are embedded under their title and headings', () => {
    expect(passageText(makePassage(document, { start: 7, end: 16 }))).toBe('Title\nA > B\nPart one.');
  });
});
