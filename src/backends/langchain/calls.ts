import { AsyncResource } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import type { Callbacks } from '@langchain/core/callbacks/manager';
import { bulkhead } from 'cockatiel';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import { stopWith } from '../../stop-with.ts';
import { slugOf } from '../llama.ts';
import { oneLine } from '../one-line.ts';
import { secretsOf, withoutSecrets } from './secrets.ts';

/** What every adapter takes. */
export interface LangchainOptions {
  /** Names the part in traces. Default: the name of its class and of its model. */
  readonly id?: string;
  /** Handlers of LangChain that are told of every call, beside those that the part has itself. */
  readonly callbacks?: Callbacks;
  /** Calls of the part at the same time. Retries and time-outs are its own. */
  readonly concurrency?: number;
}

/** The calls of one part: so many at once, none after `close`, each given up as soon as its signal fires. */
export interface Calls {
  readonly name: string;
  /** What belongs together: an abort, or the failure of one call, gives the others up. */
  batch<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** One call in its turn. Throws ABORTED, and BACKEND_FAILED without what looks like a secret of the part. */
  one<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Messages of servers can hold a whole page. */
const LONGEST_MESSAGE = 500;

export function langchainCalls(part: object, name: string, { concurrency = 4 }: LangchainOptions): Calls {
  const closing = new AbortController();
  const slots = bulkhead(concurrency, Number.POSITIVE_INFINITY);

  const check = (signal: AbortSignal | undefined) => {
    if (closing.signal.aborted) throw new DiscernError('BACKEND_CLOSED', `${name} is closed`);
    throwIfAborted(signal);
  };
  const failure = (error: unknown) => {
    if (DiscernError.is(error)) return error;
    const status = (error as { status?: unknown } | null)?.status;
    const said = oneLine(withoutSecrets(messageOf(error), secretsOf(part))).slice(0, LONGEST_MESSAGE);
    return new DiscernError('BACKEND_FAILED', `${name} failed: ${said}`, {
      details: typeof status === 'number' ? { status } : {},
      // Of the original error nothing but its cleaned text: it may hold the request, with its headers.
      cause: new Error(said),
    });
  };

  return {
    name,
    async batch(outer, work) {
      check(outer);
      const { stop, release } = stopWith(closing.signal, outer);
      // Every call of the batch listens to it.
      setMaxListeners(0, stop.signal);
      try {
        return await work(stop.signal);
      } catch (error) {
        stop.abort();
        check(outer);
        throw failure(error);
      } finally {
        release();
      }
    },
    one: (signal, work) =>
      untilAborted(
        slots.execute(
          // One that has waited is started by who makes room for it: what it does still belongs to its own caller.
          AsyncResource.bind(() => {
            throwIfAborted(signal);
            // The slot is free again at once, also where the part takes no notice of the signal.
            return untilAborted(work(), signal);
          }),
        ),
        signal,
      ).catch((error: unknown) => {
        throw failure(error);
      }),
    async close() {
      closing.abort();
    },
  };
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        abort = () => reject(new DiscernError('ABORTED', 'the call was aborted', { cause: signal.reason }));
        signal.addEventListener('abort', abort, { once: true });
        if (signal.aborted) abort();
      }),
    ]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** What a part is called in messages: its class, and its model where it has one. A bound one is what it binds. */
export function nameOf(part: object): string {
  const { bound, getName, model, modelName } = part as Record<string, unknown>;
  if (typeof bound === 'object' && bound !== null) return nameOf(bound);
  const kind: unknown = typeof getName === 'function' ? getName.call(part) : part.constructor.name;
  return [kind, model ?? modelName].filter((word) => typeof word === 'string' && word !== '').join(' ') || 'part';
}

export const idOf = (name: string): string => `langchain-${slugOf(name)}@1`;
