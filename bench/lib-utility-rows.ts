/** Labelled contexts as rows of measures, and their figures with intervals by passage. */
import { readFile } from 'node:fs/promises';
import { GATE_FEATURES } from '../src/config/gate.ts';
import { bootstrap } from '../src/evaluate/metrics/bootstrap.ts';
import { pearson } from '../src/evaluate/metrics/correlation.ts';
import { rocAuc } from '../src/evaluate/metrics/critics.ts';
import type { MeanInterval } from '../src/evaluate/metrics/mean.ts';
import type { GateFeatures } from '../src/types.ts';
import { random, shuffle } from './lib-fit.ts';
import type { Judged } from './lib-utility.ts';
import { gateMeasuresOf, type SameText, sameTexts, seperOf } from './lib-utility-measures.ts';

/** Every column of the utility table. SePer needs the references; the others are what the gate can see. */
export const COLUMNS = [
  'deltaSoft',
  'deltaHard',
  'deltaAlike',
  'entropyReduction',
  'pseudoSeper',
  'disagreement',
  'closedBookDoubt',
  'supported',
  'isRel',
  'rerank',
  'recall',
  'rougeL',
] as const;
export type Column = (typeof COLUMNS)[number];

export interface Question {
  readonly row: Judged;
  readonly same: SameText;
  readonly dataset: string;
}

export async function readJudged(dataset: string, path: string): Promise<Question[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const row = JSON.parse(line) as Judged;
    return { row, same: sameTexts(row), dataset };
  });
}

/** One context of one question, measured with some of its samples. */
export interface ContextRow {
  readonly dataset: string;
  readonly passage: string;
  readonly split: string | null;
  readonly context: string;
  readonly features: GateFeatures;
  readonly entropyWithout: number | null;
  readonly columns: Readonly<Record<Column, number>>;
  /** F1 of the greedy answer with and without the context. */
  readonly f1With: number;
  readonly f1Without: number;
  /** Mean F1 of the samples, by weight, with minus without. */
  readonly expectedGain: number;
}

export const samplesOf = ({ row }: Question): number => row.contexts.none!.ids.length;

/** `places(n)` are the samples that count, of `n`; the same ones of both conditions. */
export function contextRows(
  questions: readonly Question[],
  names: readonly string[] | null,
  places: (samples: number, question: number) => readonly number[],
): ContextRow[] {
  return questions.flatMap((question, q) => {
    const { row, same, dataset } = question;
    const chosen = places(samplesOf(question), q);
    const base = seperOf(row, same, 'none', chosen);
    return Object.keys(row.contexts)
      .filter((name) => name !== 'none' && (names === null || names.includes(name)))
      .map((name): ContextRow => {
        const { features, entropy } = gateMeasuresOf(row, same, name, chosen);
        const seper = seperOf(row, same, name, chosen);
        const context = row.contexts[name]!;
        const known = (value: number | null) => value ?? 0;
        return {
          ...{ dataset, passage: row.passage, split: row.split, context: name, features },
          entropyWithout: entropy.without,
          columns: {
            deltaSoft: seper.soft - base.soft,
            deltaHard: seper.hard - base.hard,
            deltaAlike: seper.alike - base.alike,
            entropyReduction: known(features.entropyReduction),
            pseudoSeper: known(features.pseudoSeper),
            disagreement: known(features.disagreement),
            closedBookDoubt: known(features.closedBookDoubt),
            supported: known(features.supported),
            isRel: known(features.isRel),
            rerank: known(features.rerank),
            recall: known(features.recall),
            rougeL: context.rougeL,
          },
          ...{ f1With: context.f1, f1Without: row.contexts.none!.f1, expectedGain: seper.f1 - base.f1 },
        };
      });
  });
}

/** The first `count` samples, or as many as there are. */
export const firstOf = (count: number) => (samples: number) =>
  Array.from({ length: Math.min(count, samples) }, (_, i) => i);

/** `count` of the samples, drawn anew for each question. */
export const someOf = (count: number, seed: number) => (samples: number, question: number) =>
  shuffle(
    Array.from({ length: samples }, (_, i) => i),
    random(seed * 100_003 + question),
  ).slice(0, count);

export const gainOf = ({ f1With, f1Without }: ContextRow): number => f1With - f1Without;
export const isGold = ({ context }: ContextRow): boolean => context === 'gold';

/** AUROC against "the gold passage" and against "F1 rises" (ties left out), and correlations; by a score of each row. */
export function figuresOf(rows: readonly ContextRow[], score: (row: ContextRow) => number) {
  const decided = rows.filter((row) => gainOf(row) !== 0);
  return {
    gold: rocAuc(
      rows.map((row) => Number(isGold(row))),
      rows.map(score),
    ),
    gain: rocAuc(
      decided.map((row) => Number(gainOf(row) > 0)),
      decided.map(score),
    ),
    pearsonGold: pearson(
      rows.map(score),
      rows.map((row) => Number(isGold(row))),
    ),
    pearsonGain: pearson(rows.map(score), rows.map(gainOf)),
  };
}

export type Interval = MeanInterval | null;

/** Figures with intervals over passages: all contexts and questions of one are drawn together. */
export function byPassage<K extends string>(
  rows: readonly ContextRow[],
  measure: (rows: readonly ContextRow[]) => Readonly<Record<K, number | null>>,
  seed = 1,
  rounds = 1000,
): Record<K, Interval> {
  const groups = new Map<string, ContextRow[]>();
  for (const row of rows) groups.set(row.passage, [...(groups.get(row.passage) ?? []), row]);
  const lists = [...groups.values()];
  return bootstrap([lists.length], seed, ([places]) => measure(places!.flatMap((place) => lists[place]!)), rounds);
}

export const FEATURES = GATE_FEATURES;
