import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClusterItem, evaluateClustering } from '../../src/evaluate/embedding/clustering.ts';
import { kMeans } from '../../src/evaluate/embedding/kmeans.ts';
import { minimize } from '../../src/evaluate/embedding/lbfgs.ts';
import { fitLogistic, predictLogistic } from '../../src/evaluate/embedding/logistic.ts';
import { evaluateProbe, type LabelledVector } from '../../src/evaluate/embedding/probe.ts';
import { sliced } from '../../src/evaluate/embedding/slices.ts';
import { evaluateSts, type StsPair } from '../../src/evaluate/embedding/sts.ts';
import { seededRandom } from '../../src/text/random.ts';

const vector = (...values: readonly number[]) => Float32Array.from(values);
const untagged = { lang: null, domain: null };

describe('slices', () => {
  it('are all items, and those of each language and domain that rows name', () => {
    const items = [
      { n: 1, lang: 'en', domain: 'news' },
      { n: 2, lang: 'zh', domain: 'news' },
      { n: 4, lang: 'en', domain: null },
    ];
    const total = (own: readonly { readonly n: number }[]) => own.reduce((sum, { n }) => sum + n, 0);
    expect(sliced(items, total)).toEqual({ overall: 7, byLang: { en: 5, zh: 2 }, byDomain: { news: 3 } });
    expect(sliced([{ n: 1, ...untagged }], total)).toEqual({ overall: 1, byLang: {}, byDomain: {} });
  });
});

describe('STS', () => {
  /** Two vectors with this cosine. */
  const pair = (cosine: number, score: number, tags: Partial<StsPair> = {}): StsPair => ({
    ...{ first: vector(2, 0), second: vector(cosine, Math.sqrt(1 - cosine ** 2)), score },
    ...{ ...untagged, ...tags },
  });

  it('correlates cosines with scores', () => {
    // Cosines 0, 0.5, 1 against 1, 3, 2: deviations (-0.5, 0, 0.5) and (-1, 1, 0), so r = 0.5 / sqrt(0.5 * 2); ranks likewise.
    const { overall } = evaluateSts([pair(0, 1), pair(0.5, 3), pair(1, 2)]);
    expect(overall.n).toBe(3);
    expect(overall.pearson!.mean).toBeCloseTo(0.5, 6);
    expect(overall.spearman!.mean).toBeCloseTo(0.5, 6);
    expect(overall.pearson!.n).toBe(3);
  });

  it('tells order from size: one far score moves Pearson alone', () => {
    const { overall } = evaluateSts([pair(0, 1), pair(0.3, 2), pair(0.6, 3), pair(0.9, 100)]);
    expect(overall.spearman!.mean).toBeCloseTo(1, 12);
    expect(overall.pearson!.mean).toBeLessThan(0.9);
  });

  it('measures each language and domain; one pair alone has no correlation', () => {
    const { overall, byLang, byDomain } = evaluateSts([
      pair(0.1, 1, { lang: 'en', domain: 'news' }),
      pair(0.2, 2, { lang: 'en' }),
      pair(0.3, 1, { lang: 'zh' }),
      pair(0.4, 0, { lang: 'zh' }),
    ]);
    expect(byLang.en!.pearson!.mean).toBeCloseTo(1, 6);
    expect(byLang.zh!.pearson!.mean).toBeCloseTo(-1, 6);
    expect(byDomain.news).toEqual({ n: 1, pearson: null, spearman: null });
    expect(overall.n).toBe(4);
  });

  it('gives a vector without direction the cosine 0', () => {
    const zero: StsPair = { first: vector(0, 0), second: vector(1, 0), score: 0, ...untagged };
    expect(evaluateSts([zero, pair(0.5, 1), pair(1, 2)]).overall.pearson!.mean).toBeCloseTo(1, 6);
  });

  it('is the same for a seed, and narrower for more pairs', () => {
    const next = seededRandom(3);
    const pairs = Array.from({ length: 400 }, () => {
      const cosine = next() * 0.9;
      return pair(cosine, cosine + next());
    });
    const width = ({ overall }: ReturnType<typeof evaluateSts>) => overall.pearson!.ci95[1] - overall.pearson!.ci95[0];
    expect(evaluateSts(pairs, 5)).toEqual(evaluateSts(pairs, 5));
    expect(width(evaluateSts(pairs))).toBeLessThan(width(evaluateSts(pairs.slice(0, 40))));
  });
});

