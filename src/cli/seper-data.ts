import { DiscernError } from '../errors.ts';
import { labelOf, parseSeperFile, parseSeperRow, type SeperRow } from '../evaluate/seper/rows.ts';
import { seededRandom } from '../text/random.ts';
import { readLines } from './lines.ts';

/** Rows of JSON lines, or of one JSON value where the file's name ends in .json; each .gz or not. */
export async function readSeperRows(path: string): Promise<SeperRow[]> {
  const isWhole = /\.json(\.gz)?$/i.test(path);
  const rows: SeperRow[] = [];
  const lines: string[] = [];
  let number = 0;
  for await (const line of readLines(path)) {
    number += 1;
    if (isWhole) lines.push(line);
    else if (line.trim() !== '') {
      const place = `${path}, line ${number}`;
      rows.push(parseSeperRow(parse(line, place), place, `line ${number}`));
    }
  }
  if (isWhole) rows.push(...parseSeperFile(parse(lines.join('\n'), path), path));
  if (rows.length === 0) throw new DiscernError('INPUT_INVALID', `${path} holds no rows`);
  return rows;
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${place}: not JSON`, {
      hint: 'a file of JSON lines has a name that ends in .jsonl, one JSON value a name that ends in .json',
      cause,
    });
  }
}

/** So many rows, in their order. */
export function drawRows(rows: readonly SeperRow[], limit: number, seed: number): SeperRow[] {
  const next = seededRandom(seed);
  return rows
    .map((row, i) => ({ row, i, at: next() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, limit)
    .sort((a, b) => a.i - b.i)
    .map(({ row }) => row);
}

export interface Labels {
  readonly field: string;
  readonly values: readonly (number | null)[];
}

/** The labels that `--label FIELD` or `FIELD=VALUE` names; without it the field `utility` where rows have one. */
export function labelsOf(rows: readonly SeperRow[], flag: string | undefined): Labels | null {
  const cut = flag?.indexOf('=') ?? -1;
  const field = flag === undefined ? 'utility' : cut < 0 ? flag : flag.slice(0, cut);
  const positive = cut < 0 ? null : flag!.slice(cut + 1);
  const values = rows.map((row) => labelOf(row, field, positive));
  if (values.some((value) => value !== null)) return { field: flag ?? field, values };
  if (flag === undefined) return null;
  throw new DiscernError('INPUT_INVALID', `no row has the label "${field}"`);
}
