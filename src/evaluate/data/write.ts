import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiscernError, messageOf } from '../../errors.ts';
import type { Grades } from '../metrics/ir.ts';
import type { Dataset, GoldDocument, GoldQuestion } from './dataset.ts';

export interface WrittenDataset {
  readonly questions: string;
  /** Null where the dataset brings no documents. */
  readonly corpus: string | null;
}

/**
 * Writes `questions.jsonl`, which `discern run` reads, and `corpus.jsonl`, which `discern ingest` reads; the type
 * `questions` opens the folder again. The folder is made.
 */
export async function writeDataset({ questions, documents }: Dataset, dir: string): Promise<WrittenDataset> {
  const files = {
    questions: join(dir, 'questions.jsonl'),
    corpus: documents === null ? null : join(dir, 'corpus.jsonl'),
  };
  try {
    await mkdir(dir, { recursive: true });
    await writeFile(files.questions, questions.map(questionLine).join(''));
    if (files.corpus !== null) await writeFile(files.corpus, documents!.map(documentLine).join(''));
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `cannot write to ${dir}: ${messageOf(cause)}`, { cause });
  }
  return files;
}

function questionLine({ id, question, answers, relevant, group, lang }: GoldQuestion): string {
  const row = {
    ...{ id, question },
    ...(answers !== null && { answers }),
    ...(relevant !== null && { relevant: relevantOf(relevant) }),
    ...(group !== null && { group }),
    ...(lang !== null && { lang }),
  };
  return `${JSON.stringify(row)}\n`;
}

/** A list of ids where all have grade 1. */
const relevantOf = (grades: Grades): string[] | Record<string, number> =>
  [...grades.values()].every((grade) => grade === 1) ? [...grades.keys()] : Object.fromEntries(grades);

const documentLine = ({ id, title, text }: GoldDocument): string =>
  `${JSON.stringify({ id, ...(title !== null && { title }), text })}\n`;