/** Clouds around the corners of a cube, far from each other. */
function clouds(sizes: readonly number[], spread: number, seed = 1): ClusterItem[] {
  const next = seededRandom(seed);
  return sizes.flatMap((size, c) =>
    Array.from({ length: size }, () => ({
      vector: vector(...[0, 1, 2].map((d) => ((c >> d) & 1) + spread * (next() - 0.5))),
      label: `c${c}`,
      ...untagged,
    })),
  );
}

describe('k-means', () => {
  it('finds the centres of a case by hand', () => {
    // 0, 1 and 10, 12: centres 0.5 and 11, squared distances 0.25 + 0.25 + 1 + 1.
    const { clusters, inertia } = kMeans(
      [0, 1, 10, 12].map((x) => vector(x)),
      2,
      { seed: 0, restarts: 3 },
    );
    expect(inertia).toBeCloseTo(2.5, 10);
    expect(clusters[0]).toBe(clusters[1]);
    expect(clusters[2]).toBe(clusters[3]);
    expect(clusters[0]).not.toBe(clusters[2]);
  });

  it('takes as many vectors as clusters, repeated vectors, and a single cluster', () => {
    const three = [vector(0), vector(5), vector(9)];
    expect(kMeans(three, 3, { seed: 0, restarts: 1 })).toMatchObject({ inertia: 0 });
    expect(new Set(kMeans(three, 3, { seed: 0, restarts: 1 }).clusters).size).toBe(3);
    const same = [vector(1, 1), vector(1, 1), vector(1, 1)];
    expect(kMeans(same, 2, { seed: 0, restarts: 2 })).toEqual({ clusters: [0, 0, 0], inertia: 0 });
    expect(kMeans([vector(0), vector(2)], 1, { seed: 0, restarts: 1 })).toEqual({ clusters: [0, 0], inertia: 2 });
  });

  it('is as good as every partition of a small set', () => {
    const inertiaOf = (points: readonly number[], mask: number): number => {
      const cost = (own: readonly number[]) => {
        const centre = own.reduce((sum, x) => sum + x, 0) / own.length;
        return own.reduce((sum, x) => sum + (x - centre) ** 2, 0);
      };
      return [0, 1].reduce((sum, side) => sum + cost(points.filter((_, i) => ((mask >> i) & 1) === side)), 0);
    };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 3, maxLength: 7 }), (points) => {
        const best = Math.min(...Array.from({ length: 2 ** points.length }, (_, mask) => inertiaOf(points, mask)));
        const vectors = points.map((x) => vector(x));
        expect(kMeans(vectors, 2, { seed: 0, restarts: 20 }).inertia).toBeCloseTo(best, 6);
      }),
      { seed: 7 },
    );
  });

  it('leaves every vector with its nearest centre, and none empty while vectors differ', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })), {
          ...{ minLength: 2, maxLength: 12, selector: ([a, b]) => `${a},${b}` },
        }),
        fc.integer({ min: 1, max: 5 }),
        (points, wanted) => {
          const k = Math.min(wanted, points.length);
          const { clusters, inertia } = kMeans(
            points.map((point) => vector(...point)),
            k,
            { seed: 1, restarts: 3 },
          );
          const centres = Array.from({ length: k }, (_, c) => {
            const own = points.filter((_, i) => clusters[i] === c);
            return [0, 1].map((d) => own.reduce((sum, point) => sum + point[d]!, 0) / own.length);
          });
          const gap = (point: readonly number[], c: number) =>
            (point[0]! - centres[c]![0]!) ** 2 + (point[1]! - centres[c]![1]!) ** 2;
          expect(new Set(clusters).size).toBe(k);
          for (const [i, point] of points.entries())
            expect(gap(point, clusters[i]!)).toBeLessThanOrEqual(
              Math.min(...centres.map((_, c) => gap(point, c))) + 1e-9,
            );
          expect(inertia).toBeCloseTo(
            points.reduce((sum, point, i) => sum + gap(point, clusters[i]!), 0),
            6,
          );
        },
      ),
      { seed: 7 },
    );
  });
});

