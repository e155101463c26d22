import { DECISION_PROMPTS, questionOf, stateOf, systemOneQuestion } from '../../prompts/decision-questions.ts';
import { LABEL_PROMPTS, valuesOf } from '../../prompts/label-prompts.ts';
import { getPrompt, renderPrompt } from '../../prompts.ts';
import { asData, wellFormed } from '../../text/as-data.ts';
import type { CritiqueRequest, ReflectionKind } from '../../types.ts';
import { type Probs, subjectOf } from './collect.ts';
import type { ExportRow } from './rows.ts';
import { labelsOf } from './targets.ts';

export const FORMATS = ['pairs', 'selfrag', 'chat', 'decisions'] as const;
export type ExportFormat = (typeof FORMATS)[number];

const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
const roundedProbs = (probs: Probs): Probs =>
  Object.fromEntries(Object.entries(probs).map(([label, p]) => [label, rounded(p)]));

/** Everything that is known of a row: what each format is made of. */
export function fullRow({ asked, target, split }: ExportRow): Readonly<Record<string, unknown>> {
  const { id, request, docIds, sources, isSentence } = asked;
  const of = <T>(value: (said: { probs: Probs; raw?: Probs; mass: number }) => T | undefined) =>
    Object.fromEntries(
      [...target.teachers].flatMap(([name, said]) => (value(said) === undefined ? [] : [[name, value(said)]])),
    );
  return {
    ...{ id, kind: request.kind, question: request.question },
    ...('passage' in request && { passage: passageFields(request.passage, isSentence) }),
    ...(request.kind !== 'isRel' && { [SUBJECT[request.kind]]: subjectOf(request) }),
    ...{ split, docIds: [...docIds], sources: [...sources] },
    ...{ target: roundedProbs(target.probs!), label: target.label, confidence: rounded(target.confidence) },
    ...{ teachers: of(({ probs }) => roundedProbs(probs)), raw: of(({ raw }) => raw && roundedProbs(raw)) },
    mass: of(({ mass }) => mass),
    ...{ margin: rounded(target.margin), disagreement: rounded(target.disagreement), doubtful: target.doubtful },
    ...(target.override && { reviewed: { label: target.override.label, note: target.override.note } }),
    ...(target.isDegraded && { degraded: true }),
  };
}

const SUBJECT = { retrieve: 'answerSoFar', isSup: 'segment', isUse: 'answer' } as const;

const passageFields = (passage: Extract<CritiqueRequest, { kind: 'isRel' }>['passage'], isSentence: boolean) => ({
  ...{ id: passage.id, docId: passage.docId, title: passage.title, heading: passage.heading, text: passage.text },
  ...(isSentence && { isSentence }),
});

const TASKS = { retrieve: 'retrieve', isRel: 'relevance', isSup: 'support', isUse: 'utility' } as const;

/** Labels as the training data write them; what is not here they cannot say. */
const TRAINING_LABELS: Readonly<Record<ReflectionKind, Readonly<Record<string, string>>>> = {
  retrieve: { yes: 'retrieve', no: 'no_retrieve' },
  isRel: { relevant: 'relevant', irrelevant: 'irrelevant' },
  isSup: { fully: 'full', partially: 'partial', none: 'none' },
  isUse: { '1': '1', '2': '2', '3': '3', '4': '4', '5': '5' },
};

export interface PairRow {
  readonly id: string;
  readonly task: (typeof TASKS)[ReflectionKind];
  readonly question: string;
  readonly passage: string | null;
  readonly answer: string | null;
  readonly label: string | number;
  readonly source: string;
  readonly lang: string;
  readonly split: ExportRow['split'];
  readonly title?: string;
  /** The target by label. */
  readonly soft: Probs;
  readonly reviewed: boolean;
}

/** A row of labelled data as `critics/train` and `discern eval critic` read it; null where it has no place for it. */
export function pairRow({ asked, target, split }: ExportRow, lang: string): PairRow | null {
  const { id, request, sources, isSentence } = asked;
  const { kind } = request;
  const label = TRAINING_LABELS[kind][target.label!];
  // The head for Retrieve reads the question alone, and knows no `continue`.
  if (label === undefined || (request.kind === 'retrieve' && request.answerSoFar !== '')) return null;
  const shares = labelsOf(kind).flatMap((one) => {
    const name = TRAINING_LABELS[kind][one];
    return name === undefined ? [] : [[name, target.probs![one]!] as const];
  });
  const sum = shares.reduce((total, [, p]) => total + p, 0);
  const passage = 'passage' in request ? request.passage : null;
  const [source] = sources;
  return {
    ...{ id, task: TASKS[kind], question: request.question, passage: passage?.text ?? null },
    answer: request.kind === 'isSup' ? request.segment : request.kind === 'isUse' ? request.answer : null,
    label: kind === 'isUse' ? Number(label) : label,
    source: isSentence ? `${source}+sentences` : source!,
    ...{ lang, split },
    ...(passage?.title && { title: passage.title }),
    soft: roundedProbs(Object.fromEntries(shares.map(([name, p]) => [name, p / sum]))),
    reviewed: target.override !== null,
  };
}

export interface ChatRow {
  readonly messages: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
}

/** What a prompted critic is asked, with the label's word as the answer; null where the prompt does not offer the label. */
export function chatRow({ asked: { request }, target }: ExportRow): ChatRow | null {
  const prompt = getPrompt(LABEL_PROMPTS[request.kind]);
  const word = Object.keys(prompt.labels).find((one) => prompt.labels[one] === target.label);
  if (word === undefined) return null;
  const values = Object.entries(valuesOf(request)).map(([name, text]) => [name, asData(text)]);
  return { messages: [...renderPrompt(prompt, Object.fromEntries(values)), { role: 'assistant', content: word }] };
}

/** A question to a decision model in the System One form, with the target as its answer. */
export function decisionRow({ asked: { request }, target }: ExportRow) {
  const { kind } = request;
  const { id, name, type } = DECISION_PROMPTS[kind];
  const prompt = getPrompt(id);
  const question = questionOf(prompt, name, type);
  const shares = question.options.map(({ word }) => [word, rounded(target.probs![prompt.labels[word]!]!)] as const);
  const [word] = shares.find(([one]) => prompt.labels[one] === target.label)!;
  const answer =
    type === 'predicate'
      ? { type: 'noul' as const, noul: shares[0]![1] }
      : type === 'choice'
        ? { type, choice: word, probabilities: Object.fromEntries(shares) }
        : // Levels are numbered from 0.
          { type, probabilities: Object.fromEntries(shares.map(([, p], level) => [String(level), p])) };
  return { state: stateOf(request), questions: { [name]: systemOneQuestion(question) }, answers: { [name]: answer } };
}

/** JSON lines that any reader takes: half a character is none. */
export const jsonLines = (rows: readonly unknown[]): string =>
  rows
    .map((row) => `${JSON.stringify(row, (_, value) => (typeof value === 'string' ? wellFormed(value) : value))}\n`)
    .join('');
