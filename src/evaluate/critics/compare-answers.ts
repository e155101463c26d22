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
  const paired = (
    rows: readonly Both[],
    value: (answer: ReplayedAnswer, golds: readonly string[]) => number,
  ): Paired => {
    const values = rows.map(([a, b, golds]) => [value(a, golds ?? []), value(b, golds ?? [])] as const);
    return bootstrap([rows.length], seed, ([places]) => {
      const a = meanOf(places!.map((place) => values[place]![0]));
      const b = meanOf(places!.map((place) => values[place]![1]));
      return { a, b, gain: a === null || b === null ? null : b - a };
    });
  };
  const labelled = both.filter(([, , golds]) => golds !== null);
  return {
    covered: both.length,
    changed: bootstrap([both.length], seed, ([places]) => ({
      changed: meanOf(places!.map((place) => (isChanged(both[place]!) ? 1 : 0))),
    })).changed,
    answered: paired(both, ({ answered }) => (answered ? 1 : 0)),
    gold: paired(labelled, ({ answered, text }, golds) => (answered ? containsGold(text, golds) : 0)),
    f1: paired(labelled, ({ answered, text }, golds) => (answered ? tokenF1(text, golds) : 0)),
    calls: paired(both, ({ calls }) => calls),
    critiques: paired(both, ({ critiques }) => critiques),
    requests: paired(both, ({ requests }) => requests),
  };
}

const isChanged = ([a, b]: Both): boolean => a.answered !== b.answered || a.text !== b.text;
