import type { Grades } from '../metrics/ir.ts';

/** A question, and what a right answer to it is. */
export interface GoldQuestion {
  readonly id: string;
  readonly question: string;
  /** Each of them is right; none: the documents have no answer, and declining is right; null: nobody said. */
  readonly answers: readonly string[] | null;
  /** Grades of the documents (by docId) that should be found; null where nobody judged. */
  readonly relevant: Grades | null;
  /** What it must not be parted from when questions are split, such as its source document; null: itself alone. */
  readonly group: string | null;
  /** BCP 47, such as `en` or `zh`; null where unknown. */
  readonly lang: string | null;
}

/** A document as a dataset brings it. */
export interface GoldDocument {
  readonly id: string;
  readonly title: string | null;
  readonly text: string;
}

export interface Dataset {
  readonly name: string;
  readonly questions: readonly GoldQuestion[];
  /** Null: it brings none, and an index made from them is given. */
  readonly documents: readonly GoldDocument[] | null;
  /** Of the files that it was read from. */
  readonly sha256: string;
}

/** The group of a question where data is split. */
export const groupOf = ({ group, id }: GoldQuestion): string => group ?? id;

/** What the rows of one source come to, before anything is left out. */
export type DatasetContent = Pick<Dataset, 'questions' | 'documents'>;
