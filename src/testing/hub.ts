import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the hub answers a request for a file that it has. */
export type HubMode =
  | { readonly kind: 'good' }
  /** Promises the whole file, then cuts the connection after so many bytes of each answer. */
  | { readonly kind: 'cuts'; readonly after: number }
  /** Right length, other bytes. */
  | { readonly kind: 'wrong-bytes' }
  | { readonly kind: 'wrong-length' }
  /** Cuts once, then answers a range request with the whole file. */
  | { readonly kind: 'ignores-ranges'; readonly after: number }
  | { readonly kind: 'status'; readonly status: number }
  /** Sends the file up to this byte, then nothing more; also when it is asked to resume there. */
  | { readonly kind: 'hangs'; readonly after: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'silent' };

export interface TestHub {
  readonly url: string;
  /** May be changed between requests. */
  mode: HubMode;
  /** `/owner/repo/resolve/revision/path` to bytes. */
  readonly files: Map<string, Buffer>;
  /** Each request in order, with its range. */
  readonly requests: { readonly path: string; readonly range: string | null }[];
  close(): Promise<void>;
}

/** A model hub on loopback, with real HTTP and every misbehaviour that a download must survive. */
export async function startTestHub(files: Readonly<Record<string, Buffer>> = {}): Promise<TestHub> {
  const requests: TestHub['requests'] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://loopback').pathname);
    const range = request.headers.range ?? null;
    requests.push({ path, range });
    const whole = hub.files.get(path);
    const { mode } = hub;
    if (mode.kind === 'silent') return;
    if (whole === undefined || mode.kind === 'status') {
      response.writeHead(whole === undefined ? 404 : mode.kind === 'status' ? mode.status : 500).end();
      return;
    }
    const etag = `"${whole.length}-${whole.subarray(0, 8).toString('hex')}"`;
    const stale = request.headers['if-range'] !== undefined && request.headers['if-range'] !== etag;
    const start = mode.kind === 'ignores-ranges' || stale ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (start > 0 && start >= whole.length) {
      response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end();
      return;
    }
    const bytes = mode.kind === 'wrong-bytes' ? Buffer.from(whole.map((byte) => byte ^ 0xff)) : whole;
    const body = mode.kind === 'wrong-length' ? Buffer.concat([bytes, Buffer.from('more')]) : bytes.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      etag,
      'content-type': 'application/octet-stream',
      'content-length': body.length,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` } : {}),
    });
    const cuts = mode.kind === 'cuts' || (mode.kind === 'ignores-ranges' && range === null);
    if (cuts) {
      // A moment, so that what was written reaches the other side before the cut.
      response.write(body.subarray(0, mode.after), () => setTimeout(() => response.destroy(), 20));
    } else if (mode.kind === 'hangs' && mode.after < whole.length) {
      response.flushHeaders();
      if (mode.after > start) response.write(body.subarray(0, mode.after - start));
    } else response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hub: TestHub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mode: { kind: 'good' },
    files: new Map(Object.entries(files)),
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return hub;
}
