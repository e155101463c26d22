import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Embedder } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import { canonicalJson } from '../../text/hash.ts';

const HASH_BYTES = 16;
const HEADER_BYTES = 32;
const READ_RECORDS = 4096;

export interface VectorCacheOptions {
  /** One file for each embedder; a file of another embedder is begun anew. */
  readonly file: string;
}

export interface CachedEmbedder extends Embedder {
  /** Removes the file, when its vectors are safe elsewhere. */
  clear(): Promise<void>;
}

/**
 * Keeps the vectors of passages in a file as they are made, so that a run that was killed goes on where it ended.
 *
 * The file is a hash of the embedder's fingerprint, then records of a text hash and a vector. It is only ever appended
 * to: what a kill leaves at its end is shorter than a record, and is cut off when the file is opened again.
 */
export function cachedVectors({ file }: VectorCacheOptions, embedder: Embedder): CachedEmbedder {
  let opened: Promise<Store> | null = null;
  let closed = false;
  const store = () => {
    opened ??= openStore(file, embedder);
    return opened;
  };
  const release = async () => {
    const open = opened;
    opened = null;
    await (await open?.catch(() => null))?.handle.close();
  };
  return {
    get id() {
      return embedder.id; // it may know its runtime only later
    },
    fingerprint: () => embedder.fingerprint(),
    tokens: async (texts, options) => (await embedder.tokens?.(texts, options)) ?? null,
    notice: async () => (await embedder.notice?.()) ?? null,
    async embed(texts, kind, options = {}) {
      throwIfAborted(options.signal);
      if (closed) throw new DiscernError('BACKEND_CLOSED', `${embedder.id} is closed`);
      if (kind === 'query') return embedder.embed(texts, kind, options);
      const { handle, vectors } = await store();
      const keys = texts.map(hashOf);
      const missing = [...new Map(keys.map((key, i) => [key, texts[i]!])).entries()].filter(
        ([key]) => !vectors.has(key),
      );
      const found = texts.length - missing.length;
      if (missing.length > 0) {
        const made = await embedder.embed(
          missing.map(([, text]) => text),
          kind,
          { ...options, onProgress: (done) => options.onProgress?.(found + done) },
        );
        const records = missing.map(([key], i) => Buffer.concat([Buffer.from(key, 'hex'), bytesOf(made[i]!)]));
        await append(handle, file, Buffer.concat(records));
        for (const [i, [key]] of missing.entries()) vectors.set(key, made[i]!.slice());
      } else options.onProgress?.(found);
      throwIfAborted(options.signal);
      return keys.map((key) => vectors.get(key)!.slice());
    },
    async clear() {
      await release();
      await rm(file, { force: true });
    },
    async close() {
      closed = true;
      await release();
      await embedder.close();
    },
  };
}

interface Store {
  readonly handle: FileHandle;
  readonly vectors: Map<string, Float32Array>;
}

async function openStore(file: string, embedder: Embedder): Promise<Store> {
  const fingerprint = await embedder.fingerprint();
  const header = createHash('sha256')
    .update(`vectors@1 ${canonicalJson(fingerprint)}`)
    .digest();
  const record = HASH_BYTES + 4 * fingerprint.dimensions;
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'a+');
  try {
    const vectors = new Map<string, Float32Array>();
    const start = Buffer.alloc(HEADER_BYTES);
    await handle.read(start, 0, HEADER_BYTES, 0);
    if (!start.equals(header)) {
      await handle.truncate(0);
      await append(handle, file, header);
      return { handle, vectors };
    }
    const chunk = Buffer.alloc(READ_RECORDS * record);
    for (let position = HEADER_BYTES; ; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
      const whole = Math.floor(bytesRead / record);
      for (let i = 0; i < whole; i++) readRecord(chunk.subarray(i * record, (i + 1) * record), vectors);
      position += whole * record;
      if (whole > 0) continue;
      if (bytesRead > 0) await handle.truncate(position);
      return { handle, vectors };
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Vectors have length one, so a record that a crash of the machine has spoilt shows. */
function readRecord(record: Buffer, vectors: Map<string, Float32Array>): void {
  const vector = new Float32Array(record.length / 4 - HASH_BYTES / 4);
  for (let i = 0; i < vector.length; i++) vector[i] = record.readFloatLE(HASH_BYTES + 4 * i);
  const square = vector.reduce((sum, value) => sum + value * value, 0);
  if (Math.abs(square - 1) < 0.02) vectors.set(record.toString('hex', 0, HASH_BYTES), vector);
}

function bytesOf(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 * vector.length);
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, 4 * i);
  return bytes;
}

async function append(handle: FileHandle, file: string, bytes: Buffer): Promise<void> {
  try {
    await handle.appendFile(bytes);
  } catch (cause) {
    const full = (cause as { code?: unknown }).code === 'ENOSPC';
    throw new DiscernError(full ? 'DISK_FULL' : 'BACKEND_FAILED', `cannot write ${file}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

const hashOf = (text: string): string =>
  createHash('sha256')
    .update(text)
    .digest('hex')
    .slice(0, 2 * HASH_BYTES);