describe('clustering', () => {
  it('is perfect for classes that lie apart, of any size', () => {
    const { overall } = evaluateClustering([clouds([3, 9, 20, 5], 0.2)]);
    expect(overall).toMatchObject({ n: 37, sets: 1 });
    for (const name of ['purity', 'nmi', 'ari', 'vMeasure'] as const) {
      expect(overall[name]!.mean, name).toBeCloseTo(1, 12);
      expect(overall[name]!.ci95[0], name).toBeCloseTo(1, 12);
    }
  });

  it('scores what is found against the labels', () => {
    // Two far pairs, whose labels cross: each cluster has one of each class.
    const item = (x: number, label: string): ClusterItem => ({ vector: vector(x), label, ...untagged });
    const { overall } = evaluateClustering([[item(0, 'a'), item(0.1, 'b'), item(9, 'a'), item(9.1, 'b')]]);
    expect(overall.purity!.mean).toBe(0.5);
    expect(overall.nmi!.mean).toBeCloseTo(0, 12);
    // Pairs together: none of 2; expected 2 * 2 / 6: (0 - 2/3) / (2 - 2/3).
    expect(overall.ari!.mean).toBeCloseTo(-0.5, 12);
  });

  it('clusters each set alone and takes the mean over them', () => {
    const item = (x: number, label: string): ClusterItem => ({ vector: vector(x), label, ...untagged });
    const crossed = [item(0, 'a'), item(0.1, 'b'), item(9, 'a'), item(9.1, 'b')];
    const right = [item(0, 'a'), item(0.1, 'a'), item(9, 'b'), item(9.1, 'b')];
    const { overall } = evaluateClustering([crossed, right]);
    expect(overall).toMatchObject({ n: 8, sets: 2 });
    expect(overall.purity!.mean).toBe(0.75);
    expect(overall.vMeasure!.mean).toBeCloseTo(0.5, 12);
  });

  it('clusters the items of a language alone', () => {
    const tagged = clouds([4, 4, 4], 0.1).map((item) => ({ ...item, lang: item.label === 'c2' ? 'zh' : 'en' }));
    const { overall, byLang } = evaluateClustering([tagged]);
    expect(overall.n).toBe(12);
    // Of zh there is one class: one cluster, which is right by convention.
    expect(byLang.zh).toMatchObject({ n: 4, sets: 1, purity: { mean: 1 }, ari: { mean: 1 } });
    expect(byLang.en).toMatchObject({ n: 8, nmi: { mean: 1 } });
  });

  it('has intervals that hold their figure, also where chance alone agrees', () => {
    const next = seededRandom(2);
    const random = Array.from(
      { length: 80 },
      (): ClusterItem => ({
        vector: vector(next(), next(), next()),
        label: Math.floor(next() * 8),
        ...untagged,
      }),
    );
    const { overall } = evaluateClustering([random], { seed: 1 });
    for (const name of ['purity', 'nmi', 'ari', 'vMeasure', 'homogeneity', 'completeness'] as const) {
      const { mean, ci95 } = overall[name]!;
      expect(ci95[0], name).toBeLessThan(mean);
      expect(ci95[1], name).toBeGreaterThan(mean);
    }
    expect(Math.abs(overall.ari!.mean)).toBeLessThan(0.1);
    expect(evaluateClustering([random], { seed: 1 }).overall).toEqual(overall);
  });
});

