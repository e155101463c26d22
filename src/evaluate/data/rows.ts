import { z } from 'zod';
import type { DatasetContent } from './dataset.ts';
import { answerFields, goldAnswers, passageDocuments, questionList, titleOf } from './fields.ts';
import { Id, jsonRows, type Lines } from './json-rows.ts';

const Row = z.looseObject({
  id: Id.nullish(),
  question: z.string().regex(/\S/, 'is blank').nullable(),
  passage: z.string().nullish(),
  context: z.string().nullish(),
  ...answerFields,
  title: z.string().nullish(),
  lang: z.string().nullish(),
});

/**
 * Rows of a question, its passage (or `context`) and its answers as JSON lines: the distinct passages become the
 * documents, and the passage of a question is what should be found, unless it has no answer. A row whose question is null
 * brings its passage alone. `name` is the file's, for errors.
 */
export async function rowsDataset(lines: Lines, name: string): Promise<DatasetContent> {
  const questions = questionList();
  const documents = passageDocuments();
  for await (const { row, place, number } of jsonRows(lines, name, Row)) {
    const answers = goldAnswers(row);
    const title = titleOf(row.title);
    const passage = row.passage ?? row.context ?? '';
    const document = passage.trim() === '' ? null : documents.add(passage, title);
    if (row.question === null) continue;
    questions.add(
      {
        id: row.id ?? `line-${number}`,
        question: row.question,
        answers,
        relevant: document === null || answers?.length === 0 ? null : new Map([[document, 1]]),
        group: title ?? document,
        lang: row.lang ?? null,
      },
      place,
    );
  }
  return { questions: questions.all(name), documents: documents.all() };
}
