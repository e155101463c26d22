import { z } from 'zod';
import { DiscernError } from '../errors.ts';
import { seededRandom } from '../text/random.ts';
import type { Passage } from '../types.ts';
import { Id, invalid, jsonRows, type Lines } from './data/json-rows.ts';
import type { Grades } from './metrics/ir.ts';

/** A test collection: what is searched, what is asked, and what should be found. */
export interface RetrievalData {
  readonly corpus: readonly Passage[];
  /** Text by id. A judged query may be missing: it counts as one that found nothing. */
  readonly queries: ReadonlyMap<string, string>;
  readonly qrels: ReadonlyMap<string, Grades>;
}

const withId = <T extends z.ZodRawShape>(shape: T) =>
  z
    .looseObject({ _id: Id.optional(), id: Id.optional(), ...shape })
    .refine((row) => (row as { _id?: string; id?: string })._id ?? (row as { id?: string }).id, 'has no "_id" or "id"');
const DocumentRow = withId({ title: z.string().nullish(), text: z.string() });
const QueryRow = withId({ text: z.string() });
/** Null where a row has none, as claims do. */
const Question = z.string().nullable();
const RelevanceRow = z.looseObject({
  question: Question,
  passage: z.string(),
  label: z.enum(['relevant', 'irrelevant']),
  source: z.string().optional(),
  lang: z.string().optional(),
  title: z.string().nullish(),
});
const QuestionRow = z.looseObject({ question: Question });

/** Documents as JSON lines with `_id` (or `id`), `title` and `text`: each is one passage. `name` is the file's, for errors. */
export async function readCorpus(lines: Lines, name: string): Promise<Passage[]> {
  const corpus = new Map<string, Passage>();
  for await (const { row, place } of jsonRows(lines, name, DocumentRow)) {
    const id = (row._id ?? row.id)!;
    if (corpus.has(id)) throw invalid(place, `the id "${id}" stands there twice`);
    corpus.set(id, wholePassage(id, row.title ?? null, row.text));
  }
  if (corpus.size === 0) throw new DiscernError('INPUT_INVALID', `${name} holds no documents`);
  return [...corpus.values()];
}

/** Queries as JSON lines with `_id` (or `id`) and `text`. */
export async function readQueries(lines: Lines, name: string): Promise<Map<string, string>> {
  const queries = new Map<string, string>();
  for await (const { row, place } of jsonRows(lines, name, QueryRow)) {
    const id = (row._id ?? row.id)!;
    if (queries.has(id)) throw invalid(place, `the id "${id}" stands there twice`);
    queries.set(id, row.text);
  }
  return queries;
}

/** Judgements: `query, document, grade` with a header line or without (BEIR), or `query, iteration, document, grade` (TREC). */
export async function readQrels(lines: Lines, name: string): Promise<Map<string, Map<string, number>>> {
  const qrels = new Map<string, Map<string, number>>();
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const place = `${name}, line ${number}`;
    const cells = line.includes('\t') ? line.trim().split('\t') : line.trim().split(/\s+/);
    if (cells.length !== 3 && cells.length !== 4)
      throw invalid(place, `3 columns (query, document, grade) or the 4 of TREC are expected, got ${cells.length}`);
    const [query, document, last] = [cells[0]!, cells.at(-2)!, cells.at(-1)!.trim()];
    if (!/^-?\d+$/.test(last)) {
      if (number === 1) continue;
      throw invalid(place, `the grade must be a whole number, got "${last}"`);
    }
    const grades = qrels.get(query) ?? new Map<string, number>();
    const known = grades.get(document);
    if (known !== undefined && known !== Number(last))
      throw invalid(place, `document "${document}" of query "${query}" has the grades ${known} and ${last}`);
    qrels.set(query, grades.set(document, Number(last)));
  }
  if (qrels.size === 0) throw new DiscernError('INPUT_INVALID', `${name} holds no judgements`);
  return qrels;
}

/**
 * A collection made of labelled pairs: the passages of all rows are the corpus, the questions with a relevant passage
 * the queries. Rows of other languages than English and of the excluded sources are left out.
 */
export async function readRelevance(
  lines: Lines,
  name: string,
  excludedSources: readonly string[],
): Promise<RetrievalData> {
  const corpus = new Map<string, Passage>();
  const relevant = new Map<string, Set<string>>();
  for await (const { row } of jsonRows(lines, name, RelevanceRow)) {
    if ((row.lang ?? 'en') !== 'en' || excludedSources.includes(row.source ?? '')) continue;
    const passage = corpus.get(row.passage) ?? wholePassage(`p${corpus.size}`, row.title ?? null, row.passage);
    corpus.set(row.passage, passage);
    if (row.label === 'relevant' && row.question !== null)
      relevant.set(row.question, (relevant.get(row.question) ?? new Set<string>()).add(passage.id));
  }
  if (relevant.size === 0) throw new DiscernError('INPUT_INVALID', `${name} holds no relevant rows to search for`);
  const asked = [...relevant].map(([question, ids], i) => ({ id: `q${i}`, question, ids }));
  return {
    corpus: [...corpus.values()],
    queries: new Map(asked.map(({ id, question }) => [id, question])),
    qrels: new Map(asked.map(({ id, ids }) => [id, new Map([...ids].map((passage) => [passage, 1]))])),
  };
}

/** What makes two questions the same: letters and digits in lower case, without marks. */
export const questionKey = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '');

/** Keys of the `question` fields of JSON lines. */
export async function readQuestionKeys(lines: Lines, name: string): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { row } of jsonRows(lines, name, QuestionRow))
    if (row.question !== null) keys.add(questionKey(row.question));
  return keys;
}

/** The collection without the queries whose text is among these keys, and without their judgements. */
export function withoutQuestions(data: RetrievalData, keys: ReadonlySet<string>): RetrievalData {
  const isOut = (id: string) => keys.has(questionKey(data.queries.get(id) ?? ''));
  return { ...data, qrels: new Map([...data.qrels].filter(([id]) => !isOut(id))) };
}

/** At most `limit` of the judged queries, drawn by the seed, in the order of the judgements. */
export function sampleQueries(data: RetrievalData, limit: number, seed: number): RetrievalData {
  const next = seededRandom(seed);
  const drawn = new Set(
    [...data.qrels.keys()]
      .map((id) => ({ id, key: next() }))
      .sort((a, b) => a.key - b.key)
      .slice(0, limit)
      .map(({ id }) => id),
  );
  return { ...data, qrels: new Map([...data.qrels].filter(([id]) => drawn.has(id))) };
}

const wholePassage = (id: string, title: string | null, text: string): Passage => ({
  id,
  docId: id,
  text,
  title: title?.trim() ? title : null,
  span: { start: 0, end: text.length },
  page: null,
  heading: null,
  metadata: {},
});
