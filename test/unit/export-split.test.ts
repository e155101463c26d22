import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKnownTexts, readKnownTexts } from '../../src/evaluate/export/leaks.ts';
import { type Placed, SPLITS, type Split, splitByDocument } from '../../src/evaluate/export/split.ts';
import { questionKey } from '../../src/evaluate/retrieval-data.ts';

const SHARES = { train: 0.8, dev: 0.1, test: 0.1 };
const example = (question: string, ...docIds: readonly string[]): Placed => ({
  question,
  parts: docIds.map((docId) => ({ docIds: [docId], text: `This is what stands in document ${docId}.` })),
});

/** Examples of up to 20 questions and 20 documents, some of which hold the same text. */
const examples = fc.array(
  fc.record({ question: fc.nat(20), docs: fc.array(fc.nat(20), { maxLength: 2 }), shared: fc.nat(4) }).map(
    ({ question, docs, shared }): Placed => ({
      question: `Question ${question}?`,
      parts: docs.map((doc) => ({
        docIds: [`doc${doc}`],
        text: [`The text of the document ${doc}`, 'A text that many documents hold.', null][
          shared === 4 ? 1 : shared % 3 === 0 ? 0 : 2
        ]!,
      })),
    }),
  ),
  { maxLength: 60 },
);

const sidesBy = (
  all: readonly Placed[],
  of: (one: Placed) => Split | null,
  keys: (one: Placed) => Iterable<string>,
) => {
  const sides = new Map<string, Set<Split>>();
  for (const one of all) {
    const side = of(one);
    if (side !== null) for (const key of keys(one)) sides.set(key, (sides.get(key) ?? new Set<Split>()).add(side));
  }
  return sides;
};

