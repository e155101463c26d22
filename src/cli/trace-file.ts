import { createWriteStream } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { z } from 'zod';
import { DiscernError } from '../errors.ts';
import type { Trace } from '../types.ts';
import { splitLines } from './lines.ts';

/** Where a trace stands in its file. */
export interface TraceSpot {
  /** From 1. */
  readonly line: number;
  /** In bytes, with its line feed. */
  readonly start: number;
  readonly end: number;
}

const TraceHead = z.looseObject({
  version: z.literal(1),
  id: z.string(),
  question: z.string(),
  facts: z.array(z.unknown()),
});
/** How every line that is written here begins. */
const LINE_START = '{"version":1,"id":';

/**
 * The traces that are in the file already, by their ids. A last line that a kill cut off is removed; another file is
 * refused, and left as it is.
 */
export async function finishedTraces(path: string): Promise<Map<string, TraceSpot>> {
  const spots = new Map<string, TraceSpot>();
  const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new DiscernError('INPUT_INVALID', `${path} cannot be opened for writing: ${error.message}`, { cause: error });
  });
  if (file === null) return spots;
  try {
    const { size } = await file.stat();
    let whole = 0;
    let number = 0;
    for await (const line of splitLines(file.createReadStream({ start: 0, autoClose: false }))) {
      number += 1;
      const end = whole + Buffer.byteLength(line) + 1;
      const parsed = TraceHead.safeParse(tryJson(line));
      if (parsed.success) {
        if (!spots.has(parsed.data.id)) spots.set(parsed.data.id, { line: number, start: whole, end });
      } else if (end > size && (line.startsWith(LINE_START) || LINE_START.startsWith(line))) break;
      else
        throw new DiscernError('TRACE_INVALID', `${path}, line ${number}, is no trace; the file is left as it is`, {
          hint: 'give another file with --out',
        });
      whole = end;
    }
    if (whole > size) await file.write('\n', size);
    else await file.truncate(whole);
    return spots;
  } finally {
    await file.close();
  }
}

export interface TraceWriter {
  append(trace: Trace): Promise<void>;
  close(): Promise<void>;
}

/** Adds traces at the end of a file, one JSON line each; what is appended at the same time is written one after another. */
export function traceWriter(path: string): TraceWriter {
  const stream = createWriteStream(path, { flags: 'a' });
  // Each append is told by itself.
  stream.on('error', () => {});
  return {
    append: (trace) =>
      new Promise((resolve, reject) => {
        stream.write(`${JSON.stringify(trace)}\n`, (error) =>
          error
            ? reject(new DiscernError('DISK_FULL', `a trace cannot be written: ${error.message}`, { cause: error }))
            : resolve(),
        );
      }),
    close: () => new Promise((resolve) => (stream.destroyed ? resolve() : stream.end(() => resolve()))),
  };
}

const bytesAt = async (file: FileHandle, { start, end }: TraceSpot): Promise<Buffer> => {
  const buffer = Buffer.alloc(end - start);
  await file.read(buffer, 0, buffer.length, start);
  return buffer;
};

/** The line of a trace. */
export async function traceLine(path: string, spot: TraceSpot): Promise<string> {
  const file = await open(path, 'r');
  try {
    return (await bytesAt(file, spot)).toString('utf8').trimEnd();
  } finally {
    await file.close();
  }
}

/** Puts the traces of these ids first, in this order. The line of each of them that the file has, from 1. */
export async function orderTraces(path: string, ids: readonly string[]): Promise<Map<string, number>> {
  const spots = await finishedTraces(path);
  const first = ids.filter((id) => spots.has(id));
  const named = new Set(first);
  const wanted = [...first, ...[...spots.keys()].filter((id) => !named.has(id))];
  if (wanted.some((id, i) => spots.get(id)!.line !== i + 1)) {
    const [from, to] = [await open(path, 'r'), await open(`${path}.partial`, 'w')];
    try {
      for (const id of wanted) await to.appendFile(await bytesAt(from, spots.get(id)!));
    } finally {
      await from.close();
      await to.close();
    }
    await rename(`${path}.partial`, path);
  }
  return new Map(first.map((id, i) => [id, i + 1]));
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
