import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DiscernError, messageOf } from '../../errors.ts';

/** The bytes of a log: a file, or memory for an index that is not kept. */
export interface Storage {
  size(): Promise<number>;
  read(offset: number, length: number): Promise<Buffer>;
  /** Writes at `at`, the end of the frames, and waits until it is on disk. What follows stays zero. */
  append(at: number, pieces: readonly Uint8Array[]): Promise<void>;
  /** Whether another process wrote a new file under the same name. */
  isReplaced(): Promise<boolean>;
  /** Drops what follows: zeros, or half a frame of a writer that was killed. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export function memoryStorage(): Storage {
  let pieces: { readonly start: number; readonly bytes: Buffer }[] = [];
  let end = 0;
  return {
    size: async () => end,
    isReplaced: async () => false,
    async read(offset, length) {
      let low = 0;
      for (let high = pieces.length - 1; low < high; ) {
        const middle = (low + high + 1) >> 1;
        if (pieces[middle]!.start <= offset) low = middle;
        else high = middle - 1;
      }
      const parts: Buffer[] = [];
      for (let at = offset; at < offset + length && low < pieces.length; low++) {
        const { start, bytes } = pieces[low]!;
        const part = bytes.subarray(at - start, offset + length - start);
        parts.push(part);
        at += part.length;
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    },
    async append(_at, more) {
      const bytes = Buffer.concat(more);
      pieces.push({ start: end, bytes });
      end += bytes.length;
    },
    async truncate() {},
    async close() {
      pieces = [];
    },
  };
}

/** Zeros written ahead: forcing a write to disk takes a twentieth of the time where the file does not grow. */
const AHEAD_BYTES = 2 ** 20;

/** A file, read at any place and written at its end. Opened for writing at the first append, so readers need no rights. */
export async function fileStorage(path: string): Promise<Storage> {
  const reader = await open(path, 'r');
  let writer: FileHandle | null = null;
  let allocated: number | null = null;
  const writable = async () => {
    writer ??= await open(path, constants.O_RDWR);
    return writer;
  };
  return {
    size: async () => (await reader.stat()).size,
    async isReplaced() {
      const [mine, named] = await Promise.all([reader.stat(), stat(path).catch(() => null)]);
      return named === null || named.ino !== mine.ino || named.dev !== mine.dev;
    },
    async read(offset, length) {
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await reader.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    async append(at, pieces) {
      const file = await writable();
      try {
        allocated ??= (await file.stat()).size;
        const end = at + pieces.reduce((sum, piece) => sum + piece.length, 0);
        const grows = end > allocated;
        await writeAll(file, at, grows ? [...pieces, Buffer.alloc(AHEAD_BYTES)] : pieces);
        await file.datasync();
        if (grows) allocated = end + AHEAD_BYTES;
      } catch (error) {
        // What was written of it must not stay: the next append would follow half a frame.
        allocated = null;
        await file.truncate(at).catch(() => undefined);
        throw writeError(path, error);
      }
    },
    async truncate(size) {
      const file = await writable();
      await file.truncate(size);
      await file.datasync();
      allocated = size;
    },
    async close() {
      await reader.close();
      await writer?.close();
      writer = null;
    },
  };
}

/** Writes a new file beside its final name, forces it to disk, and renames it: a kill leaves the old file or the new. */
export async function writeNew(path: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      let at = 0;
      for await (const piece of pieces) {
        await writeAll(file, at, [piece]);
        at += piece.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(path, error);
  }
}

/** Makes a rename durable. Windows cannot open folders, and does not need it. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

async function writeAll(file: FileHandle, at: number, pieces: readonly Uint8Array[]): Promise<void> {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let { bytesWritten: done } = await file.writev(pieces as Uint8Array[], at);
  // Systems cut writes above 2 GB short: the rest goes piece by piece.
  let start = 0;
  for (const piece of done < total ? pieces : []) {
    while (done < start + piece.length) {
      const { bytesWritten } = await file.write(piece, done - start, start + piece.length - done, at + done);
      done += bytesWritten;
    }
    start += piece.length;
  }
}

function writeError(path: string, error: unknown): DiscernError {
  if (DiscernError.is(error)) return error;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new DiscernError('DISK_FULL', `no space left to write ${path}`, { cause: error });
  return new DiscernError('BACKEND_FAILED', `cannot write ${path}: ${messageOf(error)}`, { cause: error });
}
