import { DiscernError } from '../../errors.ts';
import type { Metadata, SourceDocument } from '../../types.ts';
import { type FormatInput, label } from './format.ts';

const TEXT_FIELDS = ['text', 'passage', 'content', 'contents', 'body'];
const TITLE_FIELDS = ['title', 'name'];
const ID_FIELDS = ['id', '_id', 'docid', 'doc_id'];

/** Longer values are no metadata: they would be stored again with every passage of their document. */
const MAX_VALUE = 1000;
const MAX_REPORTED = 5;

/** A record and what it is called in messages: `line 3`. */
export interface FileRecord {
  readonly value: unknown;
  readonly place: string;
  /** Stands for the id where the record has none. */
  readonly number: number;
}

/** Makes documents of records, and one error of all records that cannot be understood. */
export function recordReader({ key, textField, titleField }: FormatInput) {
  const documents: SourceDocument[] = [];
  const ids = new Set<string>();
  const bad: string[] = [];
  let count = 0;

  const document = ({ value, number }: FileRecord): SourceDocument => {
    const fields = fieldsOf(value);
    const text = textOf(fields, textField);
    const title = first(fields, titleField === null ? TITLE_FIELDS : [titleField]);
    const id = unique(ids, `${key}#${first(fields, ID_FIELDS)?.value.trim() || number}`);
    return {
      id,
      title: title === null ? null : label(title.value) || null,
      text: wellFormed(text.value),
      pages: [],
      headings: [],
      metadata: metadataOf(fields, [text.name, title?.name]),
    };
  };

  return {
    add(record: FileRecord): void {
      try {
        documents.push(document(record));
      } catch (error) {
        if (!DiscernError.is(error)) throw error;
        this.bad(record.place, error.message);
      }
      count++;
    },
    bad(place: string, reason: string): void {
      bad.push(`${place}: ${reason}`);
    },
    end(): SourceDocument[] {
      if (bad.length === 0) return documents;
      const rest = bad.length > MAX_REPORTED ? `; and ${bad.length - MAX_REPORTED} more` : '';
      throw new DiscernError('DOCUMENT_UNREADABLE', `${key}: ${bad.slice(0, MAX_REPORTED).join('; ')}${rest}`, {
        hint: 'correct these records or take them out',
        details: { bad: bad.length, read: count },
      });
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

const wrong = (message: string) => new DiscernError('DOCUMENT_UNREADABLE', message);

function fieldsOf(value: unknown): Fields {
  if (typeof value === 'string') return { text: value };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(`a record must be an object or a text, not ${Array.isArray(value) ? 'an array' : String(value)}`);
  return value as Fields;
}

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));

/** The first of the fields that the record has, as text; one that is not blank goes before. */
function first(fields: Fields, names: readonly string[]): { name: string; value: string } | null {
  const present = names.flatMap((name) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return isScalar(value) ? [{ name, value: wellFormed(String(value)) }] : [];
  });
  return present.find(({ value }) => value.trim() !== '') ?? present[0] ?? null;
}

/** The named field, else one of the usual ones, else every field with its name. */
function textOf(fields: Fields, textField: string | null): { name: string | null; value: string } {
  if (textField === null) return first(fields, TEXT_FIELDS) ?? { name: null, value: flat(fields, '').join('\n') };
  const named = first(fields, [textField]);
  if (named !== null) return named;
  if (fields[textField] === null) return { name: textField, value: '' };
  throw wrong(
    `no text in the field "${textField}"; it has ${Object.keys(fields).slice(0, 20).join(', ') || 'no fields'}`,
  );
}

function flat(value: unknown, path: string): string[] {
  if (value === null || value === undefined || value === '') return [];
  if (typeof value !== 'object') return [path === '' ? String(value) : `${path}: ${String(value)}`];
  if (Array.isArray(value)) return value.flatMap((item) => flat(item, path));
  return Object.entries(value).flatMap(([name, inner]) => flat(inner, path === '' ? name : `${path}.${name}`));
}

function metadataOf(fields: Fields, used: readonly (string | null | undefined)[]): Metadata {
  const entries = Object.entries(fields).filter(
    (entry): entry is [string, string | number | boolean] =>
      !used.includes(entry[0]) && isScalar(entry[1]) && !(typeof entry[1] === 'string' && entry[1].length > MAX_VALUE),
  );
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? wellFormed(value) : value]),
  );
}

function unique(ids: Set<string>, id: string): string {
  let made = id;
  for (let i = 2; ids.has(made); i++) made = `${id}~${i}`;
  ids.add(made);
  return made;
}

/** JSON can hold half a surrogate pair, which no file can: replaced by a character of the same length. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\uFFFD');
