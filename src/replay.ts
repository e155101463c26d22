import { type Config, type ConfigInput, parseConfig } from './config.ts';
import type { Critic, Generator } from './contracts.ts';
import { DiscernError } from './errors.ts';
import { type AnswerOptions, answerQuestion, checkAnswer, type Parts, retrieveEvidence } from './pipeline.ts';
import { needsSamples } from './stages/gate-decision.ts';
import { factSource } from './trace.ts';
import {
  type Answer,
  type Checked,
  REFLECTIONS,
  type ReflectionKind,
  type Retrieved,
  type Trace,
  type TraceTask,
} from './types.ts';

/**
 * Answers the question of a trace again from its facts, without any model. With the trace's own config the answer is
 * the same bit for bit; `change` overrides options of it. Throws REPLAY_FACT_MISSING where it asks for more than was recorded.
 */
export async function replay(trace: Trace, change: ConfigInput = {}, options: ReplayOptions = {}): Promise<Answer> {
  const config = parseConfig(mergeConfig(trace.config, change));
  checkReplay(trace, config);
  return answerQuestion(trace.question, replayParts(trace), config, replaying(trace, options));
}

/** As `replay`, of what `rag.retrieve` has recorded. */
export async function replayRetrieve(
  trace: Trace,
  change: ConfigInput = {},
  options: ReplayOptions = {},
): Promise<Retrieved> {
  const config = parseConfig(mergeConfig(trace.config, change));
  checkReplay(trace, config, 'retrieve');
  return retrieveEvidence(trace.question, replayParts(trace), config, replaying(trace, options));
}

/** As `replay`, of what `rag.check` has recorded. */
export async function replayCheck(
  trace: Trace,
  change: ConfigInput = {},
  options: ReplayOptions = {},
): Promise<Checked> {
  const config = parseConfig(mergeConfig(trace.config, change));
  checkReplay(trace, config, 'check');
  const { answer, passageIds } = trace.task as TraceTask & { type: 'check' };
  const passages = passageIds.map((id) => {
    const passage = trace.passages[id];
    if (passage === undefined)
      throw new DiscernError('TRACE_INVALID', `the trace names passage ${id} and does not hold it`);
    return passage;
  });
  const input = { question: trace.question, answer, passages };
  return checkAnswer(input, replayParts(trace), config, replaying(trace, options));
}

const replaying = (trace: Trace, options: ReplayOptions): AnswerOptions => ({
  ...options,
  id: trace.id,
  source: factSource(trace),
});

const REPLAYS = { ask: 'replay', retrieve: 'replayRetrieve', check: 'replayCheck' } as const;

export type ReplayOptions = Omit<AnswerOptions, 'source' | 'id' | 'shared'>;

/** Throws TRACE_INVALID where the trace is of something else, and REPLAY_FACT_MISSING where a setting asks for parts that the trace was recorded without. */
export function checkReplay(trace: Trace, config: Config, task: keyof typeof REPLAYS = 'ask'): void {
  const recorded = trace.task?.type ?? 'ask';
  if (recorded !== task)
    throw new DiscernError('TRACE_INVALID', `the trace ${trace.id} is of rag.${recorded}, not of rag.${task}`, {
      hint: `${REPLAYS[recorded]} decides it again`,
    });
  const writes = trace.abilities['generate.withContext']?.quotes === false;
  const offersQuotes = trace.config.generate.quotes > 0 || trace.backends['generate.quotes'] !== undefined;
  if (writes && config.generate.quotes > 0 && !offersQuotes)
    throw new DiscernError(
      'REPLAY_FACT_MISSING',
      'generate.quotes asks for sentences, and the trace was recorded without any',
    );
  const sampled = samplesFor(trace.config) || trace.backends['gate.sample'] !== undefined;
  if (samplesFor(config) && !sampled)
    throw new DiscernError(
      'REPLAY_FACT_MISSING',
      `gate.measure ${config.gate.measure} asks for sampled answers, and the trace was recorded without any`,
    );
}

const samplesFor = ({ retrieve, gate }: Config): boolean =>
  retrieve.mode !== 'never' && gate.when !== 'never' && needsSamples(gate.measure);

/** Overrides single options, group by group. */
export function mergeConfig(base: Config | ConfigInput, change: ConfigInput): ConfigInput {
  const groups = new Set([...Object.keys(base), ...Object.keys(change)]) as Set<keyof ConfigInput>;
  return Object.fromEntries([...groups].map((group) => [group, { ...base[group], ...change[group] }])) as ConfigInput;
}

/** Parts that refuse: what they would say stands in the trace. */
export function replayParts({ backends, abilities, capabilities, gate }: Trace): Parts {
  const refuse = (id: string) => () =>
    Promise.reject(new DiscernError('REPLAY_FACT_MISSING', `${id} is asked nothing in a replay`));
  const close = async () => {};
  // One critic for several tokens is one critic here too: a call is counted once.
  const kinds = Object.keys(REFLECTIONS) as ReflectionKind[];
  const critics = new Map<string, Critic>();
  for (const kind of kinds) {
    const id = backends[`critic.${kind}`];
    if (id === undefined || critics.has(id)) continue;
    const predictsContinue = abilities[`critic.${kind}`]?.predictsContinue ?? false;
    critics.set(id, {
      id,
      kinds: kinds.filter((other) => backends[`critic.${other}`] === id),
      predictsContinue,
      critique: refuse(id),
      close,
    });
  }
  const generator = (role: string): Generator | null => {
    const id = backends[role];
    const able = abilities[role];
    if (id === undefined) return null;
    return {
      id,
      abilities: {
        logprobs: able?.logprobs ?? false,
        closedBook: able?.closedBook ?? false,
        quotes: able?.quotes ?? false,
      },
      extend: refuse(id),
      ...(role === 'gate.sample' && { sample: refuse(id) }),
      close,
    };
  };
  const entail = backends['gate.entail'];
  const shadow = backends['critic.shadow'];
  const { rewrite, recall, rerank } = backends;
  return {
    rewriter: rewrite === undefined ? null : { id: rewrite, rewrite: refuse(rewrite), close },
    recaller: recall === undefined ? null : { id: recall, recall: refuse(recall) },
    reranker: rerank === undefined ? null : { id: rerank, score: refuse(rerank), close },
    critics: Object.fromEntries(
      kinds.map((kind) => [kind, critics.get(backends[`critic.${kind}`] ?? '') ?? null]),
    ) as unknown as Parts['critics'],
    generators: {
      withContext: generator('generate.withContext'),
      closedBook: generator('generate.closedBook'),
      quotes: generator('generate.quotes'),
    },
    gate: {
      sampler: generator('gate.sample'),
      entailment:
        entail === undefined
          ? null
          : {
              id: entail,
              outputs: ['entail', 'equivalent'],
              entail: refuse(entail),
              equivalent: refuse(entail),
              close,
            },
      estimator: gate ?? null,
    },
    shadow:
      shadow === undefined
        ? null
        : {
            id: shadow,
            kinds: kinds.filter((kind) => abilities['critic.shadow']?.[kind]),
            critique: refuse(shadow),
            close,
          },
    ...(capabilities && { capabilities }),
  };
}
