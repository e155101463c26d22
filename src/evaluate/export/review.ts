import { z } from 'zod';
import { DiscernError, messageOf } from '../../errors.ts';
import { passageText } from '../../text/passage.ts';
import { type AskedRequest, subjectOf } from './collect.ts';
import { labelsOf, type Override, type Target } from './targets.ts';

const COLUMNS = ['id', 'kind', 'question', 'passage', 'segment', 'predicted', 'probability', 'label', 'note'] as const;

/** One request for a person to judge: `label` is for them to fill in. */
export type ReviewRow = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** A row for each request, those with the most doubt first. */
export function reviewRows(asked: readonly { readonly asked: AskedRequest; readonly target: Target }[]): ReviewRow[] {
  return [...asked]
    .sort((a, b) => b.target.doubt - a.target.doubt || (a.asked.id < b.asked.id ? -1 : 1))
    .map(({ asked: { id, request }, target: { predicted, override } }) => ({
      ...{ id, kind: request.kind, question: request.question, segment: subjectOf(request) },
      passage: 'passage' in request ? passageText(request.passage) : '',
      predicted: predicted?.label ?? '',
      probability: predicted === null ? '' : predicted.probs[predicted.label]!.toFixed(4),
      ...{ label: override?.label ?? '', note: override?.note ?? '' },
    }));
}

// What spreadsheets take for a formula, or drop at the beginning of a cell; with the apostrophes that were there before.
const FORMULA = /^'*(?:[\t\r\n]|\s*[=+\-@＝＋－＠])/u;
const GUARDED = /^'+(?:[\t\r\n]|\s*[=+\-@＝＋－＠])/u;

/** A text that no spreadsheet takes for a formula; `unguarded` gives it back. */
export const guarded = (cell: string): string => (FORMULA.test(cell) ? `'${cell}` : cell);
export const unguarded = (cell: string): string => (GUARDED.test(cell) ? cell.slice(1) : cell);

const csvCell = (text: string): string => {
  const cell = guarded(text);
  return /[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
};

/** CSV by RFC 4180, with a mark that tells spreadsheets that it is UTF-8. */
export const reviewCsv = (rows: readonly ReviewRow[]): string =>
  `\uFEFF${[COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name]))]
    .map((cells) => `${cells.map(csvCell).join(',')}\r\n`)
    .join('')}`;

export const reviewJsonl = (rows: readonly ReviewRow[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

export const isJsonl = (path: string): boolean => /\.(jsonl|ndjson)$/i.test(path);

interface FilledRow {
  readonly id: string;
  readonly label: string;
  readonly note: string;
  readonly kind: string | null;
  /** For errors. */
  readonly place: string;
}

/**
 * What a person filled in, by request id; rows without a label are left out. Throws INPUT_INVALID that names the line of
 * a label, an id or a kind that is not known, and of two labels for one request.
 */
export async function readReview(
  text: string,
  path: string,
  asked: ReadonlyMap<string, AskedRequest>,
): Promise<Map<string, Override>> {
  const rows = isJsonl(path) ? jsonlRows(text, path) : await csvRows(text, path);
  const overrides = new Map<string, Override>();
  for (const { id, label, note, kind, place } of rows) {
    const known = asked.get(id)?.request.kind;
    if (known === undefined)
      throw invalid(
        `${place}: the id "${id}" is of no request in these traces`,
        'give the traces that it was made from',
      );
    if (kind !== null && kind !== known) throw invalid(`${place}: the request ${id} is of ${known}, not of "${kind}"`);
    if (label.trim() === '') continue;
    const found = labelsOf(known).find((one) => one === label.trim().toLowerCase());
    if (found === undefined)
      throw invalid(`${place}: "${label}" is no label of ${known}; there are ${labelsOf(known).join(', ')}`);
    const before = overrides.get(id);
    if (before !== undefined && before.label !== found)
      throw invalid(`${place}: the request ${id} has the labels ${before.label} and ${found}`);
    overrides.set(id, { label: found, note });
  }
  return overrides;
}

const JsonRow = z.looseObject({
  id: z.string(),
  kind: z.string().optional(),
  label: z.union([z.string(), z.number().transform(String), z.null().transform(() => '')]).default(''),
  note: z.string().nullish(),
});

function jsonlRows(text: string, path: string): FilledRow[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.replace('\uFEFF', '').trim() === '') return [];
    const place = `${path}, line ${i + 1}`;
    const row = JsonRow.safeParse(parseJson(line.replace('\uFEFF', ''), place));
    if (!row.success) throw invalid(`${place}: not an object with an "id" and a "label"`);
    const { id, label, kind = null, note } = row.data;
    return [{ id, label, kind, note: note ?? '', place }];
  });
}

function parseJson(line: string, place: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${place}: not JSON`, { cause });
  }
}

const Records = z.array(z.object({ record: z.array(z.string()), info: z.object({ lines: z.number() }) }));

async function csvRows(text: string, path: string): Promise<FilledRow[]> {
  const { parse } = await import('csv-parse/sync');
  let records: z.infer<typeof Records>;
  try {
    // Spreadsheets of some countries write semicolons.
    const delimiter = [',', ';', '\t'].find((sign) => text.split(/\r?\n/, 1)[0]!.includes(sign)) ?? ',';
    records = Records.parse(parse(text, { bom: true, info: true, delimiter, skip_empty_lines: true }));
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path}: not CSV: ${messageOf(cause)}`, { cause });
  }
  const header = records[0]?.record.map((name) => name.trim().toLowerCase()) ?? [];
  const at = (name: (typeof COLUMNS)[number]) => header.indexOf(name);
  if (at('id') < 0 || at('label') < 0)
    throw invalid(`${path}, line 1: the columns id and label are expected, got ${header.join(', ') || 'nothing'}`);
  return records.slice(1).flatMap(({ record }, i) => {
    if (record.every((cell) => cell.trim() === '')) return [];
    const cell = (name: (typeof COLUMNS)[number]) => unguarded(record[at(name)] ?? '');
    // A record of several lines begins behind the one before it.
    const place = `${path}, line ${records[i]!.info.lines + 1}`;
    const kind = at('kind') < 0 ? null : cell('kind');
    return [{ id: cell('id'), label: cell('label'), note: cell('note'), kind, place }];
  });
}

const invalid = (message: string, hint?: string) => new DiscernError('INPUT_INVALID', message, { hint });
