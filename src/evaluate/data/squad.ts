import { z } from 'zod';
import type { DatasetContent, GoldDocument } from './dataset.ts';
import { questionList, titleOf } from './fields.ts';
import { Id, jsonOf, parsed } from './json-rows.ts';

const Answer = z.looseObject({ text: z.string() });
const File = z.looseObject({
  data: z.array(
    z.looseObject({
      title: z.string().nullish(),
      paragraphs: z.array(
        z.looseObject({
          context: z.string(),
          qas: z.array(
            z.looseObject({
              id: Id,
              question: z.string(),
              answers: z.array(Answer).nullish(),
              is_impossible: z.boolean().nullish(),
            }),
          ),
        }),
      ),
    }),
  ),
});

/** The JSON of SQuAD, of its first or second version: each paragraph is a document. `name` is the file's, for errors. */
export function squadDataset(text: string, name: string): DatasetContent {
  const questions = questionList();
  const documents: GoldDocument[] = [];
  for (const article of parsed(jsonOf(text, name), name, File).data) {
    const title = titleOf(article.title);
    for (const { context, qas } of article.paragraphs) {
      const document = { id: String(documents.length + 1), title, text: context };
      documents.push(document);
      for (const { id, question, answers, is_impossible } of qas) {
        const isUnanswerable = is_impossible === true;
        questions.add(
          {
            id,
            question,
            answers: isUnanswerable ? [] : answers?.length ? [...new Set(answers.map((answer) => answer.text))] : null,
            relevant: isUnanswerable ? null : new Map([[document.id, 1]]),
            group: title ?? document.id,
            lang: null,
          },
          `${name}, question "${id}"`,
        );
      }
    }
  }
  return { questions: questions.all(name), documents };
}
