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
  readonly ms: number;
}

export const passageFor = ({ passage: text, title }: Pick<QaRow, 'passage' | 'title'>): Passage => ({
  ...{ id: keyOf(text), docId: 'row', text, title, span: { start: 0, end: text.length } },
  ...{ page: null, heading: null, metadata: {} },
});
