import { z } from 'zod';
import type { Grades } from '../metrics/ir.ts';
import type { GoldDocument, GoldQuestion } from './dataset.ts';
import { invalid } from './json-rows.ts';

const Text = z.string().regex(/\S/, 'is blank');
const Texts = z.array(Text);

/** The answers of a row: a list, one, or a list inside an object as the rows of SQuAD on dataset hubs have it. */
export const answerFields = {
  answers: z.union([Texts, z.looseObject({ text: Texts }).transform(({ text }) => text)]).nullish(),
  answer: z.union([Text, Texts]).nullish(),
};

/** Distinct, in their order. Null where the row has no answers, not even an empty list of them. */
export function goldAnswers(row: {
  readonly answers?: readonly string[] | null | undefined;
  readonly answer?: string | readonly string[] | null | undefined;
}): string[] | null {
  const given = row.answers ?? row.answer ?? null;
  return given === null ? null : [...new Set(typeof given === 'string' ? [given] : given)];
}

/** A title, or null for none. SQuAD writes underscores for the spaces. */
export function titleOf(text: string | null | undefined): string | null {
  const title = text?.trim() ?? '';
  if (title === '') return null;
  return /\s/.test(title) ? title : title.replaceAll('_', ' ').trim() || title;
}

/** The only relevant document by its title, else by its id; null where several are relevant, or none. */
export function sourceOf(relevant: Grades | null, titles: ReadonlyMap<string, string | null>): string | null {
  const ids = [...(relevant ?? [])].filter(([, grade]) => grade > 0).map(([id]) => id);
  return ids.length === 1 ? (titles.get(ids[0]!) ?? ids[0]!) : null;
}

/** Passages as documents: each text once, numbered from 1 in the order of their coming. */
export function passageDocuments() {
  const byText = new Map<string, { id: string; title: string | null; text: string }>();
  return {
    /** The id of the text's document. A title that comes later than the text is kept too. */
    add(text: string, title: string | null): string {
      const document = byText.get(text) ?? { id: String(byText.size + 1), title, text };
      document.title ??= title;
      byText.set(text, document);
      return document.id;
    },
    /** Null where there are none. */
    all: (): GoldDocument[] | null => (byText.size === 0 ? null : [...byText.values()]),
  };
}

/** Collects questions, and refuses an id that stands there twice. */
export function questionList() {
  const byId = new Map<string, GoldQuestion>();
  return {
    add(question: GoldQuestion, place: string): void {
      if (byId.has(question.id)) throw invalid(place, `the id "${question.id}" stands there twice`);
      byId.set(question.id, question);
    },
    /** Throws INPUT_INVALID where there are none; `name` is the file's. */
    all(name: string): GoldQuestion[] {
      if (byId.size === 0) throw invalid(name, 'holds no questions');
      return [...byId.values()];
    },
  };
}
