import { dispatchCustomEvent } from '@langchain/core/callbacks/dispatch/web';
import { CallbackManager } from '@langchain/core/callbacks/manager';
import type { RunnableConfig } from '@langchain/core/runnables';
import type { AskOptions } from '../rag.ts';
import type { TraceEvent } from '../types.ts';

/** Before the type of an event: the handlers of a run are told of every decision as a custom event, `discern.recall-end` and the like. */
export const EVENT_PREFIX = 'discern.';

/**
 * Does the work of one call with what LangChain passes to the inside of a run: its signal stops it, its handlers are told
 * of every decision, and the id of the run names the trace.
 */
export async function inRun<T>(
  config: Pick<RunnableConfig, 'signal' | 'callbacks'>,
  discern: AskOptions['config'],
  work: (options: AskOptions) => Promise<T>,
): Promise<T> {
  const { signal, callbacks } = config;
  const id = callbacks instanceof CallbackManager ? callbacks.getParentRunId() : undefined;
  let told: Promise<void> = Promise.resolve();
  const onEvent = (event: TraceEvent) => {
    // LangChain reports a handler that fails; the answer does not change for it.
    told = told.then(() => dispatchCustomEvent(`${EVENT_PREFIX}${event.type}`, event, config)).catch(() => {});
  };
  const made = await work({ signal, config: discern, ...(id !== undefined && { id, onEvent }) });
  await told;
  return made;
}
