import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMarkdown } from '../../src/backends/loader/markdown.ts';
import { cutSpan } from '../../src/backends/splitter/cut.ts';
import { recursiveSplitter } from '../../src/backends/splitter/recursive.ts';
import { type SplitterOptions, structureSplitter } from '../../src/backends/splitter/structure.ts';
import { wholeSplitter } from '../../src/backends/splitter/whole.ts';
import { sentenceSpans } from '../../src/text/sentences.ts';
import type { Passage, SourceDocument } from '../../src/types.ts';

const plain = (text: string): SourceDocument => ({ id: 'd', title: null, text, pages: [], headings: [], metadata: {} });
const texts = (passages: readonly Passage[]) => passages.map(({ text }) => text);

/** Texts made of what splitters look at: blank lines, headings, sentences, words, characters of two units. */
const pieces = fc.constantFrom(
  'Fog rose. ',
  'The bell rang twice! ',
  'word ',
  'Dr. Gray came. ',
  '\n',
  '\n\n',
  '\r\n\r\n',
  ' \t',
  '# Head\n',
  '## Sub\n',
  '東京は雨。',
  '🪔',
  '🪔🪔🪔',
  'x'.repeat(30),
  'a',
  '. ',
  '{{question}} [Relevant] ',
  '\u00a0',
  '```\n',
);
const documents = fc.array(pieces, { maxLength: 60 }).map((parts) => parseMarkdown('d', parts.join('')));
const settings = fc
  .record({ size: fc.integer({ min: 2, max: 80 }), overlap: fc.integer({ min: 0, max: 60 }) })
  .map(({ size, overlap }) => ({ size, overlap: Math.min(overlap, size - 1) }));

const makers = {
  structure: structureSplitter,
  recursive: recursiveSplitter,
  whole: () => wholeSplitter(),
} satisfies Record<string, (options: SplitterOptions) => ReturnType<typeof wholeSplitter>>;

