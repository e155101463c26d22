import { DiscernError, messageOf } from '../../errors.ts';
import type { SourceDocument } from '../../types.ts';
import { type FormatInput, readText } from './format.ts';
import { recordReader } from './records.ts';

/** One record a row; the first row has the names of the fields. */
export async function csv(input: FormatInput): Promise<SourceDocument[]> {
  const text = await readText(input);
  const { parse } = await import('csv-parse/sync');
  let rows: Record<string, string>[];
  try {
    rows = parse(text, {
      columns: (header: string[]) => header.map((name, i) => name.trim() || `column${i + 1}`),
      delimiter: delimiterOf(input.path, text),
      skip_empty_lines: true,
    });
  } catch (cause) {
    throw new DiscernError('DOCUMENT_UNREADABLE', `${input.key}: ${messageOf(cause)}`, {
      hint: 'correct the row; a field that holds a comma, a quote or a line end stands in double quotes',
      cause,
    });
  }
  const reader = recordReader(input);
  for (const [i, value] of rows.entries()) reader.add({ value, place: `row ${i + 1}`, number: i + 1 });
  return reader.end();
}

/** Tabs by the name of the file; semicolons where the first line has some and no comma. */
function delimiterOf(path: string, text: string): string {
  if (path.toLowerCase().endsWith('.tsv')) return '\t';
  const header = text.slice(0, text.indexOf('\n') < 0 ? text.length : text.indexOf('\n'));
  return header.includes(';') && !header.includes(',') ? ';' : ',';
}
