import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isRelFigures,
  isRelIntervals,
  type RelevanceObservation,
  relevanceObservations,
} from '../../src/evaluate/metrics/pooled.ts';
import { answerMetric, answerMetricNames } from '../../src/evaluate/metrics/registry.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import type { Answer } from '../../src/types.ts';
import { answerWith, askTower, goldOf, partsOfTower, searchEvents } from './metrics-registry-fixtures.ts';

const base = await askTower();
const IR = ['precision@3', 'recall@3', 'hit@3', 'mrr', 'map', 'ndcg', 'ndcg@3', 'ndcgExp@3'];
const value = (name: string, answer: Answer, relevant: ReadonlyMap<string, number>) =>
  answerMetric(name).of(answer, goldOf({ relevant }))!;

/** Passages with the grade of each one's document, in the order of recall, and how many are kept after rerank. */
const Ranked = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,3}$/), fc.integer({ min: 0, max: 3 })), {
    selector: ([id]) => id,
    minLength: 1,
    maxLength: 8,
  })
  .chain((rows) => fc.tuple(fc.constant(rows), fc.integer({ min: 1, max: rows.length }), fc.shuffledSubarray(rows)));

type Rows = readonly (readonly [id: string, grade: number])[];
const idsOf = (rows: Rows): string[] => rows.map(([id]) => id);
const gradesOf = (rows: Rows) => new Map(rows.map(([id, grade]) => [`of-${id}`, grade]));
const byGrade = (rows: Rows): Rows => [...rows].sort(([, a], [, b]) => b - a);
const ranked = (recalled: Rows, kept: Rows): Answer =>
  answerWith(base, searchEvents(idsOf(recalled), idsOf(kept)), idsOf(recalled));

describe('ranking metrics by name', () => {
  it('lie in 0..1, lift in -1..1, and lift is after minus before on the same candidates', () => {
    fc.assert(
      fc.property(Ranked, ([rows, , kept]) => {
        const grades = gradesOf(rows);
        const answer = ranked(rows, kept);
        const after = ranked([...kept, ...rows.filter((row) => !kept.includes(row))], []);
        for (const ir of IR) {
          const [before, lift] = [value(`recall.${ir}`, answer, grades), value(`lift.${ir}`, answer, grades)];
          for (const one of [before, value(`rerank.${ir}`, answer, grades)]) {
            expect(one, ir).toBeGreaterThanOrEqual(0);
            expect(one, ir).toBeLessThanOrEqual(1 + 1e-12);
          }
          expect(before + lift, ir).toBeCloseTo(value(`recall.${ir}`, after, grades), 12);
        }
      }),
    );
  });

  it('the ideal order has nDCG 1 and no lift below 0; the order of recall has lift 0', () => {
    fc.assert(
      fc.property(Ranked, ([rows, topN]) => {
        const grades = gradesOf(rows);
        const ideal = ranked(rows, byGrade(rows).slice(0, topN));
        const best = rows.some(([, grade]) => grade > 0) ? 1 : 0;
        expect(value(`rerank.ndcg@${topN}`, ideal, grades)).toBeCloseTo(best, 12);
        const same = ranked(rows, rows.slice(0, topN));
        for (const ir of IR) {
          expect(value(`lift.${ir}`, ideal, grades), ir).toBeGreaterThanOrEqual(-1e-12);
          expect(value(`lift.${ir}`, same, grades), ir).toBe(0);
        }
      }),
    );
  });

  it('to swap documents of one grade changes nothing', () => {
    fc.assert(
      fc.property(Ranked, fc.nat(), fc.nat(), ([rows, topN], a, b) => {
        const [i, j] = [a % rows.length, b % rows.length];
        fc.pre(rows[i]![1] === rows[j]![1]);
        const swapped = rows.map((row, at) => (at === i ? rows[j]! : at === j ? rows[i]! : row));
        for (const ir of IR)
          for (const stage of ['recall', 'rerank', 'lift'])
            expect(value(`${stage}.${ir}`, ranked(swapped, swapped.slice(0, topN)), gradesOf(rows))).toBeCloseTo(
              value(`${stage}.${ir}`, ranked(rows, rows.slice(0, topN)), gradesOf(rows)),
              12,
            );
      }),
    );
  });

  it('further passages of documents that were found change nothing', () => {
    fc.assert(
      fc.property(Ranked, fc.nat(), ([rows], a) => {
        const ids = idsOf(rows);
        const again = ids[a % ids.length]!;
        const plain = answerWith(base, searchEvents(ids, ids), ids);
        const more = [...ids, 'again'];
        const twice = answerWith(base, searchEvents(more, more), more, (id) => `of-${id === 'again' ? again : id}`);
        for (const ir of IR)
          expect(value(`rerank.${ir}`, twice, gradesOf(rows))).toBe(value(`rerank.${ir}`, plain, gradesOf(rows)));
      }),
    );
  });
});