describe.each(Object.entries(makers))('%s', (name, make) => {
  test('every passage is exactly its span, trimmed, not empty, in order, and no half character', async () => {
    await fc.assert(
      fc.asyncProperty(documents, settings, async (document, options) => {
        const passages = await make(options).split(document);
        let before = { start: -1, end: -1 };
        for (const { text, span, docId } of passages) {
          expect(docId).toBe('d');
          expect(text).toBe(document.text.slice(span.start, span.end));
          expect(text).toBe(text.trim());
          expect(text).not.toBe('');
          expect(text).not.toMatch(/\p{Surrogate}/u);
          expect(span.start).toBeGreaterThan(before.start);
          expect(span.end).toBeGreaterThan(before.end);
          expect(before.end - span.start).toBeLessThanOrEqual(options.overlap);
          if (name !== 'whole') expect(text.length).toBeLessThanOrEqual(options.size);
          before = span;
        }
        expect(new Set(passages.map(({ id }) => id)).size).toBe(passages.length);
      }),
      { numRuns: 150 },
    );
  });

  test('no word is lost: what stands in no passage is blank, or a heading that passages carry', async () => {
    await fc.assert(
      fc.asyncProperty(documents, settings, async (document, options) => {
        const passages = await make(options).split(document);
        const kept = document.text.split('');
        for (const { span } of passages) kept.fill('', span.start, span.end);
        const lost = kept.join('').trim();
        expect(name === 'structure' ? lost.replaceAll(/^#+ (Head|Sub)[ \t\u00a0]*$/gm, '').trim() : lost).toBe('');
      }),
      { numRuns: 150 },
    );
  });

  test('blank documents give nothing', async () => {
    for (const text of ['', ' \r\n\t\u00a0\n'])
      expect(await make({ size: 50, overlap: 0 }).split(plain(text))).toEqual([]);
  });

  test('a line of a megabyte is cut soon enough', async () => {
    const lines = [
      'x'.repeat(1_000_000),
      '東'.repeat(150_000),
      'word '.repeat(60_000),
      'One. '.repeat(60_000),
      ' '.repeat(1_000_000),
    ];
    for (const line of lines) {
      const start = performance.now();
      const passages = await make({ size: 1000, overlap: 100 }).split(plain(`start ${line}`));
      expect(performance.now() - start).toBeLessThan(5000);
      if (name !== 'whole') for (const { text } of passages) expect(text.length).toBeLessThanOrEqual(1000);
    }
  });
});

describe('structure', () => {
  const guide = parseMarkdown(
    'guide.md',
    '# Lamp\n\nTrim the wick. Fill the font.\n\nLight it at dusk.\n\n## Oil\n\nTwo litres.\n\n# Stores\n\n### Paint\n\nWhite lead.\n\n# End\n',
  );

  test('packs paragraphs up to the size and never crosses a heading', async () => {
    const split = async (size: number) =>
      (await structureSplitter({ size, overlap: 0 }).split(guide)).map(({ heading, text }) => [heading, text]);
    expect(await split(50)).toEqual([
      ['Lamp', 'Trim the wick. Fill the font.\n\nLight it at dusk.'],
      ['Lamp > Oil', 'Two litres.'],
      ['Stores > Paint', 'White lead.'],
      ['End', '# End'],
    ]);
    expect((await split(30)).slice(0, 2)).toEqual([
      ['Lamp', 'Trim the wick. Fill the font.'],
      ['Lamp', 'Light it at dusk.'],
    ]);
    expect((await split(16)).slice(0, 4)).toEqual([
      ['Lamp', 'Trim the wick.'],
      ['Lamp', 'Fill the font.'],
      ['Lamp', 'Light it at'],
      ['Lamp', 'dusk.'],
    ]);
  });

  test('a page ends a passage, and a passage knows its page', async () => {
    const text = 'One.\n\nTwo.\n\nThree.';
    const pages = [
      { page: 1, start: 0 },
      { page: 2, start: 6 },
      { page: 3, start: 12 },
    ];
    const passages = await structureSplitter({ size: 100, overlap: 0 }).split({ ...plain(text), pages });
    expect(passages.map(({ page, text }) => [page, text])).toEqual([
      [1, 'One.'],
      [2, 'Two.'],
      [3, 'Three.'],
    ]);
  });

  test('overlap begins at a word', async () => {
    const passages = await structureSplitter({ size: 40, overlap: 12 }).split(
      plain('The bell rang twice. The fog came in. Nobody saw it. All was dark.'),
    );
    expect(texts(passages)).toEqual([
      'The bell rang twice. The fog came in.',
      'fog came in. Nobody saw it.',
      'saw it. All was dark.',
    ]);
    const chinese = texts(
      await structureSplitter({ size: 10, overlap: 4 }).split(plain('東京は雨だった夜になると霧も出た')),
    );
    expect(chinese).toEqual(['東京は雨だっ', 'は雨だった夜になると', 'になると霧も出た']);
  });

  test('the id tells the method, the size and the overlap', () => {
    expect(structureSplitter({ size: 1000, overlap: 50 }).id).toBe('structure@1:1000/50');
    expect(recursiveSplitter({ size: 200, overlap: 0 }).id).toBe('recursive@1:200/0');
    expect(wholeSplitter().id).toBe('whole@1');
  });
});

test('recursive finds repeated chunks at their own places', async () => {
  const passages = await recursiveSplitter({ size: 10, overlap: 0 }).split(
    plain('same same\n\nsame same\n\nsame same'),
  );
  expect(passages.map(({ span }) => span.start)).toEqual([0, 11, 22]);
});

test('a character of two units is not cut, even where it does not fit', () => {
  expect(cutSpan('🪔🪔', { start: 0, end: 4 }, 1)).toEqual([
    { start: 0, end: 2 },
    { start: 2, end: 4 },
  ]);
  expect(cutSpan('a🪔🪔', { start: 0, end: 5 }, 2)).toEqual([
    { start: 0, end: 1 },
    { start: 1, end: 3 },
    { start: 3, end: 5 },
  ]);
});

test('sentences of a long paragraph are those of its parts', () => {
  const part = 'Mr. Gray rowed 3.5 km to the light. Why? “Nobody knows!” he said. 東京は雨だった。夜になった。 ';
  const alone = sentenceSpans(part);
  const many = sentenceSpans(part.repeat(300));
  expect(many).toHaveLength(300 * alone.length);
  expect(many).toEqual(
    Array.from({ length: 300 }, (_, i) =>
      alone.map(({ start, end }) => ({ start: start + i * part.length, end: end + i * part.length })),
    ).flat(),
  );
});
