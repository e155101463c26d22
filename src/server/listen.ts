import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { DiscernError } from '../errors.ts';
import { createServer, type DiscernServer } from './app.ts';
import type { ServerOptions } from './options.ts';

export interface ListenOptions extends ServerOptions {
  /** Default: 127.0.0.1. Another one than loopback needs tokens. */
  readonly host?: string;
  /** Default: 8000; 0 takes any that is free. */
  readonly port?: number;
  /** Milliseconds that requests may go on after `close`. Default: 10,000. */
  readonly graceMs?: number;
}

export interface Listening {
  readonly url: string;
  /** Takes no more, lets what works end within the grace, gives up the rest. May be called twice. */
  close(): Promise<void>;
}

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** Serves until `close`. Throws CONFIG_INVALID where strangers could ask without a token. */
export async function listen({
  host = '127.0.0.1',
  port = 8000,
  graceMs = 10_000,
  ...options
}: ListenOptions): Promise<Listening> {
  if ((options.tokens ?? []).length === 0 && !LOOPBACK.test(host))
    throw new DiscernError(
      'CONFIG_INVALID',
      `without tokens only this machine may ask, and ${host} is open to others`,
      {
        hint: 'give a file of tokens with --tokens, or listen on 127.0.0.1',
      },
    );
  const discern = createServer(options);
  const server = await new Promise<ReturnType<typeof serve>>((resolve, reject) => {
    const made = serve({ fetch: discern.app.fetch, hostname: host, port }, () => resolve(made));
    made.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new DiscernError('CONFIG_INVALID', `port ${port} of ${host} is taken`, {
              hint: 'give another --port',
              cause: error,
            })
          : error,
      ),
    );
  });
  const { address, family, port: bound } = server.address() as AddressInfo;
  let closing: Promise<void> | null = null;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close() {
      closing ??= shut(server, discern, graceMs);
      return closing;
    },
  };
}

async function shut(server: ReturnType<typeof serve>, discern: DiscernServer, graceMs: number): Promise<void> {
  discern.drain();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const over = setTimeout(() => discern.stop(), graceMs);
  const force = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), graceMs + 1000);
  await closed;
  clearTimeout(over);
  clearTimeout(force);
}
