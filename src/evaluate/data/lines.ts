import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { DiscernError, messageOf } from '../../errors.ts';

/** The lines of a text file, `.gz` or not. Throws INPUT_INVALID when it is no readable file. */
export async function* readLines(path: string): AsyncGenerator<string> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new DiscernError('INPUT_INVALID', `${path} is not a file`);
  const raw = createReadStream(path);
  const input = path.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  raw.on('error', (error) => input.destroy(error));
  try {
    yield* splitLines(input);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  } finally {
    raw.destroy();
  }
}

/** Cuts at line feeds alone: node:readline also cuts at U+2028, which stands unescaped in JSON. */
export async function* splitLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of input) {
    const [first = '', ...others] = decoder.decode(chunk, { stream: true }).split('\n');
    rest += first;
    for (const line of others) {
      yield rest;
      rest = line;
    }
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
