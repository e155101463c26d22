import type { Config } from '../config.ts';
import type { CallOptions } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { createFactLog, type FactLog, type FactSource, type ModelCalls, type SharedFacts } from '../trace.ts';
import type { Cost, Decision, Trace, TraceEvent, TraceTask } from '../types.ts';
import { type Parts, recordParts, traceOf } from './parts.ts';
import { castShadow } from './shadow.ts';
import { watchCritics } from './watch.ts';

export interface AnswerOptions extends CallOptions {
  readonly onEvent?: (event: TraceEvent) => void;
  /** Replays these facts; the models of the parts are then never asked. */
  readonly source?: FactSource;
  /** What other settings asked for the same question is not asked again. */
  readonly shared?: SharedFacts;
  /** Identifies the trace. */
  readonly id?: string;
  readonly now?: () => number;
  /** Wraps every call to a model, for tracing. */
  readonly modelCalls?: ModelCalls;
}

/** One question at work: its parts, with everything that they are asked going through its log. */
export interface AskedQuestion {
  readonly question: string;
  readonly parts: Parts;
  readonly log: FactLog;
  readonly decisions: Decision[];
  /** The level of the beam at which something is asked. */
  readonly at: { level: number };
  /** True from the moment at which a budget is spent; the first time it is told. */
  overBudget(level: number): boolean;
  /** Asks the shadow, and makes the record. */
  finish(answer: Trace['answer'], task?: TraceTask): Promise<Finished>;
}

interface Finished {
  readonly decisions: readonly Decision[];
  readonly cost: Cost;
  readonly trace: Trace;
}

/** Longest accepted question, in characters. What the models cannot hold is cut by them, never the question's start. */
const MAX_QUESTION = 100_000;

export function openQuestion(question: string, live: Parts, config: Config, options: AnswerOptions): AskedQuestion {
  if (question.trim() === '') throw new DiscernError('INPUT_INVALID', 'the question is empty');
  if (question.length > MAX_QUESTION)
    throw new DiscernError(
      'INPUT_INVALID',
      `the question has ${question.length} characters; at most ${MAX_QUESTION} are taken`,
    );
  throwIfAborted(options.signal);
  const log = createFactLog(options);
  const decisions: Decision[] = [];
  const at = { level: 0 };
  const recorded = recordParts(live, log, options.source ?? options.shared);
  const shadow = live.shadow ? castShadow(live.shadow, log, options, () => at.level) : null;
  const critics = watchCritics(recorded.critics, shadow, log, () => at.level);
  return {
    ...{ question, log, decisions, at, parts: { ...recorded, critics } },
    overBudget(level) {
      const limit = spentLimit(log, config);
      if (limit === null) return false;
      if (!decisions.some(({ about }) => about === 'budget')) {
        const [value, threshold] = [log.spent[limit], config.budget[limit]];
        log.emit({ type: 'budget-spent', level, limit, value });
        decisions.push({
          ...{ about: 'budget', outcome: 'stopped', value, threshold, reason: `budget.${limit} is spent` },
          ...{ passageId: null, level },
        });
      }
      return true;
    },
    async finish(answer, task) {
      const aside = (await shadow?.ask()) ?? [];
      const trace = traceOf(question, live, config, log, options.id ?? 'trace', options.source?.memo);
      return {
        decisions,
        cost: { ...log.spent, requests: log.facts.length },
        trace: { ...trace, ...(task && { task }), facts: [...trace.facts, ...aside], answer },
      };
    },
  };
}

const spentLimit = (log: FactLog, { budget }: Config): 'calls' | 'tokens' | 'ms' | null =>
  (['calls', 'tokens', 'ms'] as const).find((limit) => budget[limit] !== null && log.spent[limit] >= budget[limit]!) ??
  null;
