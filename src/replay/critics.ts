import { type ConfigInput, parseConfig } from '../config.ts';
import { recordParts } from '../pipeline/parts.ts';
import { type AnswerOptions, answerQuestion } from '../pipeline.ts';
import { mergeConfig, replayParts } from '../replay.ts';
import type { Critics } from '../stages/critique.ts';
import { createFactLog, factSource } from '../trace.ts';
import type { Answer, Trace } from '../types.ts';

/**
 * Answers the question of a trace again with other critics, which may be asked models. `choose` gets the recorded ones,
 * which speak from their facts. All other parts are as recorded: throws REPLAY_FACT_MISSING where the answer takes a way
 * on which they were not asked. `now` counts what the new critics take; recorded facts take what they took then.
 */
export async function replayWithCritics(
  trace: Trace,
  choose: (recorded: Critics) => Critics,
  change: ConfigInput = {},
  { now = () => 0, ...options }: Omit<AnswerOptions, 'source' | 'id'> = {},
): Promise<Answer> {
  const source = factSource(trace);
  const facts = createFactLog({ source });
  const recorded = recordParts(replayParts(trace), facts, source);
  return answerQuestion(
    trace.question,
    { ...recorded, critics: choose(recorded.critics) },
    parseConfig(mergeConfig(trace.config, change)),
    { ...options, id: trace.id, now: () => facts.spent.ms + now() },
  );
}
