import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SampledAnswer } from '../../src/contracts.ts';
import { type ContextScores, measureContext, type SampledContext, unsampled } from '../../src/stages/gate-measures.ts';
import { compareAnswers, likelihoodsOf, meaningsOf } from '../../src/stages/meanings.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';

/** An answer of one token and this probability; without one, of a backend that gives none. */
const answer = (text: string, probability: number | null = null): SampledAnswer => ({
  text,
  tokens: 1,
  logprobs: probability === null ? null : [Math.log(probability)],
});
/** Answers whose first words are equal mean the same. */
const firstWord = (answers: readonly SampledAnswer[]) => (first: number, second: number) =>
  answers[first]!.text.split(' ')[0] === answers[second]!.text.split(' ')[0];
const sampled = (
  context: readonly SampledAnswer[],
  without: readonly SampledAnswer[],
  support: readonly number[] | null = null,
): SampledContext => ({ with: context, without, same: firstWord([...context, ...without]), support });

const SCORES: ContextScores = { isRel: 0.9, isRelMargin: 0.2, rerank: 3, recall: 0.8 };
const NOTHING: ContextScores = { isRel: null, isRelMargin: null, rerank: null, recall: null };
const measure = (...given: Parameters<typeof sampled>) => measureContext(sampled(...given), NOTHING);

/** Entropy of probabilities, written out. */
const entropy = (...probabilities: number[]) => -probabilities.reduce((sum, p) => sum + p * Math.log(p), 0);

describe('measures of a context', () => {
  // With it: paris 0.3 + 0.2, rome 0.3, lyon 0.2. Without: lyon 0.6, nice 0.2, paris 0.2.
  const context = [answer('paris', 0.3), answer('rome', 0.3), answer('paris city', 0.2), answer('lyon', 0.2)];
  const without = [answer('lyon', 0.6), answer('nice', 0.2), answer('paris', 0.2)];

  it('by hand', () => {
    const {
      features,
      entropy: entropies,
      meanings,
    } = measureContext(sampled(context, without, [0.9, 0, 0.5, 0.25]), SCORES);
    expect(entropies.with).toBeCloseTo(entropy(0.5, 0.3, 0.2), 11);
    expect(entropies.without).toBeCloseTo(entropy(0.6, 0.2, 0.2), 11);
    expect(features.entropyReduction).toBeCloseTo(entropy(0.6, 0.2, 0.2) - entropy(0.5, 0.3, 0.2), 11);
    expect(features).toMatchObject({
      pseudoSeper: 0.3, // paris: 0.5 with, 0.2 without
      disagreement: 0.6, // 1 - (paris 0.2 + rome 0 + lyon 0.2 + nice 0)
      closedBookDoubt: 0.4, // lyon 0.6
      supported: 0.42, // 0.3 * 0.9 + 0.2 * 0.5 + 0.2 * 0.25
      ...SCORES,
    });
    expect(meanings.with).toEqual([
      { text: 'paris', probability: 0.5 },
      { text: 'rome', probability: 0.3 },
      { text: 'lyon', probability: 0.2 },
    ]);
    expect(meanings.without.map(({ text }) => text)).toEqual(['lyon', 'nice', 'paris']);
  });

  it('without log-probabilities every answer weighs the same', () => {
    const plain = (answers: readonly SampledAnswer[]) => answers.map(({ text }) => answer(text));
    const { features, meanings } = measure(plain(context), plain(without), [1, 0, 0.6, 0.4]);
    expect(meanings.with.map(({ probability }) => probability)).toEqual([0.5, 0.25, 0.25]);
    expect(features.entropyReduction).toBeCloseTo(Math.log(3) - entropy(0.5, 0.25, 0.25), 11);
    expect(features.pseudoSeper).toBeCloseTo(0.5 - 1 / 3, 11);
    expect(features.disagreement).toBeCloseTo(1 - (1 / 3 + 1 / 4), 11);
    expect(features.closedBookDoubt).toBeCloseTo(2 / 3, 11);
    expect(features.supported).toBe(0.5);
  });

  it('a mean over tokens makes the weight of an answer: its length does not', () => {
    const long = { text: 'paris on the seine', tokens: 4, logprobs: Array.from({ length: 4 }, () => Math.log(0.5)) };
    expect(likelihoodsOf([long])).toEqual([Math.log(0.5)]);
    const { meanings } = measure([answer('lyon', 0.5), long], [answer('lyon', 0.5)]);
    expect(meanings.with.map(({ probability }) => probability)).toEqual([0.5, 0.5]);
  });

  it('of two majorities, the one that has more mass without the context counts, in either order', () => {
    const tie = [answer('paris', 0.5), answer('lyon', 0.5)];
    for (const list of [tie, [...tie].reverse()])
      expect(measure(list, [answer('lyon', 0.9)]).features.pseudoSeper).toBe(-0.5);
  });

  it('support is null without a critic for it, and undefined answers have no measure', () => {
    expect(measure(context, without).features.supported).toBe(null);
    expect(unsampled(SCORES)).toEqual({
      features: {
        entropyReduction: null,
        pseudoSeper: null,
        disagreement: null,
        closedBookDoubt: null,
        supported: null,
        ...SCORES,
      },
      entropy: { with: null, without: null },
      meanings: { with: [], without: [] },
    });
  });

  it('k = 1: nothing is uncertain, and the conditions agree or not', () => {
    expect(measure([answer('paris', 0.2)], [answer('paris x', 0.7)], [0.8])).toEqual({
      features: {
        entropyReduction: 0,
        pseudoSeper: 0,
        disagreement: 0,
        closedBookDoubt: 0,
        supported: 0.8,
        ...NOTHING,
      },
      entropy: { with: 0, without: 0 },
      meanings: { with: [{ text: 'paris', probability: 1 }], without: [{ text: 'paris x', probability: 1 }] },
    });
    expect(measure([answer('paris', 0.2)], [answer('lyon', 0.7)]).features).toMatchObject({
      pseudoSeper: 1,
      disagreement: 1,
    });
  });

  it('impossible and empty answers have no weight; where none has any, there is no measure', () => {
    const impossible = { text: 'rome', tokens: 2, logprobs: [-1, Number.NEGATIVE_INFINITY] };
    const empty = { text: ' ', tokens: 0, logprobs: [] };
    const dots = answer('...', 0.9);
    const some = measure([empty, impossible, answer('paris', 0.1), dots], [answer('paris', 0.5)], [0, 1, 0.5, 1]);
    expect(some.features).toMatchObject({ entropyReduction: 0, pseudoSeper: 0, disagreement: 0, supported: 0.5 });
    expect(some.meanings.with[0]).toEqual({ text: 'paris', probability: 1 });

    const none = measure([empty, impossible], [answer('paris', 0.25), answer('lyon', 0.75)], [1, 1]);
    expect(none.features).toEqual({
      entropyReduction: null,
      pseudoSeper: null,
      disagreement: null,
      closedBookDoubt: 0.25,
      supported: null,
      ...NOTHING,
    });
    expect([none.entropy.with, none.meanings.with]).toEqual([null, []]);
    expect(measure([answer('paris', 0.5)], [empty]).features).toMatchObject({
      entropyReduction: null,
      pseudoSeper: null,
      closedBookDoubt: null,
    });
    expect(meaningsOf([], () => true)).toBe(null);
  });

  it('an answer that is an article by its letters has weight: a blood group is "A"', () => {
    const { meanings } = measure([answer('A', 0.75), answer('0', 0.25)], [answer('a.', 1)]);
    expect(meanings.with.map(({ text }) => text)).toEqual(['A', '0']);
    expect(meanings.without).toEqual([{ text: 'a.', probability: 1 }]);
  });

  it('log-likelihoods near -800 weigh as well as any', () => {
    const far = (text: string, above: number) => ({ text, tokens: 1, logprobs: [-800 + above] });
    const { features } = measure([far('paris', Math.log(3)), far('lyon', 0)], [far('lyon', 0)]);
    expect(features.pseudoSeper).toBe(0.75);
    expect(features.entropyReduction).toBeCloseTo(-entropy(0.75, 0.25), 11);
  });
});

