import { z } from 'zod';
import { DiscernError } from '../../errors.ts';

export type Lines = AsyncIterable<string> | Iterable<string>;

/** A row that was read, and where it stands: `file.jsonl, line 3`. */
export interface PlacedRow<T> {
  readonly row: T;
  readonly place: string;
  /** From 1. */
  readonly number: number;
}

/** A text or a number that names something, as text. */
export const Id = z.union([z.string().min(1), z.number()]).transform(String);

export const invalid = (place: string, reason: string, cause?: unknown): DiscernError =>
  new DiscernError('INPUT_INVALID', `${place}: ${reason}`, cause === undefined ? {} : { cause });

/** The rows of JSON lines by a schema; blank lines are passed over. `name` is the file's, for errors. */
export async function* jsonRows<T extends z.ZodType>(
  lines: Lines,
  name: string,
  schema: T,
): AsyncGenerator<PlacedRow<z.output<T>>> {
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const place = `${name}, line ${number}`;
    yield { row: parsed(jsonOf(line, place), place, schema), place, number };
  }
}

/** A value by a schema. Throws INPUT_INVALID with every reason. */
export function parsed<T extends z.ZodType>(value: unknown, place: string, schema: T): z.output<T> {
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  throw invalid(place, found.error.issues.map(({ path, message }) => [...path, message].join(' ')).join('; '));
}

export function jsonOf(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(place, 'not JSON', cause);
  }
}
