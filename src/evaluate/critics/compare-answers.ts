import { containsGold, tokenF1 } from '../metrics/answers.ts';
import { bootstrap } from '../metrics/bootstrap.ts';
import { VARIANTS, type Variant } from './compare-decisions.ts';
import { type Figure, meanOf } from './compare-states.ts';

/** An answer given again, and what it took. */
export interface ReplayedAnswer {
  /** Its words, without citation marks. */
  readonly text: string;
  readonly answered: boolean;
  /** Calls to the critic that was put in place, and requests in them. */
  readonly calls: number;
  readonly critiques: number;
  /** Requests to all models. */
  readonly requests: number;
}

/** A question answered with A and with B. Null: the answer would need what was never asked. */
export interface SwappedAnswer {
  readonly golds: readonly string[] | null;
  readonly a: ReplayedAnswer | null;
  /** Without the thresholds that B does not have. */
  readonly b: Readonly<Partial<Record<Variant, ReplayedAnswer | null>>>;
}

export interface Paired {
  readonly a: Figure;
  readonly b: Figure;
  /** B - A. */
  readonly gain: Figure;
}

/** Means over the questions that both have an answer to; one that is declined counts 0 in `gold` and `f1`. */
export interface AnswerFigures {
  readonly covered: number;
  /** Share of answers with other words. */
  readonly changed: Figure;
  readonly answered: Paired;
  /** A gold answer stands in the answer; F1 of its words. Null without gold answers. */
  readonly gold: Paired;
  readonly f1: Paired;
  readonly calls: Paired;
  readonly critiques: Paired;
  readonly requests: Paired;
}

export interface AnswerEffect {
  readonly questions: number;
  /** Questions that A has an answer to. */
  readonly covered: number;
  readonly variants: Readonly<Partial<Record<Variant, AnswerFigures>>>;
}

type Both = readonly [a: ReplayedAnswer, b: ReplayedAnswer, golds: readonly string[] | null];

/** What becomes of the answers where B takes the place of A. */
export function compareAnswers(answers: readonly SwappedAnswer[], seed: number): AnswerEffect {
  const variants = VARIANTS.filter((name) => answers.some(({ b }) => b[name] !== undefined));
  return {
    questions: answers.length,
    covered: answers.filter(({ a }) => a !== null).length,
    variants: Object.fromEntries(
      variants.map((name) => {
        const both = answers.flatMap(({ a, b, golds }): Both[] => (a && b[name] ? [[a, b[name], golds]] : []));
        return [name, figuresOf(both, seed)];
      }),
    ),
  };
}

function figuresOf(both: readonly Both[], seed: number): AnswerFigures {
  const { answered, calls, critiques, requests } = paired(
    both,
    {
      answered: (one) => (one.answered ? 1 : 0),
      calls: (one) => one.calls,
      critiques: (one) => one.critiques,
      requests: (one) => one.requests,
    },
    seed,
  );
  const labelled = both.filter(([, , golds]) => golds !== null);
  const { gold, f1 } = paired(
    labelled,
    {
      gold: (one, golds) => (one.answered ? containsGold(one.text, golds) : 0),
      f1: (one, golds) => (one.answered ? tokenF1(one.text, golds) : 0),
    },
    seed,
  );
  const { changed } = bootstrap([both.length], seed, ([places]) => ({
    changed: meanOf(places!.map((place) => (isChanged(both[place]!) ? 1 : 0))),
  }));
  return { covered: both.length, ...{ changed, answered, gold, f1, calls, critiques, requests } };
}

/** Means of A, of B, and of their difference. */
function paired<K extends string>(
  rows: readonly Both[],
  measures: Readonly<Record<K, (answer: ReplayedAnswer, golds: readonly string[]) => number>>,
  seed: number,
): Record<K, Paired> {
  const names = Object.keys(measures) as K[];
  const values = rows.map(([a, b, golds]) =>
    names.map((name) => [measures[name](a, golds ?? []), measures[name](b, golds ?? [])] as const),
  );
  const figures = bootstrap([rows.length], seed, ([places]) =>
    Object.fromEntries(
      names.flatMap((name, i) => {
        const a = meanOf(places!.map((place) => values[place]![i]![0]));
        const b = meanOf(places!.map((place) => values[place]![i]![1]));
        return [
          [`${name} a`, a],
          [`${name} b`, b],
          [`${name} gain`, a === null || b === null ? null : b - a],
        ];
      }),
    ),
  );
  const sides = names.map((name) => [
    name,
    { a: figures[`${name} a`]!, b: figures[`${name} b`]!, gain: figures[`${name} gain`]! },
  ]);
  return Object.fromEntries(sides) as Record<K, Paired>;
}

const isChanged = ([a, b]: Both): boolean => a.answered !== b.answered || a.text !== b.text;
