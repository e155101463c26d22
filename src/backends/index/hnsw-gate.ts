/**
 * hnswlib's bindings abort the whole process when their thread is ended while they run. So the thread says when it is
 * in native code, and whoever wants it to end asks, and waits until it is out.
 */
const STOP = 0;
const BUSY = 1;
/** Longer than any single step in native code. */
const LONGEST_MS = 30_000;

/** The side that ends the thread. */
export interface Gate {
  readonly shared: SharedArrayBuffer;
  /** The thread ends itself at its next step. */
  stop(): void;
  /** To be called once the thread has ended. */
  done(): void;
}

export function gate(): Gate {
  const shared = new SharedArrayBuffer(8);
  const cells = new Int32Array(shared);
  const stop = () => {
    Atomics.store(cells, STOP, 1);
  };
  const onExit = () => {
    stop();
    if (Atomics.load(cells, BUSY) === 1) Atomics.wait(cells, BUSY, 1, LONGEST_MS);
  };
  process.on('exit', onExit);
  return { shared, stop, done: () => process.off('exit', onExit) };
}

/** The side of the thread. */
export interface Doorway {
  /** Before native code. Ends the thread where that is wanted. */
  enter(): void;
  leave(): void;
  /** Out and in again, between two steps. */
  breathe(): void;
}

export function doorway(shared: SharedArrayBuffer): Doorway {
  const cells = new Int32Array(shared);
  const leave = () => {
    Atomics.store(cells, BUSY, 0);
    Atomics.notify(cells, BUSY);
  };
  const enter = () => {
    Atomics.store(cells, BUSY, 1);
    if (Atomics.load(cells, STOP) === 0) return;
    leave();
    // In a worker this ends the thread only.
    process.exit(0);
  };
  return {
    enter,
    leave,
    breathe() {
      leave();
      enter();
    },
  };
}
