/** What the utility bench keeps of a question. */
import type { SampledAnswer } from '../src/contracts.ts';
import { keyOf } from '../src/text/hash.ts';
import type { Passage } from '../src/types.ts';
import type { QaRow } from './lib-qa.ts';

export interface Collected {
  readonly question: string;
  readonly answers: readonly string[];
  readonly split: string | null;
  readonly model: string;
  readonly temperature: number;
  readonly contexts: Readonly<Record<string, readonly Passage[]>>;
  /** By context; `none` is the model alone. */
  readonly samples: Readonly<Record<string, readonly SampledAnswer[]>>;
  /** The greedy answer of each: what a user would be given. */
  readonly likeliest: Readonly<Record<string, SampledAnswer>>;
  readonly ms: number;
}

export const passageFor = ({ passage: text, title }: Pick<QaRow, 'passage' | 'title'>): Passage => ({
  ...{ id: keyOf(text), docId: 'row', text, title, span: { start: 0, end: text.length } },
  ...{ page: null, heading: null, metadata: {} },
});

/** What models say of one condition; numbers only. */
export interface JudgedContext {
  /** The text of each sample. */
  readonly ids: readonly number[];
  /** Null for an empty answer. */
  readonly logLikelihoods: readonly (number | null)[];
  /** By text: P(fully supported) by the passage that supports it most. */
  readonly support: Readonly<Record<string, number>>;
  /** By passage. */
  readonly isRel: readonly number[];
  readonly rerank: readonly number[];
  readonly recall: readonly number[];
  /** Of the greedy answer. */
  readonly f1: number;
  readonly rougeL: number;
}

export interface Judged {
  readonly id: string;
  /** The gold passage: questions of one stay together in folds and in the bootstrap. */
  readonly passage: string;
  readonly split: string | null;
  readonly model: string;
  readonly temperature: number;
  readonly golds: number;
  /** By text, against each reference. */
  readonly texts: readonly {
    readonly soft: readonly number[];
    readonly nli: readonly (readonly (readonly number[])[])[];
    readonly alike: readonly number[];
    readonly f1: number;
    readonly rougeL: number;
  }[];
  /** Pairs of texts that mean the same, smaller number first. */
  readonly same: readonly (readonly [number, number])[];
  readonly contexts: Readonly<Record<string, JudgedContext>>;
}
