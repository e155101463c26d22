import { seededRandom } from '../../text/random.ts';
import { questionKey } from '../retrieval-data.ts';
import type { DatasetContent, GoldDocument, GoldQuestion } from './dataset.ts';
import { invalid } from './json-rows.ts';

/** So many of them, drawn by the seed, in their order. */
export function drawn<T>(items: readonly T[], limit: number, seed: number): T[] {
  const next = seededRandom(seed);
  return items
    .map((item, i) => ({ item, i, at: next() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, limit)
    .sort((a, b) => a.i - b.i)
    .map(({ item }) => item);
}

/** The questions whose text is none of these keys. */
export const withoutKeys = (questions: readonly GoldQuestion[], keys: ReadonlySet<string>): GoldQuestion[] =>
  questions.filter(({ question }) => !keys.has(questionKey(question)));

/**
 * The questions with other documents in place of their passages: a passage is found again by its text. A question
 * whose passage is missing has nothing that could be found; their ids come back. `name` is the file's, for errors.
 */
export function searchedIn(
  content: DatasetContent,
  given: readonly GoldDocument[] | null,
  name: string,
): DatasetContent & { readonly withoutDocument: ReadonlySet<string> } {
  if (given === null) return { ...content, withoutDocument: new Set() };
  const idOfText = new Map(given.map(({ id, text }) => [textKey(text), id]));
  const idOf = new Map((content.documents ?? []).map(({ id, text }) => [id, idOfText.get(textKey(text)) ?? null]));
  const withoutDocument = new Set<string>();
  const questions = content.questions.map((question): GoldQuestion => {
    if (question.relevant === null) return question;
    const found = [...question.relevant].flatMap(([id, grade]) => {
      const other = idOf.get(id) ?? null;
      return other === null ? [] : [[other, grade] as const];
    });
    if (found.length === 0) withoutDocument.add(question.id);
    const group = question.group === null ? null : (idOf.get(question.group) ?? question.group);
    return { ...question, group, relevant: found.length === 0 ? null : new Map(found) };
  });
  if (withoutDocument.size > 0 && questions.every(({ relevant }) => relevant === null))
    throw invalid(name, 'none of its passages is among the given documents');
  return { questions, documents: given, withoutDocument };
}

const textKey = (text: string): string => text.replace(/\s+/g, ' ').trim();
