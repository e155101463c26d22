import { open, readFile, stat } from 'node:fs/promises';
import { DiscernError } from '../../errors.ts';
import type { SourceDocument } from '../../types.ts';
import { decodeText } from './decode.ts';

/** One file to be read, and how its records are understood. */
export interface FormatInput {
  readonly key: string;
  readonly path: string;
  readonly textField: string | null;
  readonly titleField: string | null;
  readonly signal?: AbortSignal;
}

/** Reads one file. Each format is a file of this folder that exports one. */
export type Format = (input: FormatInput) => Promise<SourceDocument[]>;

/** Files that are held in memory whole may not be larger; records that are streamed may be ten times as large. */
export const MAX_BYTES = 200_000_000;

const MAX_LABEL = 200;

/** The whole content of a file that is not too large. */
export async function readWhole({ key, path, signal }: FormatInput): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw tooLarge(key, size, MAX_BYTES);
  return readFile(path, { signal });
}

export const readText = async (input: FormatInput): Promise<string> => decodeText(await readWhole(input), input.key);

/** The first bytes of a file, fewer where it is shorter. */
export async function readStart(path: string, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

export const tooLarge = (key: string, size: number, limit: number): DiscernError =>
  new DiscernError('DOCUMENT_UNREADABLE', `${key}: ${size} bytes are more than the ${limit} that one file may have`, {
    hint: 'split it into smaller files',
  });

/** A title or heading as it is kept: on one line, and short, for it is repeated with every passage below it. */
export function label(text: string): string {
  const line = text
    .slice(0, 10 * MAX_LABEL)
    .replace(/\s+/g, ' ')
    .trim();
  return line.length <= MAX_LABEL
    ? line
    : `${line
        .slice(0, MAX_LABEL - 1)
        .trimEnd()
        .replace(/\p{Surrogate}$/u, '')}…`;
}

/** Keeps the headings in force: a new one ends those of its level and below. */
export function headingPath(): (level: number, text: string) => string[] {
  const open: { level: number; text: string }[] = [];
  return (level, text) => {
    while (open.length > 0 && open.at(-1)!.level >= level) open.pop();
    open.push({ level, text });
    return open.map((heading) => heading.text).filter((part) => part !== '');
  };
}
