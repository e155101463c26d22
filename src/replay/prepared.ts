import type { ConfigInput } from '../config.ts';
import { replay } from '../replay.ts';
import type { Answer, Trace } from '../types.ts';

/** A trace that is replayed many times: what does not depend on the settings is done once. */
export interface Replayer {
  readonly trace: Trace;
  /** As `replay`. Throws REPLAY_FACT_MISSING where the change asks for more than was recorded. */
  answer(change?: ConfigInput): Promise<Answer>;
}

export function prepareReplay(trace: Trace): Replayer {
  return { trace, answer: (change = {}) => replay(trace, change) };
}