describe('answer metrics by name', () => {
  const Words = fc.array(fc.constantFrom('tower', 'rye', '1902', 'built', '塔', '年'), { minLength: 1, maxLength: 6 });

  it('lie in 0..1; a gold answer has 1 in all; em is no more than f1 and contains', async () => {
    await fc.assert(
      fc.asyncProperty(
        Words,
        fc.array(Words, { maxLength: 3 }),
        fc.constantFrom('en', 'zh', null),
        async (...drawn) => {
          const [said, others, lang] = drawn;
          const text = said.join(' ');
          const answer = await askTower({}, partsOfTower({ withContext: scriptedGenerator(() => [text]) }));
          const of = (name: string, answers: readonly string[]) =>
            answerMetric(name).of(answer, goldOf({ answers, lang }));
          const golds = others.map((words) => words.join(' '));
          for (const name of ['f1', 'em', 'contains']) expect(of(name, [...golds, text]), name).toBe(1);
          if (lang !== 'en' || /[a-z0-9]/.test(text)) expect(of('rouge-l', [...golds, text])).toBeCloseTo(1, 12);
          fc.pre(golds.length > 0);
          const [f1, em, contains, rouge] = ['f1', 'em', 'contains', 'rouge-l'].map((name) => of(name, golds)!);
          for (const one of [f1!, em!, contains!, rouge!]) {
            expect(one).toBeGreaterThanOrEqual(0);
            expect(one).toBeLessThanOrEqual(1);
          }
          expect(em!).toBeLessThanOrEqual(Math.min(f1!, contains!));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('all metrics', () => {
  it('change nothing that they are given', () => {
    const freeze = <T>(given: T): T => {
      if (typeof given === 'object' && given !== null && !Object.isFrozen(given)) {
        Object.freeze(given);
        Object.values(given).forEach(freeze);
      }
      return given;
    };
    const frozen = freeze(structuredClone(base));
    for (const pattern of answerMetricNames()) {
      const name = pattern.replace('[@k]', '').replace('@k', '@5');
      expect(answerMetric(name).of(frozen, goldOf()), name).toBe(answerMetric(name).of(base, goldOf()));
    }
  });
});

describe('IsREL over the passages of many questions', () => {
  const rows = (...given: readonly (readonly [p: number, kept: boolean, relevant: boolean])[]) =>
    given.map(([p, kept, relevant]): RelevanceObservation => ({ p, kept, relevant }));

  it('has the figures counted by hand', () => {
    const figures = isRelFigures(rows([0.9, true, true], [0.8, true, false], [0.4, false, true], [0.1, false, false]));
    // Pairs of a relevant and an irrelevant one: .9 over .8 and .1, .4 over .1 but not .8: 3 of 4.
    expect(figures.auroc).toBe(0.75);
    expect(figures.brier).toBeCloseTo((0.01 + 0.64 + 0.36 + 0.01) / 4, 12);
    // Each in a bin of its own.
    expect(figures.ece).toBeCloseTo((0.1 + 0.8 + 0.6 + 0.1) / 4, 12);
    expect([figures.accuracy, figures.macroF1, figures.n]).toEqual([0.5, 0.5, 4]);
  });

  it('macro F1 is the mean over both sides: of 2 of 3 kept and 1 of 1 dropped rightly, 4/5 and 2/3', () => {
    const figures = isRelFigures(rows([0.9, true, true], [0.9, true, true], [0.9, true, false], [0.1, false, false]));
    expect(figures.macroF1).toBeCloseTo((4 / 5 + 2 / 3) / 2, 12);
    expect(figures.accuracy).toBe(0.75);
  });

  it('is undefined where there is nothing to tell apart', () => {
    expect(isRelFigures([])).toEqual({ auroc: null, ece: null, brier: null, accuracy: null, macroF1: null, n: 0 });
    const one = isRelFigures(rows([0.75, true, true], [0.5, false, true]));
    expect([one.auroc, one.accuracy, one.n]).toEqual([null, 0.5, 2]);
    expect(one.brier).toBeCloseTo((0.0625 + 0.25) / 2, 12);
  });

  it('has intervals over questions: none where each question says the same', () => {
    const same = rows([0.9, true, true], [0.2, false, false], [0.6, true, false]);
    const equal = isRelIntervals([same, same, same], 7);
    expect(equal.accuracy).toEqual({ mean: 2 / 3, ci95: [2 / 3, 2 / 3], n: 3 });
    expect(equal.auroc).toEqual({ mean: 1, ci95: [1, 1], n: 3 });
    const mixed = isRelIntervals([same, rows([0.1, false, true]), rows([0.3, false, false])], 7);
    expect(mixed.accuracy!.mean).toBe(
      isRelFigures([...same, ...rows([0.1, false, true], [0.3, false, false])]).accuracy,
    );
    expect(mixed.accuracy!.ci95).toEqual([0, 1]);
    expect(isRelIntervals([], 7).brier).toBeNull();
  });

  it('takes what the critic judged in the first search, and nothing where nobody judged the question', async () => {
    const four = await askTower({ isRel: { threshold: 0.25 }, rerank: { topN: 4 } });
    const found = relevanceObservations(four, goldOf());
    expect(found).toEqual(rows([0.9, true, true], [0.4, true, true], [0.3, true, false], [0.2, false, true]));
    expect(relevanceObservations(four, goldOf({ relevant: null }))).toEqual([]);
    expect(relevanceObservations(await askTower({}, partsOfTower({ critics: {} })), goldOf())).toEqual([]);
  });

  it('AUROC is that of the order alone; all are in 0..1; the order of the passages does not matter', () => {
    const Observation = fc
      .tuple(fc.integer({ min: 0, max: 100 }), fc.boolean(), fc.boolean())
      .map(([p, kept, relevant]): RelevanceObservation => ({ p: p / 100, kept, relevant }));
    fc.assert(
      fc.property(fc.array(Observation, { minLength: 1, maxLength: 20 }), (observations) => {
        const { n, ...figures } = isRelFigures(observations);
        expect(n).toBe(observations.length);
        for (const figure of Object.values(figures))
          if (figure !== null) expect(figure >= 0 && figure <= 1 + 1e-12).toBe(true);
        expect(isRelFigures(observations.map((one) => ({ ...one, p: one.p / 2 + 0.1 }))).auroc).toBe(figures.auroc);
        const opposite = isRelFigures(observations.map((one) => ({ ...one, p: 1 - one.p }))).auroc;
        if (figures.auroc !== null) expect(opposite).toBeCloseTo(1 - figures.auroc, 12);
        const back = isRelFigures([...observations].reverse());
        expect(back.accuracy).toBe(figures.accuracy);
        expect(back.ece).toBeCloseTo(figures.ece!, 12);
      }),
    );
  });
});
