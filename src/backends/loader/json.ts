import { DiscernError, messageOf } from '../../errors.ts';
import type { SourceDocument } from '../../types.ts';
import { type FormatInput, readText } from './format.ts';
import { recordReader } from './records.ts';

/** An array of records, one document each; or one object, one document. */
export async function json(input: FormatInput): Promise<SourceDocument[]> {
  const text = await readText(input);
  if (text.trim() === '') return [];
  const value = parse(text, input.key);
  const reader = recordReader(input);
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) reader.add({ value: item, place: `record ${i + 1}`, number: i + 1 });
    return reader.end();
  }
  reader.add({ value, place: 'the file', number: 1 });
  return reader.end().map((document) => ({ ...document, id: input.key }));
}

function parse(text: string, key: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DiscernError('DOCUMENT_UNREADABLE', `${key}: not JSON: ${messageOf(cause)}`, {
      hint: 'correct it; if it has one record on each line, name it .jsonl',
      cause,
    });
  }
}
