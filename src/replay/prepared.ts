import { type Config, type ConfigInput, parseConfig } from '../config.ts';
import { answerQuestion } from '../pipeline.ts';
import { checkReplay, mergeConfig, type ReplayOptions, replayParts } from '../replay.ts';
import { canonicalJson } from '../text/hash.ts';
import { createReplayMemo } from '../trace/memo.ts';
import { factSource } from '../trace.ts';
import type { Answer, Trace } from '../types.ts';

/** A trace that is replayed many times: what does not depend on the settings is done once. */
export interface Replayer {
  readonly trace: Trace;
  /** As `replay`. Throws REPLAY_FACT_MISSING where the change asks for more than was recorded. */
  answer(change?: ConfigInput, options?: ReplayOptions): Promise<Answer>;
}

const names = new WeakMap<Config, string>();
const configs = new WeakMap<ConfigInput, Map<string, Config>>();

/** The config that a change of a base makes, parsed once for all traces of that base. `change` is known by identity. */
function changed(base: Config, change: ConfigInput): Config {
  const name = names.get(base) ?? canonicalJson(base);
  names.set(base, name);
  const known = configs.get(change) ?? new Map<string, Config>();
  configs.set(change, known);
  const config = known.get(name) ?? parseConfig(mergeConfig(base, change));
  known.set(name, config);
  return config;
}

const AS_RECORDED: ConfigInput = {};

/** Makes a trace ready for many replays. Pass the same change object for each trace, and do not alter it between calls. */
export function prepareReplay(trace: Trace): Replayer {
  const parts = replayParts(trace);
  const source = { ...factSource(trace), memo: createReplayMemo() };
  return {
    trace,
    async answer(change = AS_RECORDED, options = {}) {
      const config = changed(trace.config, change);
      checkReplay(trace, config);
      return answerQuestion(trace.question, parts, config, { ...options, id: trace.id, source });
    },
  };
}
