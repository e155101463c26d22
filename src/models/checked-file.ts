import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { throwIfAborted } from '../errors.ts';
import { isMissing } from './failure.ts';

/** Written after a file was hashed, so that a later start needs no second look at 100 MB. */
const MarkerSchema = z.strictObject({ bytes: z.number(), mtimeMs: z.number(), sha256: z.string() });
type Marker = z.infer<typeof MarkerSchema>;

export type FileState =
  | { readonly state: 'ok'; readonly sha256: string }
  | { readonly state: 'missing' }
  | { readonly state: 'wrong'; readonly sha256: string; readonly expected: string };

export const markerOf = (path: string): string => `${path}.sha256.json`;

export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
  return hash.digest('hex');
}

async function readMarker(path: string): Promise<Marker | null> {
  try {
    return MarkerSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}

/** The marker only saves time: in a folder that cannot be written the file is hashed at every start instead. */
export async function writeMarker(path: string, marker: string, sha256: string): Promise<void> {
  const { size, mtimeMs } = await stat(path);
  const text = JSON.stringify({ bytes: size, mtimeMs, sha256 } satisfies Marker);
  const temporary = `${marker}.${randomUUID()}`;
  try {
    await mkdir(dirname(marker), { recursive: true });
    await writeFile(temporary, text);
    await rename(temporary, marker);
  } catch {
    return;
  }
}

export interface CheckOptions {
  readonly marker: string;
  /** Null where nobody published a sum: then `pinned` decides. */
  readonly expected: string | null;
  /** Whether the sum seen first binds later ones (a download), or may change (a user's own file). */
  readonly pinned: boolean;
  /** Hash even where size and time are those of the last check. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
}

/** Whether the file is there and is the right one. Hashes only what changed since the last check. */
export async function checkFile(path: string, options: CheckOptions): Promise<FileState> {
  const info = await stat(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (info === null || !info.isFile()) return { state: 'missing' };
  const marker = await readMarker(options.marker);
  const expected = options.expected ?? (options.pinned ? (marker?.sha256 ?? null) : null);
  const unchanged = marker !== null && marker.bytes === info.size && marker.mtimeMs === info.mtimeMs;
  if (unchanged && !options.force && (expected === null || marker.sha256 === expected))
    return { state: 'ok', sha256: marker.sha256 };
  const sha256 = await hashFile(path, options.signal);
  if (expected !== null && sha256 !== expected) return { state: 'wrong', sha256, expected };
  await writeMarker(path, options.marker, sha256);
  return { state: 'ok', sha256 };
}

/** Like `checkFile` without ever reading the file: `unchecked` is a file that was not hashed since it changed. */
export async function peekFile(path: string, expected: string): Promise<'ok' | 'unchecked' | 'missing'> {
  const info = await stat(path).catch(() => null);
  if (info === null || !info.isFile()) return 'missing';
  const marker = await readMarker(markerOf(path));
  const same = marker?.bytes === info.size && marker.mtimeMs === info.mtimeMs && marker.sha256 === expected;
  return same ? 'ok' : 'unchecked';
}
