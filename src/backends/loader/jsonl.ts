import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { messageOf, throwIfAborted } from '../../errors.ts';
import type { SourceDocument } from '../../types.ts';
import { decodeText, encodingOf } from './decode.ts';
import { type FormatInput, MAX_BYTES, readStart, readText, tooLarge } from './format.ts';
import { recordReader } from './records.ts';

/** One record a line, read as a stream. */
export async function jsonl(input: FormatInput): Promise<SourceDocument[]> {
  const reader = recordReader(input);
  let number = 0;
  for await (const line of lines(input)) {
    number++;
    if (number % 1000 === 0) throwIfAborted(input.signal);
    if (line.trim() === '') continue;
    const place = `line ${number}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      reader.bad(place, `not JSON: ${messageOf(error)}`);
      continue;
    }
    reader.add({ value, place, number });
  }
  return reader.end();
}

async function* lines(input: FormatInput): AsyncGenerator<string> {
  const packed = input.path.toLowerCase().endsWith('.gz');
  if (!packed && encodingOf(await readStart(input.path, 2)) !== 'utf-8') {
    yield* (await readText(input)).split('\n');
    return;
  }
  let number = 0;
  for await (const line of byteLines(input, packed)) yield decodeText(line, `${input.key} line ${++number}`);
}

/** Lines as bytes, so that each is decoded as strictly as a whole file would be. */
async function* byteLines({ key, path, signal }: FormatInput, packed: boolean): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { signal, highWaterMark: 1 << 18 });
  const gunzip = packed ? createGunzip() : null;
  if (gunzip) file.on('error', (error) => gunzip.destroy(error)).pipe(gunzip);
  let open: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of (gunzip ?? file) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > 10 * MAX_BYTES) throw tooLarge(key, size, 10 * MAX_BYTES);
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        yield Buffer.concat([...open, chunk.subarray(start, end)]);
        open = [];
        start = end + 1;
      }
      if (start < chunk.length) open.push(chunk.subarray(start));
    }
  } finally {
    file.destroy();
    gunzip?.destroy();
  }
  if (open.length > 0) yield Buffer.concat(open);
}