describe('L-BFGS', () => {
  it('finds the lowest point of a skewed bowl', () => {
    // (x - 3)^2 + 100 (y + 1)^2 + (x - 3)(y + 1): lowest at (3, -1), where it is 0.
    const { x, value, converged } = minimize(
      ([a = 0, b = 0], gradient) => {
        const [u, v] = [a - 3, b + 1];
        gradient[0] = 2 * u + v;
        gradient[1] = 200 * v + u;
        return u * u + 100 * v * v + u * v;
      },
      new Float64Array(2),
      { tolerance: 1e-10, rounds: 100 },
    );
    expect(converged).toBe(true);
    expect(x[0]).toBeCloseTo(3, 8);
    expect(x[1]).toBeCloseTo(-1, 8);
    expect(value).toBeCloseTo(0, 12);
  });

  it('says when the rounds did not suffice', () => {
    const bowl = (x: Float64Array, gradient: Float64Array) => {
      let sum = 0;
      for (let i = 0; i < x.length; i++) {
        gradient[i] = 2 * 10 ** i * (x[i]! - 1);
        sum += 10 ** i * (x[i]! - 1) ** 2;
      }
      return sum;
    };
    expect(minimize(bowl, new Float64Array(5), { tolerance: 1e-9, rounds: 2 }).converged).toBe(false);
    expect(minimize(bowl, new Float64Array(5), { tolerance: 1e-9, rounds: 200 }).converged).toBe(true);
  });
});

/** From scikit-learn 1.9.1: LogisticRegression(C=c, tol=1e-12, max_iter=10000) on these points. */
const POINTS = [
  [0.5, 1],
  [1.5, -0.5],
  [2, 1.5],
  [-1, 0.25],
  [-0.5, -2],
  [-1.5, -1],
  [0, 2.5],
  [1, -1.5],
].map((point) => vector(...point));
const REFERENCES = [
  {
    ...{ name: 'two classes', c: 1, labels: [0, 0, 0, 1, 1, 1, 0, 1] },
    ...{ weights: [[-0.8803578930543423, -0.9740875990017305]], biases: [0.2398937476849067] },
    predicted: [0, 0, 0, 1, 1, 1, 0, 1],
  },
  {
    ...{ name: 'two classes, weaker penalty', c: 10, labels: [0, 0, 0, 1, 1, 1, 0, 1] },
    ...{ weights: [[-2.240254802713006, -2.187743294962498]], biases: [0.6673469560819033] },
    predicted: [0, 0, 0, 1, 1, 1, 0, 1],
  },
  {
    ...{ name: 'three classes', c: 1, labels: [0, 1, 2, 0, 1, 2, 0, 1] },
    weights: [
      [-0.5491900429117118, 0.8340260811766345],
      [0.5808457348932153, -0.9623493412055659],
      [-0.03165569198150334, 0.12832326002893155],
    ],
    biases: [0.15137843344229415, -0.23945781760093657, 0.08807938415864248],
    predicted: [0, 1, 0, 0, 1, 0, 0, 1],
  },
  {
    ...{ name: 'three classes, weaker penalty', c: 10, labels: [0, 1, 2, 0, 1, 2, 0, 1] },
    weights: [
      [-1.7827048353807897, 2.5608104230792708],
      [1.7222954795792478, -2.5342265029298976],
      [0.06040935580154175, -0.026583920149372137],
    ],
    biases: [-0.12381451188385574, -0.7747361280378816, 0.8985506399217379],
    predicted: [0, 1, 2, 0, 1, 2, 0, 1],
  },
];

