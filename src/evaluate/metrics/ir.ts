import { DiscernError } from '../../errors.ts';

/**
 * Ranking metrics by the conventions of trec_eval (pytrec_eval): an ordered list of ids against graded judgements.
 * Each is 0 where nothing was returned or nothing is relevant. A repeated id counts at its first place only.
 */

/** Judgements of one query: id -> grade. What is not judged is not relevant, and a grade below 0 gives no gain. */
export type Grades = ReadonlyMap<string, number>;

export interface IrOptions {
  /** The lowest grade that counts as relevant; nDCG goes by the grades themselves. */
  readonly relevanceLevel: number;
}

export type IrMeasure = (ranked: readonly string[], grades: Grades, options?: IrOptions) => number;
type CutMeasure = (ranked: readonly string[], grades: Grades, options: IrOptions, k: number) => number;

const DEFAULTS: IrOptions = { relevanceLevel: 1 };
const isRelevant = (id: string, grades: Grades, { relevanceLevel }: IrOptions): boolean =>
  (grades.get(id) ?? Number.NEGATIVE_INFINITY) >= relevanceLevel;

/** How many of the judged are relevant. */
export const relevantCount = (grades: Grades, { relevanceLevel } = DEFAULTS): number =>
  [...grades.values()].filter((grade) => grade >= relevanceLevel).length;

const hits: CutMeasure = (ranked, grades, options, k) =>
  ranked.slice(0, k).filter((id) => isRelevant(id, grades, options)).length;

/** Divides by k, also where fewer were returned. */
const precision: CutMeasure = (ranked, grades, options, k) => hits(ranked, grades, options, k) / k;

/** Divides by all that are relevant. */
const recall: CutMeasure = (ranked, grades, options, k) =>
  hits(ranked, grades, options, k) / Math.max(1, relevantCount(grades, options));

const hit: CutMeasure = (ranked, grades, options, k) => (hits(ranked, grades, options, k) > 0 ? 1 : 0);

const reciprocalRank: CutMeasure = (ranked, grades, options, k) => {
  const rank = ranked.slice(0, k).findIndex((id) => isRelevant(id, grades, options)) + 1;
  return rank === 0 ? 0 : 1 / rank;
};

/** Sum of the precisions at each relevant one, divided by all that are relevant, not by the smaller of them and k. */
const averagePrecision: CutMeasure = (ranked, grades, options, k) => {
  let found = 0;
  let sum = 0;
  for (const [index, id] of ranked.slice(0, k).entries())
    if (isRelevant(id, grades, options)) sum += ++found / (index + 1);
  return sum / Math.max(1, relevantCount(grades, options));
};

const dcg = (gains: readonly number[], k: number): number =>
  gains.slice(0, k).reduce((sum, gain, index) => sum + gain / Math.log2(index + 2), 0);

/** The ideal order is that of all judged documents of the query, cut at k. */
const ndcgWith =
  (gain: (grade: number) => number): CutMeasure =>
  (ranked, grades, _, k) => {
    const gainOf = (grade: number | undefined) => (grade === undefined || grade <= 0 ? 0 : gain(grade));
    const ideal = dcg(
      [...grades.values()].map(gainOf).sort((a, b) => b - a),
      k,
    );
    return ideal === 0
      ? 0
      : dcg(
          ranked.map((id) => gainOf(grades.get(id))),
          k,
        ) / ideal;
  };

/** Every metric by its name. `mrr` and `map` are the names of the means; `hit` is what some call recall@k. */
const MEASURES: Readonly<Record<string, { readonly at: CutMeasure; readonly needsCut: boolean }>> = {
  precision: { at: precision, needsCut: true },
  recall: { at: recall, needsCut: true },
  hit: { at: hit, needsCut: true },
  rr: { at: reciprocalRank, needsCut: false },
  mrr: { at: reciprocalRank, needsCut: false },
  ap: { at: averagePrecision, needsCut: false },
  map: { at: averagePrecision, needsCut: false },
  /** Gain = grade. */
  ndcg: { at: ndcgWith((grade) => grade), needsCut: false },
  /** Gain = 2^grade - 1. */
  ndcgExp: { at: ndcgWith((grade) => 2 ** grade - 1), needsCut: false },
};

/** The metric of a name such as `ndcg@10`, `hit@5` or `map`; without `@k` it takes the whole list. */
export function metricOf(name: string): IrMeasure {
  const [, base = '', cut] = /^([a-zA-Z]+)(?:@([1-9]\d*))?$/.exec(name) ?? [];
  const measure = Object.hasOwn(MEASURES, base) ? MEASURES[base] : undefined;
  if (measure === undefined || (measure.needsCut && cut === undefined))
    throw new DiscernError('INPUT_INVALID', `metric "${name}" is not known; known: ${metricNames().join(', ')}`);
  const k = cut === undefined ? Number.POSITIVE_INFINITY : Number(cut);
  return (ranked, grades, options = DEFAULTS) => measure.at([...new Set(ranked)], grades, options, k);
}

/** The names that `metricOf` knows, with `@k` where the cut must be given. */
export const metricNames = (): string[] =>
  Object.entries(MEASURES).map(([name, { needsCut }]) => (needsCut ? `${name}@k` : `${name}[@k]`));
