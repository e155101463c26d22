import { BulkheadRejectedError, bulkhead } from 'cockatiel';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { DiscernError } from '../errors.ts';
import { stopWith } from '../stop-with.ts';
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
      const { stop, release } = stopWith(gone, stopping.signal);
      const late = new DiscernError('BACKEND_TIMEOUT', `the request took more than ${timeoutMs} ms`);
      const timer = setTimeout(() => stop.abort(late), timeoutMs);
      try {
        return await places.execute(() => {
          stop.signal.throwIfAborted();
          return work(stop.signal);
        });
      } catch (error) {
        if (error instanceof BulkheadRejectedError)
          throw new TooMany(`${concurrent} requests work and ${waiting} wait`, 1);
        throw stop.signal.aborted ? givenUp(stop.signal, error) : error;
      } finally {
        clearTimeout(timer);
        release();
      }
    },
    stop: () => stopping.abort(),
  };
}

/** What became of a request whose signal fired: its time was over, or it was given up. */
export const givenUp = ({ reason }: AbortSignal, cause: unknown): DiscernError =>
  DiscernError.is(reason) ? reason : new DiscernError('ABORTED', 'the request was given up', { cause });
