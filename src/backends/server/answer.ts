/** An error page is read so far; its first words tell what is wrong. */
export const ERROR_BYTES = 64 * 1024;

/** A body as text. `whole` is false where it is longer than `maxBytes`: what is left is not read then. */
export async function readText(response: Response, maxBytes: number): Promise<{ text: string; whole: boolean }> {
  if (Number(response.headers.get('content-length') ?? 0) > maxBytes && response.ok) {
    await response.body?.cancel();
    return { text: '', whole: false };
  }
  const decoder = new TextDecoder();
  let text = '';
  let left = maxBytes;
  // Leaving the loop early cancels the body, which closes the connection.
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
    if (left < 0) return { text, whole: false };
  }
  return { text: text + decoder.decode(), whole: true };
}

/** Undefined where it is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;

/** What a server says is wrong: the message of the forms in use, or its words as they are. */
export function saidIn(text: string): string {
  const body = jsonOf(text);
  const error = field(body, 'error') ?? field(body, 'detail') ?? field(body, 'message');
  const message = field(error, 'message') ?? error;
  return typeof message === 'string' ? message : text;
}

/** `Retry-After` in milliseconds: seconds, or a date; null where there is none to be read. */
export function retryAfterMs(value: string | null): number | null {
  if (value === null) return null;
  const ms = /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

/** Why `fetch` failed: what it reports itself is only that it did. */
export function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  // Refused on every address of a name: an error that holds one for each and says nothing itself.
  const first = inner instanceof AggregateError && inner.message === '' ? (inner.errors as unknown[])[0] : inner;
  return first instanceof Error ? first.message : String(first);
}

/** Where a redirect leads, without the query, which can hold keys. */
export function placeOf(location: string | null, from: string): string {
  if (location === null || !URL.canParse(location, from)) return 'the server does not say which';
  const { origin, pathname } = new URL(location, from);
  return `${origin}${pathname}`;
}

const LONGEST_SAID = 300;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g;

/** Takes a key out of what a server said, in every spelling that it may have there, and all that a terminal obeys. */
export function cleaner(key: string): (text: string) => string {
  const quoted = JSON.stringify(key).slice(1, -1);
  const spellings = [key, quoted, quoted.replaceAll('/', '\\/'), encodeURIComponent(key)];
  return (text) => {
    const clean = key === '' ? text : spellings.reduce((rest, spelling) => rest.replaceAll(spelling, '***'), text);
    return clean.replace(CONTROL, ' ').slice(0, LONGEST_SAID);
  };
}

/** JSON of a body. Half of a character pair, which many servers refuse to read, becomes a replacement character. */
export const jsonBody = (body: unknown): string =>
  JSON.stringify(body, (_, value: unknown) =>
    typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : value,
  );
