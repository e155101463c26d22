import { DiscernError } from '../errors.ts';
import { wilson } from '../text/math.ts';
import type { Answer } from '../types.ts';
import type { GoldQuestion } from './data/dataset.ts';
import { said } from './metrics/by-name/answers.ts';
import { foundCount } from './metrics/gold.ts';
import { relevantCount } from './metrics/ir.ts';
import { docIdOf, type Search, searchesOf } from './metrics/observed.ts';
import { answerMetric } from './metrics/registry.ts';

/**
 * Retrieved is not answered: whether a relevant passage was there against whether the answer is right. One relevant
 * document in any of the question's searches counts as found.
 */
export interface AnsweredQuestion {
  readonly answer: Answer;
  readonly gold: GoldQuestion;
}

/** Where is looked: in the first topK, in the first topN, in what critics and gate left for the generator. */
export const ANSWERED_POINTS = ['recall', 'rerank', 'evidence'] as const;
export const ANSWERED_CELLS = ['retrievedRight', 'retrievedWrong', 'missedRight', 'missedWrong'] as const;
/** What can lose a relevant document; `retrieve`: there was no search at all. */
export const ANSWERED_STAGES = ['retrieve', 'recall', 'rerank', 'critics', 'gate'] as const;
export type AnsweredCell = (typeof ANSWERED_CELLS)[number];

/** A count among `n`, with the 95% interval of the share (Wilson). */
export interface Share {
  readonly count: number;
  readonly n: number;
  /** Null without any. So is the interval. */
  readonly share: number | null;
  readonly ci95: readonly [low: number, high: number] | null;
}

export interface AnsweredPoint extends Readonly<Record<AnsweredCell, number>> {
  readonly point: (typeof ANSWERED_POINTS)[number];
  /** Questions in the four cells. */
  readonly n: number;
  /** Questions left out: no document is judged relevant, or the metric is undefined. */
  readonly undefined: number;
  readonly shares: Readonly<Record<AnsweredCell, Share>>;
  /** Share of right answers where a relevant passage was there, and where none was. */
  readonly right: { readonly retrieved: Share; readonly missed: Share };
  /** How many of the wrong ones declined. */
  readonly declined: { readonly retrieved: number; readonly missed: number };
  /** Ids of the first questions of each cell. */
  readonly examples: Readonly<Record<AnsweredCell, readonly string[]>>;
}

export interface AnsweredExample {
  readonly question: string;
  readonly answers: readonly string[];
  /** Empty where it declined. */
  readonly said: string;
}

export interface AnsweredTable {
  readonly system: string;
  /** An answer is right where this metric is at least the threshold. */
  readonly metric: string;
  readonly threshold: number;
  readonly points: readonly AnsweredPoint[];
  /** Relevant documents of the questions that are counted: how many each stage left, and lost. */
  readonly flow: {
    readonly relevant: number;
    readonly stages: readonly {
      readonly stage: (typeof ANSWERED_STAGES)[number];
      readonly left: number;
      readonly lost: number;
    }[];
  };
  /** What the examples are, by their ids. */
  readonly questions: Readonly<Record<string, AnsweredExample>>;
}

export interface AnsweredOptions {
  /** When an answer is right: `contains` of at least 1 unless told. */
  readonly right?: { readonly metric: string; readonly threshold: number };
  /** Examples of each cell at most. */
  readonly examples?: number;
}

/** What is kept of one question; its trace is not. */
interface Seen extends AnsweredExample {
  readonly id: string;
  readonly right: boolean;
  readonly declined: boolean;
  readonly relevant: number;
  /** Relevant documents left by each stage, in order. */
  readonly left: readonly number[];
}

/** The place of a point among the stages. */
const STAGE_OF = { recall: 1, rerank: 2, evidence: 4 } as const;

