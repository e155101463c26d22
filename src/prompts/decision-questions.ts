import { DiscernError } from '../errors.ts';
import type { Prompt } from '../prompts.ts';
import { passageText } from '../text/passage.ts';
import type { CritiqueRequest } from '../types.ts';

/** The prompts that decision models are asked with: the names that their questions go by, and their types. */
export const DECISION_PROMPTS = {
  retrieve: { id: 'decide-retrieve@1', name: 'retrieval', type: 'choice' },
  isRel: { id: 'decide-is-rel@1', name: 'relevance', type: 'predicate' },
  isSup: { id: 'decide-is-sup@1', name: 'support', type: 'choice' },
  isUse: { id: 'decide-is-use@1', name: 'usefulness', type: 'score' },
} as const;

/** One question to a decision model. A predicate has two options: what true means, and what false means. */
export interface DecisionQuestion {
  /** Unique in its request. Some models read it. */
  readonly name: string;
  readonly type: 'predicate' | 'choice' | 'score';
  readonly instructions: string;
  /** For a score the levels, lowest first. */
  readonly options: readonly { readonly word: string; readonly text: string }[];
}

/** What texts there are to decide about, by name: the only place where texts of passages and users stand. */
export type DecisionState = Readonly<Record<string, string>>;

/** A prompt with labels: the instructions, an empty line, then a line `word: text` for each label. */
export function questionOf(prompt: Prompt, name: string, type: DecisionQuestion['type']): DecisionQuestion {
  const [instructions = '', list = ''] = prompt.messages[0]!.text.split('\n\n');
  const texts = new Map(
    list.split('\n').map((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const options = Object.keys(prompt.labels).map((word) => {
    const text = texts.get(word);
    if (!text) throw new DiscernError('PROMPT_INVALID', `prompt "${prompt.id}" has no line "${word}: ..."`);
    return { word, text };
  });
  return { name, type, instructions, options };
}

/** A question as the System One form has it (`POST /v1/systemone`). */
export const systemOneQuestion = ({ type, instructions, options }: DecisionQuestion) => {
  const criteria = Object.fromEntries(options.map(({ word, text }) => [word, text]));
  if (type === 'score') return { type, instructions, criteria: options.map(({ text }) => text) };
  if (type === 'choice') return { type, instructions, criteria };
  return { type: 'noul' as const, instructions, criteria: { true: options[0]!.text, false: options[1]!.text } };
};

// JSON can hold half a surrogate pair; many servers cannot read it.
const clean = (text: string) => text.replace(/\p{Surrogate}/gu, '\ufffd');

/** The texts of a request. */
export function stateOf(request: CritiqueRequest): DecisionState {
  const question = clean(request.question);
  switch (request.kind) {
    case 'retrieve':
      return { question, answerSoFar: clean(request.answerSoFar) };
    case 'isRel':
      return { question, passage: clean(passageText(request.passage)) };
    case 'isSup':
      return { question, passage: clean(passageText(request.passage)), statement: clean(request.segment) };
    case 'isUse':
      return { question, answer: clean(request.answer) };
  }
}
