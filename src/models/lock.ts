import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { codeOf, writeError } from './failure.ts';

/** A holder that was killed is overtaken after this time; a living one renews its lock every quarter of it. */
const STALE_MS = 20_000;
const POLL_MS = 150;

/**
 * Runs `work` while holding the folder's lock, which other processes respect too.
 * The signal given to `work` also fires when the lock is lost, so that two writers never meet.
 */
export async function withLock<T>(
  dir: string,
  options: { readonly signal?: AbortSignal; readonly onWait?: () => void },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const release = await acquire(dir, options, () => lost.abort());
  try {
    return await work(options.signal ? AbortSignal.any([options.signal, lost.signal]) : lost.signal);
  } catch (error) {
    if (lost.signal.aborted)
      throw new DiscernError(
        'MODEL_UNAVAILABLE',
        `the lock of ${dir} was lost: this process stood still, or the folder was removed`,
        {
          hint: 'run it again: the download is resumed',
          cause: error,
        },
      );
    throw error;
  } finally {
    // Once lost there is nothing to release.
    if (!lost.signal.aborted) await release().catch(() => {});
  }
}

async function acquire(
  dir: string,
  { signal, onWait }: { readonly signal?: AbortSignal; readonly onWait?: () => void },
  onCompromised: () => void,
): Promise<() => Promise<void>> {
  for (let tries = 0; ; tries++) {
    throwIfAborted(signal);
    try {
      return await lock(dir, {
        lockfilePath: join(dir, '.lock'),
        realpath: false,
        stale: STALE_MS,
        update: STALE_MS / 4,
        onCompromised,
      });
    } catch (error) {
      if (codeOf(error) !== 'ELOCKED') throw writeError(error, dir);
      if (tries === 0) onWait?.();
      await sleep(POLL_MS, undefined, { signal }).catch(() => throwIfAborted(signal));
    }
  }
}
