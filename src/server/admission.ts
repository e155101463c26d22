import { BulkheadRejectedError, bulkhead } from 'cockatiel';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { DiscernError } from '../errors.ts';
import type { Limits } from './options.ts';
import { TooMany } from './problem.ts';

/** Lets so many requests work, so many wait, and turns the others away at once. */
export interface Admission {
  /** Counts a request of a client. Throws TooMany. */
  count(client: string): Promise<void>;
  /**
   * Works when it is its turn. The signal fires when the client goes, when the time is over (BACKEND_TIMEOUT), or when the
   * server stops. Throws TooMany where too many wait.
   */
  admit<T>(gone: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  readonly working: number;
  readonly waiting: number;
  /** Ends what works and what waits. */
  stop(): void;
}

export function createAdmission({ concurrent, waiting, perMinute, timeoutMs }: Limits): Admission {
  const places = bulkhead(concurrent, waiting);
  const rate = perMinute === null ? null : new RateLimiterMemory({ points: perMinute, duration: 60 });
  const stopping = new AbortController();
  return {
    get working() {
      return concurrent - places.executionSlots;
    },
    get waiting() {
      return waiting - places.queueSlots;
    },
    async count(client) {
      try {
        await rate?.consume(client);
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        throw new TooMany(
          `more than ${perMinute} requests a minute`,
          Math.max(1, Math.ceil(error.msBeforeNext / 1000)),
        );
      }
    },
    async admit(gone, work) {
      const late = AbortSignal.timeout(timeoutMs);
      const signal = AbortSignal.any([gone, late, stopping.signal]);
      try {
        return await places.execute(() => {
          signal.throwIfAborted();
          return work(signal);
        });
      } catch (error) {
        if (error instanceof BulkheadRejectedError)
          throw new TooMany(`${concurrent} requests work and ${waiting} wait`, 1);
        if (late.aborted && !gone.aborted)
          throw new DiscernError('BACKEND_TIMEOUT', `the request took more than ${timeoutMs} ms`, { cause: error });
        if (signal.aborted) throw new DiscernError('ABORTED', 'the request was given up', { cause: error });
        throw error;
      }
    },
    stop: () => stopping.abort(),
  };
}
