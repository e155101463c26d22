import { DiscernError } from '../../errors.ts';

/**
 * Bytes to text, strictly: UTF-8, or UTF-16 with a byte order mark. The mark is dropped, everything else is kept,
 * so that offsets into the text are offsets into the file as any editor shows it.
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  const encoding = encodingOf(bytes);
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    if (encoding !== 'utf-8') throw new DiscernError('DOCUMENT_UNREADABLE', `${name}: broken ${encoding}`, { cause });
    const at = firstBadByte(bytes);
    const byte = bytes[at]?.toString(16).toUpperCase().padStart(2, '0');
    throw new DiscernError('DOCUMENT_UNREADABLE', `${name}: not UTF-8, byte ${at} is 0x${byte}`, {
      hint: 'convert it to UTF-8, for example with: iconv -f ISO-8859-1 -t UTF-8',
      cause,
    });
  }
  const nul = text.indexOf('\0');
  if (nul >= 0)
    throw new DiscernError('DOCUMENT_UNREADABLE', `${name}: not a text file, character ${nul} is NUL`, {
      hint: 'if it is UTF-16 or UTF-32, convert it to UTF-8; if it is no text, leave it out',
    });
  return text;
}

/** The encoding that the byte order mark tells; UTF-8 without one. */
export function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

/** Decodes loosely and finds the first replacement character that does not stand in the bytes. */
function firstBadByte(bytes: Uint8Array): number {
  const loose = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  for (let from = 0; ; ) {
    const at = loose.indexOf('\uFFFD', from);
    if (at < 0) return offset;
    offset += Buffer.byteLength(loose.slice(from, at));
    const written = bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd;
    if (!written) return offset;
    offset += 3;
    from = at + 1;
  }
}
