import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactMatchZh, tokenF1Zh, zhTokens } from '../../src/evaluate/metrics/answers-zh.ts';
import {
  adjustedRand,
  ami,
  fowlkesMallows,
  mutualInformation,
  nmi,
  purity,
  randIndex,
  vMeasure,
} from '../../src/evaluate/metrics/clustering.ts';
import {
  averageRanks,
  cosine,
  dot,
  euclidean,
  kendallTauB,
  kendallTauC,
  pearson,
  spearman,
} from '../../src/evaluate/metrics/correlation.ts';
import { rouge, rougeL, rougeN, rougeTokens } from '../../src/evaluate/metrics/rouge.ts';

describe('clustering', () => {
  const truth = ['x', 'x', 'y', 'y'];
  it('by hand: one item in the wrong cluster', () => {
    const found = [0, 0, 0, 1];
    expect(purity(truth, found)).toBe(0.75);
    expect(randIndex(truth, found)).toBeCloseTo(3 / 6, 12);
    expect(mutualInformation(truth, found)).toBeCloseTo(
      0.5 * Math.log(4 / 3) + 0.25 * Math.log(2 / 3) + 0.25 * Math.log(2),
      12,
    );
    expect(adjustedRand(truth, found)).toBeCloseTo(0, 12);
    expect(fowlkesMallows(truth, found)).toBeCloseTo(1 / Math.sqrt(6), 12);
  });
  it('limits: nothing to tell apart is agreement; nothing at all has no purity', () => {
    expect([
      nmi([1, 1], [2, 2]),
      ami([1, 1], [2, 2]),
      adjustedRand([1, 1], [2, 2]),
      vMeasure([1, 1], [2, 2]).v,
    ]).toEqual([1, 1, 1, 1]);
    expect([nmi(truth, [1, 1, 1, 1], 'min'), ami(truth, [1, 1, 1, 1]), purity([], [])]).toEqual([0, 0, null]);
    expect(nmi([1, '1', 1, '1'], [0, 1, 0, 1])).toBe(1);
  });
  it('renaming changes nothing; NMI is the V-measure and symmetric; an equal partition scores 1', () => {
    const Labels = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(Labels, (pairs) => {
        const [a, b] = [pairs.map(([label]) => label), pairs.map(([, label]) => label)];
        const renamed = b.map((label) => `c${3 - label}`);
        for (const measure of [nmi, ami, adjustedRand, randIndex, mutualInformation, fowlkesMallows])
          expect(measure(a, renamed)).toBeCloseTo(measure(a, b), 9);
        expect(nmi(a, b)).toBeCloseTo(vMeasure(a, b).v, 9);
        expect(nmi(a, b)).toBeCloseTo(nmi(b, a), 9);
        expect([nmi(b, renamed), ami(b, renamed), adjustedRand(b, renamed), purity(b, renamed)]).toEqual([1, 1, 1, 1]);
      }),
    );
  });
});

describe('correlation', () => {
  it('by hand: ranks share their mean, one swap in four', () => {
    expect(averageRanks([10, 20, 20, 5])).toEqual([2, 3.5, 3.5, 1]);
    expect(spearman([1, 2, 3, 4], [1, 2, 4, 3])).toBeCloseTo(0.8, 12);
    expect(kendallTauB([1, 2, 3, 4], [1, 2, 4, 3])).toBeCloseTo(4 / 6, 12);
    expect(pearson([1, 2, 3], [2, 4, 7])).toBeCloseTo(5 / Math.sqrt(2 * (38 / 3)), 12);
  });
  it('is null for a constant, and for less than two points', () => {
    for (const measure of [pearson, spearman, kendallTauB, kendallTauC]) {
      expect([measure([1, 1], [1, 2]), measure([1, 2], [3, 3]), measure([1], [1]), measure([], [])]).toEqual([
        null,
        null,
        null,
        null,
      ]);
      expect(measure([1, 2, 3], [-1, -5, -9])).toBeCloseTo(-1, 12);
    }
  });
  it('vectors: 3-4-5, a right angle, no direction', () => {
    expect([dot([1, 2], [3, 4]), euclidean([0, 0], [3, 4]), cosine([1, 0], [0, 2]), cosine([0, 0], [1, 2])]).toEqual([
      11, 5, 0, 0,
    ]);
    expect(cosine([1e-200, 1e-200], [1e200, 0])).toBeCloseTo(Math.SQRT1_2, 12);
  });
});

describe('ROUGE', () => {
  it('by hand: "a c d" against "a b c"', () => {
    const [ours, gold] = ['a c d', 'a b c'].map((text) => rougeTokens(text, 'default')) as [string[], string[]];
    expect(rougeL(ours, gold).f).toBeCloseTo(2 / 3, 12);
    expect(rougeN(ours, gold, 1).f).toBeCloseTo(2 / 3, 12);
    expect(rougeN(ours, gold, 2)).toEqual({ precision: 0, recall: 0, f: 0 });
  });
  it('default knows a-z and digits alone; unicode takes Chinese by characters and other letters by words', () => {
    expect(rougeTokens('Café_北京 15', 'default')).toEqual(['caf', '15']);
    expect(rougeTokens('Café_北京カー ｱ Straße15', 'unicode')).toEqual([
      'café',
      '北',
      '京',
      'カ',
      'ー',
      'ア',
      'straße15',
    ]);
  });
  it('takes the gold answer with the best f; null without any', () => {
    expect(rouge('the red fox', ['a dog', 'the fox'])).toMatchObject({ precision: 2 / 3, recall: 1 });
    expect(rouge('x', [])).toBe(null);
  });
});

describe('Chinese answers', () => {
  it('one token per character, without punctuation of any script', () => {
    expect(zhTokens('iPhone 15，发布于2023年。')).toEqual(['iphone', '15', '发', '布', '于', '2023', '年']);
    expect([exactMatchZh('北京。', ['北京']), exactMatchZh('北京市', ['北京'])]).toEqual([1, 0]);
    expect(tokenF1Zh('北京市朝阳区', ['上海', '北京'])).toBeCloseTo(0.5, 12);
    expect([tokenF1Zh('', []), tokenF1Zh('。', ['！']), tokenF1Zh('北', [])]).toEqual([1, 1, 0]);
  });
});
