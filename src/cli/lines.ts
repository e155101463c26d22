import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { DiscernError } from '../errors.ts';

/** The lines of a text file, `.gz` or not. Throws INPUT_INVALID when it is no readable file. */
export async function* readLines(path: string): AsyncGenerator<string> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new DiscernError('INPUT_INVALID', `${path} is not a file`);
  const raw = createReadStream(path);
  const input = path.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  raw.on('error', (error) => input.destroy(error));
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) yield line;
}
