import { z } from 'zod';
import type { DatasetContent } from './dataset.ts';
import { answerFields, goldAnswers, questionList, sourceOf } from './fields.ts';
import { Id, jsonRows, type Lines } from './json-rows.ts';

const Relevant = z.union([
  z.array(Id).transform((ids) => new Map(ids.map((id) => [id, 1]))),
  z.record(z.string(), z.number()).transform((grades) => new Map(Object.entries(grades))),
]);

const Row = z.looseObject({
  id: Id.nullish(),
  question: z.string().regex(/\S/, 'is blank'),
  ...answerFields,
  relevant: Relevant.nullish(),
  documents: Relevant.nullish(),
  group: Id.nullish(),
  document: Id.nullish(),
  lang: z.string().nullish(),
});

/**
 * Own questions as JSON lines: `question`, and where known `id`, `answers` or `answer`, `relevant` (ids of documents, or
 * their grades; also called `documents`), `group` (or `document`) and `lang`. `name` is the file's, for errors.
 */
export async function questionsDataset(lines: Lines, name: string): Promise<DatasetContent> {
  const questions = questionList();
  for await (const { row, place, number } of jsonRows(lines, name, Row)) {
    const relevant = row.relevant ?? row.documents ?? null;
    // An empty list says that no document answers: nothing can be found, so nothing is measured.
    const judged = relevant?.size ? relevant : null;
    questions.add(
      {
        id: row.id ?? `line-${number}`,
        question: row.question,
        answers: goldAnswers(row),
        relevant: judged,
        group: row.group ?? row.document ?? sourceOf(judged, new Map()),
        lang: row.lang ?? null,
      },
      place,
    );
  }
  return { questions: questions.all(name), documents: null };
}
