import { stopWith } from './stop-with.ts';

/**
 * What `run` emits, one after another, while it runs. It begins when the first one is asked for. Who stops asking, by
 * `break` or `return`, aborts it; what it throws comes after everything that it has emitted.
 */
export async function* streamOf<E>(
  run: (emit: (event: E) => void, signal: AbortSignal) => Promise<void>,
  outer: AbortSignal | undefined,
): AsyncGenerator<E, void, undefined> {
  const { stop, release } = stopWith(outer);
  const waiting: E[] = [];
  let done = false;
  let wake = () => {};
  const emit = (event: E) => {
    waiting.push(event);
    wake();
  };
  const running = run(emit, stop.signal).finally(() => {
    done = true;
    wake();
  });
  // Told below, when everything before it has been taken.
  running.catch(() => {});
  try {
    while (!done || waiting.length > 0) {
      if (waiting.length > 0) yield waiting.shift()!;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    await running;
  } finally {
    release();
    stop.abort();
    await running.catch(() => {});
  }
}
