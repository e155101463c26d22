import { crc32 } from 'node:zlib';
import { DiscernError } from '../../errors.ts';
import type { Storage } from './hnsw-storage.ts';

/**
 * The log is a row of frames: one for what the index is, then one for each change.
 * A frame is its header (magic, bytes of head, of texts, of vectors, checksum of these three, checksum of the header),
 * the head (lines of JSON), the texts (a line of JSON for each passage, then the token ids of passages that have them,
 * uint16, little-endian) and the vectors (float32, little-endian).
 */
const MAGIC = 0x31585244;
export const HEADER_BYTES = 24;
const PIECE = 2 ** 20;
const LARGEST = 2 ** 32 - 1;

export interface FrameParts {
  readonly head: readonly Buffer[];
  readonly texts: readonly Buffer[];
  readonly vectors: readonly Uint8Array[];
}

const bytesOf = (pieces: readonly Uint8Array[]) => pieces.reduce((sum, piece) => sum + piece.length, 0);

/** The pieces of a frame, header first, and where its texts begin within it. */
export async function encodeFrame(
  parts: FrameParts,
): Promise<{ pieces: Uint8Array[]; textsAt: number; bytes: number }> {
  const sizes = [parts.head, parts.texts, parts.vectors].map(bytesOf);
  if (sizes.some((size) => size > LARGEST))
    throw new DiscernError(
      'INPUT_INVALID',
      `a change of ${sizes.reduce((a, b) => a + b)} bytes is too large for one step`,
      {
        hint: 'apply it in several smaller changes',
      },
    );
  const body: Uint8Array[] = [...joined(parts.head), ...joined(parts.texts), ...parts.vectors];
  let crc = 0;
  const pause = pauses();
  for (const piece of body)
    for (let at = 0; at < piece.length; at += PIECE) {
      crc = crc32(piece.subarray(at, at + PIECE), crc);
      await pause();
    }
  const header = Buffer.alloc(HEADER_BYTES);
  for (const [i, value] of [MAGIC, ...sizes, crc].entries()) header.writeUInt32LE(value, i * 4);
  header.writeUInt32LE(crc32(header.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  return { pieces: [header, ...body], textsAt: HEADER_BYTES + sizes[0]!, bytes: HEADER_BYTES + bytesOf(body) };
}

/** Puts small buffers together, so that a write has few of them. */
function* joined(buffers: readonly Buffer[]): Generator<Buffer> {
  let run: Buffer[] = [];
  let size = 0;
  for (const buffer of buffers) {
    run.push(buffer);
    size += buffer.length;
    if (size < PIECE) continue;
    yield Buffer.concat(run);
    run = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(run);
}

export interface FrameSink {
  /** Whole vectors, in order, before it is known whether the frame is sound. */
  vectors(bytes: Buffer): void;
  /** The frame is sound. `textsAt` is the place of its texts in the log. */
  frame(head: Buffer, textsAt: number): Promise<void>;
}

/**
 * Reads all frames. Returns where the sound ones end: what follows is zeros, or a write that a kill cut short and that
 * never happened. Damage with a frame behind it is an error, because acknowledged changes would be lost in silence.
 */
export async function readFrames(
  storage: Storage,
  name: string,
  vectorBytes: number,
  sink: FrameSink,
): Promise<number> {
  const size = await storage.size();
  let at = 0;
  while (at + HEADER_BYTES <= size) {
    const end = await readFrame(storage, at, size, vectorBytes, sink);
    if (end === null) {
      const next = await findHeader(storage, at + 1, size);
      if (next === null) return at;
      throw new DiscernError('INDEX_CORRUPT', `${name} is damaged between byte ${at} and byte ${next} of ${size}`, {
        details: { at, next, size },
      });
    }
    at = end;
  }
  return at;
}

/** The end of the frame; null where it is not sound. */
async function readFrame(
  storage: Storage,
  at: number,
  size: number,
  vectorBytes: number,
  sink: FrameSink,
): Promise<number | null> {
  const header = await storage.read(at, HEADER_BYTES);
  if (!isHeader(header)) return null;
  const [headBytes, textBytes, vectorsBytes] = [
    header.readUInt32LE(4),
    header.readUInt32LE(8),
    header.readUInt32LE(12),
  ];
  const end = at + HEADER_BYTES + headBytes + textBytes + vectorsBytes;
  if (end > size) return null;
  const pause = pauses();
  const head = await storage.read(at + HEADER_BYTES, headBytes);
  let sum = crc32(head);
  const textsAt = at + HEADER_BYTES + headBytes;
  const vectorsAt = textsAt + textBytes;
  for (let from = textsAt; from < vectorsAt; from += PIECE) {
    sum = crc32(await storage.read(from, Math.min(PIECE, vectorsAt - from)), sum);
    await pause();
  }
  const piece = Math.max(1, Math.floor(PIECE / vectorBytes)) * vectorBytes;
  for (let from = vectorsAt; from < end; from += piece) {
    const bytes = await storage.read(from, Math.min(piece, end - from));
    sum = crc32(bytes, sum);
    sink.vectors(bytes);
    await pause();
  }
  if (sum !== header.readUInt32LE(16)) return null;
  await sink.frame(head, textsAt);
  return end;
}

const isHeader = (bytes: Buffer) =>
  bytes.length === HEADER_BYTES &&
  bytes.readUInt32LE(0) === MAGIC &&
  bytes.readUInt32LE(HEADER_BYTES - 4) === crc32(bytes.subarray(0, HEADER_BYTES - 4));

const MAGIC_BYTES = Buffer.alloc(4);
MAGIC_BYTES.writeUInt32LE(MAGIC);

async function findHeader(storage: Storage, from: number, to: number): Promise<number | null> {
  for (let at = from; at < to; at += PIECE) {
    const bytes = await storage.read(at, Math.min(PIECE + HEADER_BYTES, to - at));
    for (let found = bytes.indexOf(MAGIC_BYTES); found >= 0; found = bytes.indexOf(MAGIC_BYTES, found + 1))
      if (isHeader(bytes.subarray(found, found + HEADER_BYTES))) return at + found;
  }
  return null;
}

/** Whether nothing was written at the end yet, by this process or another. */
export async function isFree(storage: Storage, end: number): Promise<boolean> {
  return (await storage.read(end, HEADER_BYTES)).every((byte) => byte === 0);
}

/** A function to await inside long loops: gives the event loop a turn every few milliseconds. */
export function pauses(everyMs = 2): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < everyMs) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        last = performance.now();
        resolve();
      }),
    );
  };
}
