import { answeredTable } from '../answered.ts';
import { answeredChapter } from '../report/answered-chapter.ts';
import type { ChapterBuilder } from './report.ts';

/** Whether what was found was answered, for each config; nothing where nobody judged what should be found. */
export const answeredBuilder: ChapterBuilder = async ({ questions, systems }) => {
  const tables = systems.map(({ name, answers }) =>
    answeredTable(
      name,
      questions.flatMap((gold) => {
        const answer = answers.get(gold.id);
        return answer === undefined ? [] : [{ answer, gold }];
      }),
    ),
  );
  const isEmpty = tables.every(({ points }) => points.every(({ n }) => n === 0));
  return isEmpty ? null : { chapter: answeredChapter(tables), figures: tables };
};

/** The chapters of the page of an experiment after its tables, in order. */
export const EXPERIMENT_CHAPTERS: readonly ChapterBuilder[] = [answeredBuilder];
