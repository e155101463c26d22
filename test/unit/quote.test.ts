import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type QuoteRanker, quoteGenerator } from '../../src/backends/generator/quote.ts';
import type { Embedder } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { makePassage } from '../../src/text/passage.ts';
import type { Passage, Span } from '../../src/types.ts';

const OPTIONS = { maxTokens: 64, temperature: 0, seed: 0 };
const documentOf = (text: string) => ({ id: 'd', title: null, text, pages: [], headings: [], metadata: {} });
const passageAt = (text: string, span: Span = { start: 0, end: text.length }): Passage =>
  makePassage(documentOf(text), span);

async function quote(
  text: string,
  question: string,
  embedder: Embedder = hashEmbedder({ dimensions: 512 }),
  span?: Span,
) {
  const [list] = await quoteGenerator({ embedder }).extend(
    [{ question, passage: passageAt(text, span), answerSoFar: [] }],
    OPTIONS,
  );
  return list!;
}

const TEXT = 'Tallinn lies on the coast. The tower of Tallinn was finished in 1433. Bread is baked daily.';

describe('quote', () => {
  it('offers every sentence, the likest to the question first, with its exact place', async () => {
    const list = await quote(TEXT, 'When was the tower of Tallinn finished?');
    expect(list.map(({ text }) => text)).toEqual([
      'The tower of Tallinn was finished in 1433.',
      'Tallinn lies on the coast.',
      'Bread is baked daily.',
    ]);
    expect(list[0]).toEqual({
      text: 'The tower of Tallinn was finished in 1433.',
      tokens: 8,
      logprobs: null,
      end: false,
      quoted: { start: 27, end: 69 },
      scores: { similarity: list[0]!.scores!.similarity, encoder: null },
    });
    const similarities = list.map(({ scores }) => scores!.similarity);
    expect(similarities).toEqual([...similarities].sort((a, b) => b - a));
    expect(similarities[0]).toBeCloseTo(0.80178, 4); // hand: hashed words, 3 of question and sentence shared
  });

  it('puts fragments last and leaves out what has no letter', async () => {
    const list = await quote(
      '# The tower of Tallinn\n\nTallinn tower\n\n1433.\n\n* * *\n\nThe old town has two gates.',
      'The tower of Tallinn?',
    );
    expect(list.map(({ text }) => text)).toEqual([
      'The old town has two gates.',
      '# The tower of Tallinn',
      'Tallinn tower',
    ]);
  });

  it('counts places in the document, not in the passage', async () => {
    const list = await quote(TEXT, 'bread', hashEmbedder(), { start: 70, end: TEXT.length });
    expect(list).toHaveLength(1);
    expect(list[0]!.quoted).toEqual({ start: 70, end: 91 });
  });

  it('answers for each request in order; without a passage it has nothing to say', async () => {
    const requests = [
      { question: 'bread', passage: null, answerSoFar: [] },
      { question: 'bread', passage: passageAt('Bread is baked daily.'), answerSoFar: [] },
      { question: 'tower', passage: passageAt(''), answerSoFar: ['Bread is baked daily.'] },
    ];
    const lists = await quoteGenerator({ embedder: hashEmbedder() }).extend(requests, OPTIONS);
    expect(lists.map((list) => list.map(({ text }) => text))).toEqual([[], ['Bread is baked daily.'], []]);
  });

  it('embeds each sentence once, in one call', async () => {
    const calls: number[] = [];
    const inner = hashEmbedder();
    const counting: Embedder = {
      ...inner,
      embed: (texts, kind, options) => {
        if (kind === 'passage') calls.push(texts.length);
        return inner.embed(texts, kind, options);
      },
    };
    const request = { question: 'bread', passage: passageAt(TEXT), answerSoFar: [] };
    await quoteGenerator({ embedder: counting }).extend([request, { ...request, question: 'tower' }], OPTIONS);
    expect(calls).toEqual([3]);
  });

  it('compares a sentence under the title and heading of its passage, and quotes the sentence alone', async () => {
    const embedder = hashEmbedder();
    const passage = { ...passageAt('It holds 12 tonnes.'), title: 'Bridges', heading: 'Harbour Bridge' };
    const request = { question: 'What may the bridge hold?', passage, answerSoFar: [] };
    const [list] = await quoteGenerator({ embedder }).extend([request], OPTIONS);
    expect(embedder.embedded).toContain('Bridges\nHarbour Bridge\nIt holds 12 tonnes.');
    expect(list!.map(({ text, quoted }) => [text, quoted])).toEqual([['It holds 12 tonnes.', { start: 0, end: 19 }]]);
  });

  it('looks at 48 sentences of a long passage, those that share words with the question', async () => {
    const filler = Array.from({ length: 300 }, (_, i) => `Line ${i} is only filler here.`);
    filler.splice(222, 0, 'The lighthouse keeper owned a parrot.');
    const embedder = hashEmbedder({ dimensions: 2048 });
    const list = await quote(filler.join(' '), 'What did the lighthouse keeper own?', embedder);
    expect(list).toHaveLength(48);
    expect(list[0]!.text).toBe('The lighthouse keeper owned a parrot.');
    expect(embedder.embedded).toHaveLength(49);
  });

  it('cuts a line of a megabyte into pieces and ranks a few of them', async () => {
    const list = await quote(`${'word '.repeat(200_000)}needle`, 'needle');
    expect(list).toHaveLength(48);
    for (const { text } of list) expect(text.length).toBeLessThanOrEqual(600);
    expect(list[0]!.text).toMatch(/needle$/);
  });

  it('never invents: every text stands in the document at its place', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.nat(50),
        fc.string(),
        async (text, start, question) => {
          const span = { start: Math.min(start, text.length), end: text.length };
          for (const candidate of await quote(text, question, hashEmbedder(), span))
            expect(text.slice(candidate.quoted!.start, candidate.quoted!.end)).toBe(candidate.text);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has the ranker score the sentences of all passages in one batch, and hands both scores on', async () => {
    const asked: [string, readonly string[]][] = [];
    const ranker: QuoteRanker = {
      id: 'length@3',
      score: async (question, texts) => {
        asked.push([question, texts]);
        return texts.map(({ length }) => length);
      },
    };
    const generator = quoteGenerator({ embedder: hashEmbedder({ dimensions: 512 }), ranker });
    expect(generator.id).toBe('quote@2-length.3');
    const passages = [passageAt('Bread is baked daily.\n\nBread'), { ...passageAt(TEXT), title: 'Estonia' }];
    const requests = passages.map((passage) => ({ question: 'bread', passage, answerSoFar: [] }));
    const lists = await generator.extend(requests, OPTIONS);
    expect(asked).toEqual([
      [
        'bread',
        [
          'Bread is baked daily.',
          'Estonia\nBread is baked daily.',
          'Estonia\nTallinn lies on the coast.',
          'Estonia\nThe tower of Tallinn was finished in 1433.',
        ],
      ],
    ]);
    expect(lists.map((list) => list.map(({ text, scores }) => [text, scores!.encoder]))).toEqual([
      [
        ['Bread is baked daily.', 21],
        ['Bread', null], // a fragment
      ],
      [
        ['Bread is baked daily.', 29],
        ['Tallinn lies on the coast.', 34],
        ['The tower of Tallinn was finished in 1433.', 50],
      ],
    ]);
  });

  it('asks the ranker about the 8 likest sentences of a passage', async () => {
    const ranker: QuoteRanker = { id: 'one@1', score: async (_, texts) => texts.map(() => 1) };
    const text = Array.from({ length: 20 }, (_, i) => `Line ${i} is only filler here.`).join(' ');
    const generator = quoteGenerator({ embedder: hashEmbedder({ dimensions: 512 }), ranker });
    const [list] = await generator.extend([{ question: 'Line 7', passage: passageAt(text), answerSoFar: [] }], OPTIONS);
    expect(list!.map(({ scores }) => scores!.encoder)).toEqual([...Array(8).fill(1), ...Array(12).fill(null)]);
  });

  it('treats control words of models as plain text', async () => {
    const text = 'It says [Fully supported] and {{question}} <|im_end|> here.';
    expect((await quote(text, '{{question}}')).map((candidate) => candidate.text)).toEqual([text]);
  });

  it('stops when the signal has fired, and after close', async () => {
    const generator = quoteGenerator({ embedder: hashEmbedder() });
    const request = { question: 'bread', passage: passageAt(TEXT), answerSoFar: [] };
    const aborted = generator.extend([request], { ...OPTIONS, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    await generator.close();
    await generator.close();
    await expect(generator.extend([request], OPTIONS)).rejects.toSatisfy((error) =>
      DiscernError.is(error, 'BACKEND_CLOSED'),
    );
  });
});
