import { createHash } from 'node:crypto';
import { DiscernError } from '../../errors.ts';
import type { Grades } from '../metrics/ir.ts';
import type { Dataset, GoldDocument, GoldQuestion } from './dataset.ts';

/**
 * Several datasets as one. The id of a question that stands in more than one of them gets the name of its set before it;
 * documents are numbered anew, and one with the same text as a document of an earlier set is that document.
 */
export function mergeDatasets(datasets: readonly Dataset[]): Dataset {
  const [first, ...others] = datasets;
  if (first === undefined) throw new DiscernError('INPUT_INVALID', 'no dataset is given');
  if (others.length === 0) return first;
  const documents = mergedDocuments(datasets);
  const times = new Map<string, number>();
  for (const { id } of datasets.flatMap(({ questions }) => questions)) times.set(id, (times.get(id) ?? 0) + 1);
  const taken = new Set([...times.keys()]);
  const questions = datasets.flatMap((dataset, i) =>
    dataset.questions.map((question): GoldQuestion => {
      const id = times.get(question.id)! > 1 ? free(`${dataset.name}:${question.id}`, taken) : question.id;
      const { renamed } = documents.sets[i]!;
      const group = question.group === null ? null : (renamed?.get(question.group) ?? question.group);
      return { ...question, id, group, relevant: renameGrades(question.relevant, renamed, dataset.name) };
    }),
  );
  return {
    name: datasets.map(({ name }) => name).join('+'),
    questions,
    documents: documents.all,
    sha256: createHash('sha256')
      .update(datasets.map(({ sha256 }) => sha256).join('\n'))
      .digest('hex'),
  };
}

function free(wanted: string, taken: Set<string>): string {
  let id = wanted;
  for (let i = 2; taken.has(id); i++) id = `${wanted}~${i}`;
  taken.add(id);
  return id;
}

/** All documents, and of each set its ids with those that they have now; null where nothing is renamed. */
function mergedDocuments(datasets: readonly Dataset[]) {
  if (datasets.every(({ documents }) => documents === null))
    return { all: null, sets: datasets.map(() => ({ renamed: null })) };
  const all: GoldDocument[] = [];
  const earlier = new Map<string, string>();
  const sets = datasets.map(({ documents }) => {
    const renamed = new Map<string, string>();
    const own: GoldDocument[] = [];
    for (const document of documents ?? []) {
      const known = earlier.get(document.text);
      const id = known ?? String(all.length + own.length + 1);
      renamed.set(document.id, id);
      if (known === undefined) own.push({ ...document, id });
    }
    for (const document of own) if (!earlier.has(document.text)) earlier.set(document.text, document.id);
    all.push(...own);
    return { renamed };
  });
  return { all, sets };
}

function renameGrades(grades: Grades | null, renamed: ReadonlyMap<string, string> | null, name: string): Grades | null {
  if (grades === null || renamed === null) return grades;
  const found = new Map<string, number>();
  for (const [id, grade] of grades) {
    const now = renamed.get(id);
    if (now === undefined && renamed.size === 0)
      throw new DiscernError('INPUT_INVALID', `${name} judges documents and brings none, and another set does`, {
        hint: 'name its documents too',
      });
    // Judged, and none of the documents: it keeps a name that no document has.
    const key = now ?? `${name}:${id}`;
    found.set(key, Math.max(grade, found.get(key) ?? grade));
  }
  return found;
}
