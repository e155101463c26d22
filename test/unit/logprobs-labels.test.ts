import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { critiqueOfReading, readLabels, UNSEEN_SHARE, wordOf } from '../../src/backends/critic/logprobs-labels.ts';
import type { Alternative, FirstToken } from '../../src/backends/server/route-types.ts';

const REL = { Yes: 'relevant', No: 'irrelevant' };
const DIGITS = Object.fromEntries(['1', '2', '3', '4', '5'].map((digit) => [digit, digit]));

const token = (text: string, logprob: number, id: number | null = null): Alternative => ({ text, id, logprob });
const first = (probs: Readonly<Record<string, number>>, drawn: Alternative | null = null): FirstToken => ({
  top: Object.entries(probs).map(([text, p]) => token(text, Math.log(p))),
  drawn,
  thinks: false,
});
const isRel = (said: FirstToken) => critiqueOfReading('isRel', readLabels({ labels: REL, ids: null }, said));

describe('labels of a first token', () => {
  it('are normalised among themselves; the mass is what they have together', () => {
    const critique = isRel(first({ Yes: 0.6, No: 0.2, The: 0.1 }));
    expect(critique.probs.relevant).toBeCloseTo(0.75, 12);
    expect(critique.probs.irrelevant).toBeCloseTo(0.25, 12);
    expect(critique.mass).toBeCloseTo(0.8, 12);
    expect(critique.undecided).toBeUndefined();
  });

  it('work at log-probabilities of -800', () => {
    const critique = isRel({ top: [token('No', -801), token('Yes', -800)], drawn: token('The', 0), thinks: false });
    expect(critique.probs.relevant).toBeCloseTo(1 / (1 + Math.exp(-1)), 12);
    expect(critique.mass).toBe(Number.MIN_VALUE);
    expect(critique.undecided).toBeUndefined();
  });

  it('are summed over their spellings where tokens are texts', () => {
    const critique = isRel(first({ No: 0.4, ' Yes': 0.3, yes: 0.05, '\u2581YES': 0.05, Yesterday: 0.1 }));
    expect(critique.probs.relevant).toBeCloseTo(0.5, 12);
    expect(critique.mass).toBeCloseTo(0.8, 12);
  });

  it('are compared by id where there are ids: another token of the same text is not theirs', () => {
    const ids = new Map([
      ['Yes', 5],
      ['No', 6],
    ]);
    const top = [token('Yes', Math.log(0.4), 7), token('', Math.log(0.3), 5), token('No', Math.log(0.1), 6)];
    const critique = critiqueOfReading('isRel', readLabels({ labels: REL, ids }, { top, drawn: null, thinks: false }));
    expect(critique.probs.relevant).toBeCloseTo(0.75, 12);
    expect(critique.mass).toBeCloseTo(0.4, 12);
  });

  it('are at most as likely as the last token returned', () => {
    const critique = isRel(first({ Yes: 0.7, The: 0.2, A: 0.04 }));
    expect(critique.undecided!.bounds.irrelevant).toBeCloseTo(0.04, 12);
    expect(critique.undecided!.bounds.relevant).toBeUndefined();
    // Half of the bound stands for it.
    expect(critique.probs.irrelevant).toBeCloseTo(0.02 / 0.72, 12);
    expect(critique.mass).toBeCloseTo(0.7, 12);
  });

  it('have at most what the returned tokens leave', () => {
    const critique = isRel(first({ Yes: 0.6, The: 0.35 }));
    expect(critique.undecided!.bounds.irrelevant).toBeCloseTo(0.05, 12);
  });

  it('are decided where the unseen ones could take next to nothing', () => {
    const critique = isRel(first({ Yes: 0.98, The: 0.015 }));
    expect(critique.undecided).toBeUndefined();
    expect(critique.probs.irrelevant).toBeCloseTo(0.0025 / 0.9825, 12);
  });

  it('are never certain of an unseen label, however the returned ones are rounded', () => {
    const { bounds } = readLabels({ labels: REL, ids: null }, first({ Yes: 1 }));
    expect(Math.exp(bounds.irrelevant!)).toBeCloseTo(1e-6, 12);
    const { bounds: over } = readLabels({ labels: REL, ids: null }, first({ Yes: 0.6, The: 0.4000001 }));
    expect(Math.exp(over.irrelevant!)).toBeCloseTo(1e-6, 12);
  });

  it('are all unknown where nothing was returned', () => {
    expect(isRel({ top: [], drawn: null, thinks: false })).toEqual({
      kind: 'isRel',
      probs: { relevant: 0.5, irrelevant: 0.5 },
      mass: Number.MIN_VALUE,
      undecided: { bounds: { relevant: 1, irrelevant: 1 } },
    });
  });

  it('count the drawn token once, and take no bound from it', () => {
    const drawn = token('No', Math.log(0.001));
    const critique = isRel(first({ Yes: 0.5, The: 0.3 }, drawn));
    expect(critique.undecided).toBeUndefined();
    expect(critique.probs.irrelevant).toBeCloseTo(0.001 / 0.501, 12);
    expect(isRel(first({ Yes: 0.5, No: 0.25 }, token('Yes', Math.log(0.5)))).mass).toBeCloseTo(0.75, 12);
    const { bounds } = readLabels({ labels: REL, ids: null }, first({ Yes: 0.5, The: 0.3 }, token('A', -20)));
    expect(Math.exp(bounds.irrelevant!)).toBeCloseTo(0.2 - Math.exp(-20), 12);
  });

  it('that the prompt does not offer have probability zero and no bound', () => {
    const labels = { Yes: 'yes', No: 'no' };
    const critique = critiqueOfReading('retrieve', readLabels({ labels, ids: null }, first({ Yes: 0.5, A: 0.3 })));
    expect(critique.probs.continue).toBe(0);
    expect(Object.keys(critique.undecided!.bounds)).toEqual(['no']);
  });

  it('are bounded rightly, and decided only where the truth is near', () => {
    const weights = fc.array(fc.double({ min: 1e-9, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 12 }), (values, top) => {
        const total = values.reduce((sum, value) => sum + value, 0);
        const truth = Object.fromEntries(values.map((value, i) => [i < 5 ? `${i + 1}` : `other${i}`, value / total]));
        const returned = Object.fromEntries(
          Object.entries(truth)
            .sort((a, b) => b[1] - a[1])
            .slice(0, top),
        );
        const reading = readLabels({ labels: DIGITS, ids: null }, first(returned));
        for (const [label, bound] of Object.entries(reading.bounds))
          expect(truth[label]!).toBeLessThanOrEqual(Math.exp(bound) * (1 + 1e-9));
        const critique = critiqueOfReading('isUse', reading);
        const sum = Object.keys(DIGITS).reduce((all, label) => all + truth[label]!, 0);
        if (critique.undecided === undefined)
          for (const [label, p] of Object.entries(critique.probs))
            expect(Math.abs(p - truth[label]! / sum)).toBeLessThanOrEqual(UNSEEN_SHARE);
      }),
    );
  });
});

describe('the word of a token', () => {
  const letters = ['A', 'B', 'C'];
  it.each([
    ['Yes', 'Yes'],
    [' yes', 'Yes'],
    ['\u0120NO', 'No'],
    ['No\n', 'No'],
    ['Not', null],
    ['Y', null],
    ['', null],
  ])('%j is %s', (text, word) => {
    expect(wordOf(text, ['Yes', 'No'])).toBe(word);
  });

  it('of one letter is itself only in its own case', () => {
    expect([' A', 'a', 'B', ' C.'].map((text) => wordOf(text, letters))).toEqual(['A', null, 'B', null]);
  });

  it('in the case of another word is that word', () => {
    expect([' yes', 'Yes', 'YES'].map((text) => wordOf(text, ['Yes', 'yes']))).toEqual(['yes', 'Yes', null]);
  });
});