/** Throws INPUT_INVALID for a metric that is not known or of which less is better. */
export function answeredTable(
  system: string,
  answered: Iterable<AnsweredQuestion>,
  { right = { metric: 'contains', threshold: 1 }, examples = 5 }: AnsweredOptions = {},
): AnsweredTable {
  const { of, better } = answerMetric(right.metric);
  if (better === 'lower')
    throw new DiscernError('INPUT_INVALID', `"${right.metric}" says not what is right: less of it is better`, {
      hint: 'name a metric of the answer, such as contains, em or f1',
    });
  const seen: Seen[] = [];
  let left = 0;
  for (const { answer, gold } of answered) {
    const value = of(answer, gold);
    const relevant = gold.relevant === null ? 0 : relevantCount(gold.relevant);
    if (value === null || relevant === 0) left += 1;
    else seen.push(seenOf(answer, gold, value >= right.threshold, relevant));
  }
  const points = ANSWERED_POINTS.map((point) => pointOf(point, seen, left, examples));
  const shown = new Set(points.flatMap((point) => ANSWERED_CELLS.flatMap((cell) => point.examples[cell])));
  return {
    ...{ system, ...right, points },
    flow: flowOf(seen),
    questions: Object.fromEntries(
      seen.flatMap(({ id, question, answers, said: text }) =>
        shown.has(id) ? [[id, { question, answers, said: text }] as const] : [],
      ),
    ),
  };
}

function seenOf(answer: Answer, gold: GoldQuestion, right: boolean, relevant: number): Seen {
  const { id, question, answers } = gold;
  const searches = searchesOf(answer);
  const documentsOf = (passages: readonly string[]) => [...new Set(passages)].map((id) => docIdOf(answer, id));
  const lists: readonly (keyof Search)[] = ['recalled', 'reranked', 'relevant', 'evidence'];
  return {
    ...{ id, question, right, relevant },
    answers: answers ?? [],
    said: said(answer),
    declined: answer.unanswered !== null,
    left: [
      searches.length === 0 ? 0 : relevant,
      ...lists.map((list) => foundCount(documentsOf(searches.flatMap((search) => search[list])), gold.relevant!)),
    ],
  };
}

const cellOf = (found: boolean, right: boolean): AnsweredCell =>
  found ? (right ? 'retrievedRight' : 'retrievedWrong') : right ? 'missedRight' : 'missedWrong';

const byCell = <T>(of: (cell: AnsweredCell) => T): Record<AnsweredCell, T> =>
  Object.fromEntries(ANSWERED_CELLS.map((cell) => [cell, of(cell)])) as Record<AnsweredCell, T>;

const shareOf = (count: number, n: number): Share =>
  n === 0 ? { count, n, share: null, ci95: null } : { count, n, share: count / n, ci95: wilson(count, n) };

function pointOf(point: AnsweredPoint['point'], seen: readonly Seen[], left: number, examples: number): AnsweredPoint {
  const members = byCell((): Seen[] => []);
  for (const one of seen) members[cellOf(one.left[STAGE_OF[point]]! > 0, one.right)].push(one);
  const counts = byCell((cell) => members[cell].length);
  const declined = (cell: AnsweredCell) => members[cell].filter((one) => one.declined).length;
  return {
    ...{ point, ...counts, n: seen.length, undefined: left },
    shares: byCell((cell) => shareOf(counts[cell], seen.length)),
    right: {
      retrieved: shareOf(counts.retrievedRight, counts.retrievedRight + counts.retrievedWrong),
      missed: shareOf(counts.missedRight, counts.missedRight + counts.missedWrong),
    },
    declined: { retrieved: declined('retrievedWrong'), missed: declined('missedWrong') },
    examples: byCell((cell) => members[cell].slice(0, examples).map(({ id }) => id)),
  };
}

function flowOf(seen: readonly Seen[]): AnsweredTable['flow'] {
  const relevant = seen.reduce((sum, one) => sum + one.relevant, 0);
  const left = ANSWERED_STAGES.map((_, i) => seen.reduce((sum, one) => sum + one.left[i]!, 0));
  return {
    relevant,
    stages: ANSWERED_STAGES.map((stage, i) => ({
      stage,
      left: left[i]!,
      lost: (i === 0 ? relevant : left[i - 1]!) - left[i]!,
    })),
  };
}
