import { setMaxListeners } from 'node:events';

/** A controller that the signals abort, until `release`. */
export interface Stop {
  readonly stop: AbortController;
  release(): void;
}

/**
 * What `AbortSignal.any` does, for a while: in Node 20 a signal that lives long, such as that of a client which is closed
 * with the program, keeps a note of every signal that was ever made of it.
 */
export function stopWith(...signals: readonly (AbortSignal | undefined)[]): Stop {
  const stop = new AbortController();
  const given = signals.filter((signal) => signal !== undefined);
  // Many calls may listen at the same time, and each lets go: that is no leak for Node to warn of.
  // Without a target it would be the default of everybody.
  if (given.length > 0) setMaxListeners(0, ...given);
  const links = given.map((signal) => ({ signal, abort: () => stop.abort(signal.reason) }));
  for (const { signal, abort } of links) {
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
  return {
    stop,
    release() {
      for (const { signal, abort } of links) signal.removeEventListener('abort', abort);
    },
  };
}