describe('a split by documents', () => {
  it.each([false, true])('has no document, text or question on two sides (cut: %s)', (cut) => {
    fc.assert(
      fc.property(examples, fc.nat(), (all, seed) => {
        const { of } = splitByDocument(all, { shares: SHARES, seed, cut });
        for (const keys of [
          (one: Placed) => one.parts.flatMap(({ docIds }) => docIds),
          (one: Placed) => one.parts.flatMap(({ text }) => text ?? []),
          (one: Placed) => [questionKey(one.question)],
        ])
          for (const [key, sides] of sidesBy(all, of, keys)) expect([key, sides.size]).toEqual([key, 1]);
        if (!cut) expect(all.filter((one) => of(one) === null)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it.each([false, true])('does not depend on the order of the examples (cut: %s)', (cut) => {
    fc.assert(
      fc.property(examples, fc.nat(), (all, seed) => {
        const options = { shares: SHARES, seed, cut };
        const [one, other] = [splitByDocument(all, options), splitByDocument([...all].reverse(), options)];
        expect(all.map(other.of)).toEqual(all.map(one.of));
      }),
    );
  });

  it('keeps together what shares a document, a question or a text', () => {
    const all = [
      ...[example('a?', 'x'), example('b?', 'x', 'y'), example('B', 'z'), example('c?', 'w'), example('d?')],
      { question: 'e?', parts: [{ docIds: ['v'], text: 'This is what stands in document W!' }] },
    ];
    const split = splitByDocument(all, { shares: SHARES, seed: 1, cut: false });
    expect(split.groups).toBe(3); // {a, b, x, y, z}, {c, e, w, v}, {d}
    expect(split.largest).toBeCloseTo(3 / 6, 12);
    const [a, b, bTwice, c, d, e] = all.map(split.of);
    expect([b, bTwice]).toEqual([a, a]);
    expect(e).toBe(c);
    expect(a).toBe('train');
    expect(new Set([a, c, d]).size).toBeGreaterThan(1);
  });

  it('comes near to the shares, and every seed deals otherwise', () => {
    const all = Array.from({ length: 1000 }, (_, i) => example(`question ${i}?`, `doc${i}`));
    const countsOf = (seed: number) => {
      const { of } = splitByDocument(all, { shares: SHARES, seed, cut: false });
      return all.map(of);
    };
    const tally = (sides: readonly (Split | null)[]) =>
      SPLITS.map((side) => sides.filter((one) => one === side).length);
    expect(tally(countsOf(1))).toEqual([800, 100, 100]);
    expect(countsOf(1)).not.toEqual(countsOf(2));
    expect(countsOf(1)).toEqual(countsOf(1));
  });

  it('cut parts what hangs together as a whole, and leaves out what joins the sides', () => {
    // A chain: question i is about the documents i and i + 1.
    const all = Array.from({ length: 200 }, (_, i) => [
      example(`q${i}?`, `doc${i}`),
      example(`q${i}?`, `doc${i + 1}`),
    ]).flat();
    const whole = splitByDocument(all, { shares: SHARES, seed: 0, cut: false });
    expect([whole.groups, whole.largest]).toEqual([1, 1]);
    expect(new Set(all.map(whole.of))).toEqual(new Set(['train']));
    const sides = all.map(splitByDocument(all, { shares: SHARES, seed: 0, cut: true }).of);
    const [train, dev, test] = SPLITS.map((side) => sides.filter((one) => one === side).length);
    expect(Math.min(dev!, test!)).toBeGreaterThan(10);
    expect(train).toBeGreaterThan(200);
    const lost = sides.filter((side) => side === null).length;
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(100);
  });

  it('a question without documents has a side of its own', () => {
    const all = Array.from({ length: 50 }, (_, i) => example(`q${i}?`));
    for (const cut of [false, true])
      expect(new Set(all.map(splitByDocument(all, { shares: SHARES, seed: 0, cut }).of))).toEqual(new Set(SPLITS));
  });

  it('of nothing is nothing', () => {
    expect(splitByDocument([], { shares: SHARES, seed: 0, cut: false })).toMatchObject({ groups: 0, largest: 0 });
  });
});

const EVAL =
  'In the spring of 1921 the harbour of Lund froze over twice, and no ship left it before the month of April had ended.';

describe('what stands in an evaluation set', () => {
  const knownOf = async (name: string, ...lines: readonly string[]) => {
    const known = createKnownTexts();
    await readKnownTexts(known, lines, name);
    return known;
  };
  const leak = (known: Awaited<ReturnType<typeof knownOf>>, question: string, text = '', written = '') =>
    known.leakOf({ question, texts: text === '' ? [] : [text], written: written === '' ? [] : [written] });

  it.each([
    ['rows', 'a.jsonl', [JSON.stringify({ question: 'When did it freeze?', passage: EVAL })]],
    [
      'queries and documents of BEIR',
      'q.jsonl',
      [JSON.stringify({ _id: 1, text: 'When did it freeze?' }), JSON.stringify({ _id: 'd', text: EVAL })],
    ],
    [
      'SQuAD',
      'squad.json',
      JSON.stringify(
        { data: [{ paragraphs: [{ context: EVAL, qas: [{ question: 'When did it freeze?' }] }] }] },
        null,
        1,
      ).split('\n'),
    ],
    [
      'lists of passages',
      'b.jsonl',
      [JSON.stringify({ query: 'When did it freeze?', ctxs: [{ title: 't', text: EVAL }] })],
    ],
  ])('is found: %s', async (_what, name, lines) => {
    const known = await knownOf(name, ...lines);
    expect(leak(known, 'when did it  FREEZE')).toBe('question');
    expect(leak(known, 'Another?', EVAL.toUpperCase())).toBe('passage');
    expect(
      leak(known, 'Another?', 'A mill stood here until the flood took its wheel and its stones in one night.'),
    ).toBeNull();
  });

  it('is found in other cuts of the text, and in what was written from it', async () => {
    const known = await knownOf('a.jsonl', JSON.stringify({ passage: EVAL }));
    expect(leak(known, '?', `Before. ${EVAL.slice(0, 90)} And something else.`)).toBe('passage');
    expect(leak(known, '?', 'the harbour of Lund froze over twice')).toBe('passage'); // a short part of it
    expect(leak(known, '?', '', EVAL.slice(0, 90))).toBe('passage');
    expect(leak(known, '?', '', 'the harbour of Lund')).toBeNull(); // a phrase
    expect(
      leak(known, '?', 'The harbour froze over in another year, as it does whenever the winter is hard enough there.'),
    ).toBeNull();
    expect(leak(known, '?', 'of Lund')).toBeNull(); // too short to tell
  });

  it('is found in writing without blanks', async () => {
    const known = await knownOf('a.jsonl', JSON.stringify({ passage: '这座塔由行会建于一九零二年,高三十一米。' }));
    expect(leak(known, '?', '据说这座塔由行会建于一九零二年以前。')).toBe('passage');
    expect(leak(known, '?', '磨坊为村庄磨制黑麦,它有两个轮子和一个仓库。')).toBeNull();
  });

  it('refuses files without any, and what is not JSON', async () => {
    await expect(knownOf('a.jsonl', '{"x":1}')).rejects.toThrow('a.jsonl holds no questions and no passages');
    await expect(knownOf('a.jsonl', '', 'x')).rejects.toThrow('a.jsonl, line 2: not JSON');
    await expect(knownOf('a.json', '{')).rejects.toThrow('a.json: not JSON');
  });
});