describe('logistic regression', () => {
  it.each(REFERENCES)('agrees with scikit-learn: $name', ({ c, labels, weights, biases, predicted }) => {
    const model = fitLogistic(POINTS, labels, new Set(labels).size, { c });
    expect(model.converged).toBe(true);
    // With two classes the first stays at zero.
    const first = model.weights.length - weights.length;
    for (const [k, row] of weights.entries()) {
      for (const [d, weight] of row.entries()) expect(model.weights[k + first]![d]).toBeCloseTo(weight, 5);
      expect(model.biases[k + first]).toBeCloseTo(biases[k]!, 5);
    }
    expect(POINTS.map((point) => predictLogistic(model, point))).toEqual(predicted);
  });

  it('solves a case by hand', () => {
    // x = -1 -> 0, x = 1 -> 1, c = 1: by symmetry no bias, and w solves w = 2 / (1 + exp(w)).
    const { weights, biases } = fitLogistic([vector(-1), vector(1)], [0, 1], 2);
    const w = weights[1]![0]!;
    expect(w).toBeCloseTo(2 / (1 + Math.exp(w)), 6);
    expect(biases[1]).toBeCloseTo(0, 6);
    expect(weights[0]).toEqual(new Float64Array(1));
  });

  it('without information predicts the frequent class, by its log-odds', () => {
    const model = fitLogistic(
      Array.from({ length: 4 }, () => vector(0, 0)),
      [1, 1, 1, 0],
      2,
    );
    expect(model.biases[1]).toBeCloseTo(Math.log(3), 5);
    expect(predictLogistic(model, vector(0, 0))).toBe(1);
  });
});

describe('probe', () => {
  const row = (label: string, x: number, y: number, tags: Partial<LabelledVector> = {}): LabelledVector => ({
    ...{ label, vector: vector(x, y), ...untagged },
    ...tags,
  });
  const train = [row('a', 0, 1), row('a', 0.1, 1), row('b', 1, 0), row('b', 1, 0.1)];

  it('fits on the train rows and counts on the test rows, by language', () => {
    const report = evaluateProbe(
      train,
      [row('a', 0.2, 1, { lang: 'en' }), row('b', 1, 0.2, { lang: 'en' }), row('b', 0, 0.9, { lang: 'zh' })],
      { c: 100 },
    );
    expect(report).toMatchObject({ classes: ['a', 'b'], trained: 4, unknownLabels: 0, converged: true });
    expect(report.overall.accuracy!.mean).toBeCloseTo(2 / 3, 12);
    // a: precision 1/2, recall 1; b: precision 1, recall 1/2: both F1 2/3.
    expect(report.overall.macroF1!.mean).toBeCloseTo(2 / 3, 12);
    expect(report.byLang.en).toMatchObject({ n: 2, accuracy: { mean: 1 }, macroF1: { mean: 1 } });
    expect(report.byLang.zh).toMatchObject({ n: 1, accuracy: { mean: 0 }, macroF1: { mean: 0 } });
  });

  it('counts a class that it has not seen as wrong', () => {
    const report = evaluateProbe(train, [row('a', 0, 1), row('c', 1, 0)], { c: 100 });
    expect(report).toMatchObject({ unknownLabels: 1, overall: { n: 2, accuracy: { mean: 0.5 } } });
    // a 1; b was predicted and never true: 0; c was never predicted: 0.
    expect(report.overall.macroF1!.mean).toBeCloseTo(1 / 3, 12);
  });

  it('leaves classes that neither are true nor predicted out of the mean', () => {
    const report = evaluateProbe([...train, row('d', -5, -5)], [row('a', 0, 1), row('b', 1, 0)], { c: 100 });
    expect(report.overall.macroF1!.mean).toBe(1);
  });

  it('refuses train rows of one class', () => {
    expect(() => evaluateProbe([row('a', 0, 1)], [row('a', 0, 1)])).toThrow('two classes or more, got 1');
  });
});
