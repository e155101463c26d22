import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import pRetry from 'p-retry';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { codeOf, SourceFailure, writeError } from './failure.ts';

export interface HubDownload {
  readonly url: string;
  /** Receives the bytes, and is resumed when it is there already. */
  readonly part: string;
  /** Null where the size is not known before. */
  readonly bytes: number | null;
  /** Whether the sum is checked afterwards: then a part may be resumed without proof that the file is unchanged. */
  readonly sumKnown: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onBytes: (done: number, total: number | null) => void;
}

/** Tries after which it gives up; a try that brought at least `PROGRESS` bytes does not count. */
const RETRIES = 3;
const PROGRESS = 256 * 1024;

/** Codes of a network that is not there, as opposed to one that stumbles. */
const NO_NETWORK = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];

export function hubUrl(hub: string, repo: string, revision: string, file: string): string {
  const encode = (path: string) => path.split('/').map(encodeURIComponent).join('/');
  return `${hub.replace(/\/+$/, '')}/${encode(repo)}/resolve/${encodeURIComponent(revision)}/${encode(file)}`;
}

const etagOf = (part: string): string => `${part}.etag`;

export async function removePart(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(etagOf(part), { force: true });
}

/** Fills `part` with the whole file, over as many connections as it takes. Throws SourceFailure or DiscernError. */
export async function downloadFromHub(download: HubDownload): Promise<void> {
  let gained = 0;
  try {
    await pRetry(
      async () => {
        const before = await sizeOf(download.part);
        try {
          await attempt(download, before);
        } finally {
          gained = (await sizeOf(download.part)) - before;
        }
      },
      {
        retries: RETRIES,
        minTimeout: 200,
        maxTimeout: 2000,
        signal: download.signal,
        shouldRetry: ({ error }) => error instanceof SourceFailure && error.retry,
        shouldConsumeRetry: () => gained < PROGRESS,
      },
    );
  } catch (error) {
    throwIfAborted(download.signal);
    throw error;
  }
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.size ?? 0;

async function attempt(download: HubDownload, before: number): Promise<void> {
  const { url, part, bytes, timeoutMs, signal } = download;
  const etag = await readFile(etagOf(part), 'utf8').catch(() => '');
  // Without a sum only the hub's own mark can show that the rest belongs to the same file; a weak mark cannot.
  const strong = etag !== '' && !etag.startsWith('W/');
  const resume = before > 0 && (download.sumKnown || strong);
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (resume) headers.range = `bytes=${before}-`;
  if (resume && strong) headers['if-range'] = etag;

  const silence = new AbortController();
  const timed = async <T>(wait: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => silence.abort(), timeoutMs);
    try {
      return await wait;
    } catch (error) {
      throwIfAborted(signal);
      throw networkFailure(error, silence.signal.aborted ? timeoutMs : null);
    } finally {
      clearTimeout(timer);
    }
  };

  const response = await timed(fetch(url, { headers, signal: AbortSignal.any([signal, silence.signal]) })).catch(
    (error: unknown) => {
      // A hub that does not even answer will not answer sooner the second time.
      throw silence.signal.aborted ? new SourceFailure('unreachable', messageOf(error), { cause: error }) : error;
    },
  );
  try {
    const start = await startOf(response, download, resume ? before : 0);
    if (start === null) return;
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const total = Number.isFinite(length) ? start + length : null;
    if (bytes !== null && total !== null && total !== bytes)
      throw new SourceFailure('wrong', `has ${total} bytes where ${bytes} are expected`);
    if (response.body === null) throw new SourceFailure('failed', 'answered without a body', { retry: true });
    // The part goes first, so that a kill in between never leaves old bytes beside a new mark.
    if (start === 0 && before > 0) await removePart(part);
    await writeFile(etagOf(part), response.headers.get('etag') ?? '').catch(rethrowWrite(part));
    await receive(response.body.getReader(), start, total ?? bytes, download, timed);
  } finally {
    await response.body?.cancel().catch(() => {});
  }
}

/** Where the body of this answer begins in the file; null when the part is already whole. */
async function startOf(response: Response, { part, bytes }: HubDownload, before: number): Promise<number | null> {
  const { status } = response;
  if (status === 416) {
    const whole = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN);
    if (before > 0 && before === whole && (bytes === null || bytes === whole)) return null;
    await removePart(part);
    throw new SourceFailure('failed', 'refused to resume', { retry: true });
  }
  if (status === 206) {
    const start = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN);
    if (start === before) return start;
    await removePart(part);
    throw new SourceFailure('failed', 'answered with another range than asked for', { retry: true });
  }
  if (status === 404 || status === 410) throw new SourceFailure('absent', `does not have it (HTTP ${status})`);
  if (status === 401 || status === 403)
    throw new SourceFailure(
      'absent',
      `refuses access (HTTP ${status}): no such model, or a private one, or one that needs a login`,
    );
  if (status !== 200)
    throw new SourceFailure('failed', `answered HTTP ${status}`, {
      retry: status >= 500 || status === 429 || status === 408,
    });
  if (/^text\/html\b/.test(response.headers.get('content-type') ?? ''))
    throw new SourceFailure('failed', 'answered with a web page: a login portal, or not a model hub');
  // A plain 200 to a range request: the hub ignores ranges, and the file comes from its beginning.
  return 0;
}

async function receive(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  start: number,
  total: number | null,
  { part, onBytes }: HubDownload,
  timed: <T>(wait: Promise<T>) => Promise<T>,
): Promise<void> {
  const file = await open(part, start === 0 ? 'w' : 'a').catch(rethrowWrite(part));
  let done = start;
  try {
    for (;;) {
      onBytes(done, total);
      const { value, done: ended } = await timed(reader.read());
      if (ended) break;
      if (total !== null && done + value.byteLength > total)
        throw new SourceFailure('wrong', `sends more than the ${total} bytes that are expected`);
      await file.writeFile(value).catch(rethrowWrite(part));
      done += value.byteLength;
    }
    await file.sync().catch(rethrowWrite(part));
  } finally {
    reader.releaseLock();
    await file.close().catch(() => {});
  }
  if (total !== null && done < total)
    throw new SourceFailure('failed', `ended after ${done} of ${total} bytes`, { retry: true });
}

const rethrowWrite =
  (part: string) =>
  (error: unknown): never => {
    throw writeError(error, part);
  };

function networkFailure(error: unknown, timeoutMs: number | null): unknown {
  if (DiscernError.is(error)) return error;
  if (timeoutMs !== null)
    return new SourceFailure('failed', `sent nothing for ${timeoutMs} ms`, { retry: true, cause: error });
  // fetch hides what happened in the cause, and several addresses of one host in an AggregateError.
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  const code = codeOf(first) || codeOf(cause);
  const message = messageOf(first) || code || messageOf(error);
  if (NO_NETWORK.includes(code))
    return new SourceFailure('unreachable', `cannot be reached (${message})`, { cause: error });
  return new SourceFailure('failed', `connection broken (${message})`, { retry: true, cause: error });
}
