import type { ReflectionKind } from '../../types.ts';
import { type AskedRequest, type Collection, type RecordedAnswer, subjectOf } from './collect.ts';
import type { KnownTexts, Leakable } from './leaks.ts';
import { type Placed, type Split, type SplitOptions, type Splitter, splitByDocument } from './split.ts';
import { type Target, type TargetOptions, targetOf } from './targets.ts';

export interface ExportOptions {
  readonly kinds: readonly ReflectionKind[];
  /** Rows whose teachers are less sure are left out, 0..1; what a person labelled stays. */
  readonly minConfidence: number;
  readonly target: TargetOptions;
  readonly split: SplitOptions;
  /** Nothing that stands in these texts is exported; null: there are none. */
  readonly known: KnownTexts | null;
}

export const LEFT_OUT = [
  'other kind',
  'question of an evaluation set',
  'passage of an evaluation set',
  'document and question on different sides',
  'not answered by the teacher',
  'undecided',
  'answered in place of a critic that failed',
  'not confident enough',
  'not in this format',
  'no answer',
  'not all tokens judged',
  'contradicted by the review',
  'the same again',
] as const;
export type LeftOut = (typeof LEFT_OUT)[number];

/** A request that goes into the export, with what is to be learnt of it. */
export interface ExportRow {
  readonly asked: AskedRequest;
  readonly target: Target;
  readonly split: Split;
}

export interface SelectedRows {
  readonly rows: readonly ExportRow[];
  readonly leftOut: ReadonlyMap<LeftOut, number>;
  /** Of all that may be learnt from, of any kind: the split does not depend on what else is asked for. */
  readonly splitter: Splitter;
}

const leakableOf = ({ request }: AskedRequest): Leakable => ({
  question: request.question,
  texts: 'passage' in request ? [request.passage.text] : [],
  written: [subjectOf(request)],
});

const placedOf = ({ request, docIds }: AskedRequest): Placed => ({
  question: request.question,
  parts:
    'passage' in request
      ? [{ docIds: [...docIds], text: request.passage.text }]
      : [...docIds].map((docId) => ({ docIds: [docId], text: null })),
});

/** What an answer holds: its question, its passages, and what was written from them. */
export function answerTexts({ question, segments }: RecordedAnswer): Leakable & Placed {
  const passages = segments.flatMap(({ passage }) => passage ?? []);
  return {
    question,
    parts: passages.map(({ docId, text }) => ({ docIds: [docId], text })),
    texts: passages.map(({ text }) => text),
    written: segments.map(({ text }) => text),
  };
}

/** Counts by key, in the order in which they were first seen. */
export function tally<T>(keys: Iterable<T>): Map<T, number> {
  const counts = new Map<T, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** Requests that a person may be asked about: none of an evaluation set. */
export const reviewable = (
  { asked }: Pick<Collection, 'asked'>,
  { kinds, known, target }: Pick<ExportOptions, 'kinds' | 'known' | 'target'>,
): { readonly asked: AskedRequest; readonly target: Target }[] =>
  [...asked.values()]
    .filter((one) => kinds.includes(one.request.kind) && !known?.leakOf(leakableOf(one)))
    .map((one) => ({ asked: one, target: targetOf(one, target) }));

/** What of a collection is exported, on which side of the split, and why the rest is not. */
export function selectRows(
  { asked, answers }: Pick<Collection, 'asked' | 'answers'>,
  options: ExportOptions,
): SelectedRows {
  const reasons: LeftOut[] = [];
  const free = [...asked.values()].filter((one) => {
    const leak = options.known?.leakOf(leakableOf(one)) ?? null;
    if (leak !== null) reasons.push(`${leak} of an evaluation set`);
    return leak === null;
  });
  const freeAnswers = answers.map(answerTexts).filter((texts) => !options.known?.leakOf(texts));
  const splitter = splitByDocument([...free.map(placedOf), ...freeAnswers], options.split);
  const rows = free.flatMap((one): ExportRow[] => {
    const target = targetOf(one, options.target);
    const split = splitter.of(placedOf(one));
    const reason = reasonAgainst(one, target, split, options);
    if (reason === null) return [{ asked: one, target, split: split! }];
    reasons.push(reason);
    return [];
  });
  return { rows, leftOut: tally(reasons), splitter };
}

function reasonAgainst(
  asked: AskedRequest,
  target: Target,
  split: Split | null,
  { kinds, minConfidence }: ExportOptions,
): LeftOut | null {
  if (!kinds.includes(asked.request.kind)) return 'other kind';
  if (split === null) return 'document and question on different sides';
  if (target.probs === null) {
    if (asked.teachers.size > 0) return 'not answered by the teacher';
    return asked.standIns.size > 0 ? 'answered in place of a critic that failed' : 'undecided';
  }
  return target.confidence < minConfidence ? 'not confident enough' : null;
}