describe('measures, for any samples', () => {
  const Answers = fc.array(
    fc
      .record({ group: fc.integer({ min: 0, max: 3 }), logprob: fc.double({ min: -900, max: 0, noNaN: true }) })
      .map(({ group, logprob }): SampledAnswer => ({ text: `meaning${group}`, tokens: 1, logprobs: [logprob] })),
    { minLength: 1, maxLength: 8 },
  );
  const supportOf = (answers: readonly SampledAnswer[]) => answers.map(({ text }) => Number(text.at(-1)) / 3);
  const featuresOf = (context: readonly SampledAnswer[], without: readonly SampledAnswer[]) =>
    measure(context, without, supportOf(context)).features;
  const sampledNames = ['entropyReduction', 'pseudoSeper', 'disagreement', 'closedBookDoubt', 'supported'] as const;
  const expectClose = (one: ReturnType<typeof featuresOf>, other: ReturnType<typeof featuresOf>) => {
    for (const name of sampledNames) expect(one[name]!, name).toBeCloseTo(other[name]!, 9);
  };

  it('their order changes nothing', () => {
    const shuffled = (list: readonly SampledAnswer[], keys: readonly number[]) =>
      list
        .map((one, i) => ({ one, key: keys[i]! }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one);
    const Keys = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(Answers, Answers, Keys, (context, without, keys) =>
        expectClose(featuresOf(shuffled(context, keys), shuffled(without, keys)), featuresOf(context, without)),
      ),
    );
  });

  it('their order changes what the clustering rule says of a sameness that is not transitive', () => {
    const said = new Set(['left middle', 'middle left', 'middle right', 'right middle']);
    const entropyOf = (...texts: string[]) =>
      meaningsOf(
        texts.map((text) => answer(text)),
        (i, j) => said.has(`${texts[i]} ${texts[j]}`),
      )!.entropy;
    expect(entropyOf('middle', 'left', 'right')).toBe(0); // the opener takes both
    expect(entropyOf('left', 'middle', 'right')).toBeCloseTo(entropy(2 / 3, 1 / 3), 11);
    expect(entropyOf('left', 'right', 'middle')).toBeCloseTo(entropy(1 / 3, 2 / 3), 11); // the right one takes it over
  });

  it('each of them twice changes nothing', () => {
    fc.assert(
      fc.property(Answers, Answers, (context, without) =>
        expectClose(featuresOf([...context, ...context], [...without, ...without]), featuresOf(context, without)),
      ),
    );
  });

  it('answers that all mean the same have entropy 0, exactly', () => {
    fc.assert(
      fc.property(Answers, Answers, (context, without) => {
        const alike = (list: readonly SampledAnswer[]) => list.map((one) => ({ ...one, text: 'meaning0' }));
        const { features, entropy: entropies } = measure(alike(context), alike(without));
        expect(entropies).toEqual({ with: 0, without: 0 });
        expect(features).toMatchObject({ entropyReduction: 0, pseudoSeper: 0, disagreement: 0, closedBookDoubt: 0 });
      }),
    );
  });

  it('lie within their bounds', () => {
    fc.assert(
      fc.property(Answers, Answers, (context, without) => {
        const { entropyReduction, pseudoSeper, disagreement, closedBookDoubt, supported } = featuresOf(
          context,
          without,
        );
        expect(Math.abs(entropyReduction!)).toBeLessThanOrEqual(Math.log(4) + 1e-9);
        expect(Math.abs(pseudoSeper!)).toBeLessThanOrEqual(1);
        for (const share of [disagreement!, closedBookDoubt!, supported!]) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe('comparing answers', () => {
  const question = 'Where?';
  function listening(of: Parameters<typeof scriptedEntailment>[0] = {}) {
    const model = scriptedEntailment(of);
    const calls: { output: string; pairs: string[] }[] = [];
    const pairs = (requests: readonly { first: string; second: string }[]) =>
      requests.map(({ first, second }) => `${first} | ${second}`);
    const entailment: typeof model = {
      ...model,
      entail: (requests, options) => {
        calls.push({ output: 'entail', pairs: pairs(requests) });
        return model.entail(requests, options);
      },
      equivalent: (requests, options) => {
        calls.push({ output: 'equivalent', pairs: pairs(requests) });
        return model.equivalent(requests, options);
      },
    };
    return { calls, entailment };
  }

  it('head: each pair of different texts once, all in one call; strictly above a half means the same', async () => {
    const chances: Record<string, number> = { 'Paris|Lyon': 0.1, 'Paris|paris town': 0.51, 'Lyon|paris town': 0.5 };
    const { calls, entailment } = listening({ equivalent: ({ first, second }) => chances[`${first}|${second}`]! });
    const answers = ['Paris', 'the paris!', 'Lyon', '', 'paris town', 'LYON'];
    const same = await compareAnswers(question, answers, entailment, 'head');
    expect(calls).toEqual([
      { output: 'equivalent', pairs: ['Paris | Lyon', 'Paris | paris town', 'Lyon | paris town'] },
    ]);
    expect(answers.map((_, i) => answers.map((_, j) => Number(same(i, j))).join(''))).toEqual([
      '110010', // Paris
      '110010', // the paris!
      '001001', // Lyon
      '000100', // the empty one: nothing but itself
      '110010', // paris town
      '001001', // LYON
    ]);
  });

  it('strict and loose: both directions in the same call', async () => {
    // "paris town" entails "paris", and not the other way.
    const entail = ({ first, second }: { first: string; second: string }) =>
      first.includes(second) ? { entailment: 1 } : { neutral: 1 };
    const { calls, entailment } = listening({ entail });
    const answers = ['paris', 'paris town', 'lyon'];
    const strict = await compareAnswers(question, answers, entailment, 'strict');
    const loose = await compareAnswers(question, answers, entailment, 'loose');
    const pairs = ['paris | paris town', 'paris town | paris', 'paris | lyon', 'lyon | paris'];
    expect(calls).toEqual(
      [0, 1].map(() => ({ output: 'entail', pairs: [...pairs, 'paris town | lyon', 'lyon | paris town'] })),
    );
    expect([strict(0, 1), loose(0, 1), loose(1, 0), loose(0, 2)]).toEqual([false, true, true, false]);
  });

  it('asks nothing where all texts are one', async () => {
    const { calls, entailment } = listening();
    const same = await compareAnswers(question, ['Paris', 'the Paris.', ''], entailment, 'head');
    expect(calls).toEqual([]);
    expect([same(0, 1), same(0, 2), same(2, 2)]).toEqual([true, false, true]);
    expect((await compareAnswers(question, ['x'], entailment, 'strict'))(0, 0)).toBe(true);
    await compareAnswers(question, [], entailment, 'loose');
    expect(calls).toEqual([]);
  });
});
