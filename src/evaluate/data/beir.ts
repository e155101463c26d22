import { z } from 'zod';
import type { Grades } from '../metrics/ir.ts';
import { readCorpus } from '../retrieval-data.ts';
import type { DatasetContent, GoldDocument } from './dataset.ts';
import { answerFields, goldAnswers, questionList, sourceOf } from './fields.ts';
import { Id, invalid, jsonRows, type Lines } from './json-rows.ts';

const Query = z.looseObject({
  _id: Id.nullish(),
  id: Id.nullish(),
  text: z.string(),
  ...answerFields,
  lang: z.string().nullish(),
});

/** Documents as JSON lines with `_id` (or `id`), `title` and `text`. `name` is the file's, for errors. */
export const readDocuments = async (lines: Lines, name: string): Promise<GoldDocument[]> =>
  (await readCorpus(lines, name)).map(({ id, title, text }) => ({ id, title, text }));

/** A retrieval set: its judged queries are the questions, whose answers are known only where their rows have them. */
export async function beirDataset(
  documents: readonly GoldDocument[],
  queries: Lines,
  name: string,
  qrels: ReadonlyMap<string, Grades>,
): Promise<DatasetContent> {
  const titles = new Map(documents.map(({ id, title }) => [id, title]));
  const questions = questionList();
  const open = new Set(qrels.keys());
  for await (const { row, place } of jsonRows(queries, name, Query)) {
    const id = idOf(row, place);
    const relevant = qrels.get(id);
    if (relevant === undefined) continue;
    open.delete(id);
    const { text: question, lang = null } = row;
    const group = sourceOf(relevant, titles);
    questions.add({ id, question, answers: goldAnswers(row), relevant, group, lang }, place);
  }
  if (open.size > 0)
    throw invalid(name, `lacks ${open.size} of ${qrels.size} judged queries, such as "${[...open][0]}"`);
  return { questions: questions.all(name), documents };
}

function idOf(
  row: { readonly _id?: string | null | undefined; readonly id?: string | null | undefined },
  place: string,
) {
  const id = row._id ?? row.id;
  if (id === null || id === undefined) throw invalid(place, 'has no "_id" or "id"');
  return id;
}
