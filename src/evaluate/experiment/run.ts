import { setMaxListeners } from 'node:events';
import type { CallOptions } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import { replay } from '../../replay.ts';
import { createSharedFacts, factSource, type SharedFacts } from '../../trace.ts';
import type { Answer, Fact, Passage, Trace } from '../../types.ts';
import type { GoldQuestion } from '../data/dataset.ts';
import type { TracePlace } from '../report/experiment-report.ts';
import { checkResumed } from './resume.ts';
import type { Experiment, System } from './schema.ts';

/**
 * What a fact of a config depends on beside its role, backend and key, as text: configs for which it is the same would
 * be told the same by the models, so one of them asks for all.
 */
export type FactScope = (fact: Fact) => string;

/** Where traces are kept from one run to the next. */
export interface TraceStore {
  /** Null: the question is open. */
  read(system: string, id: string): Promise<Trace | null>;
  append(system: string, trace: Trace): Promise<void>;
  /** Puts the traces of these questions in their order, and says where they stand. */
  finish(system: string, ids: readonly string[]): Promise<ReadonlyMap<string, TracePlace>>;
}

export interface RunOptions extends CallOptions {
  readonly ask: (
    system: System,
    gold: GoldQuestion,
    options: CallOptions & { readonly shared: SharedFacts },
  ) => Promise<Answer>;
  readonly scopeOf: (system: System) => FactScope;
  readonly traces: TraceStore;
  /** Whether an error would fail every question alike. */
  readonly isFatal: (error: DiscernError) => boolean;
  /** In answers. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Failure {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

/** What one config came to. Questions without an answer failed. */
export interface SystemRun extends System {
  readonly answers: ReadonlyMap<string, Answer>;
  readonly places: ReadonlyMap<string, TracePlace>;
  readonly failed: readonly Failure[];
}

/** Everything that was seen in an experiment, in the order of its questions and configs. */
export interface Observations {
  readonly questions: readonly GoldQuestion[];
  readonly systems: readonly SystemRun[];
  readonly baseline: string;
  /** Requests to models of all answers, and those of them that another config had asked for already. */
  readonly requests: number;
  readonly sharedRequests: number;
}

type Outcome = { readonly answer: Answer } | { readonly failure: Failure };

/** Facts of a question that one config has. */
interface Known {
  readonly scope: FactScope;
  readonly facts: ReadonlyMap<string, Fact>;
  readonly passages: Readonly<Record<string, Passage>>;
}

/**
 * Asks every question with every config, all configs of a question in a row: what one of them has asked is not asked
 * again. Answers whose traces are there already are replayed. A question that fails is told; what fails all is thrown.
 */
export async function runExperiment(
  experiment: Pick<Experiment, 'systems' | 'baseline' | 'parallel'>,
  questions: readonly GoldQuestion[],
  options: RunOptions,
): Promise<Observations> {
  const { systems, baseline, parallel } = experiment;
  const scopes = systems.map(options.scopeOf);
  const total = questions.length * systems.length;
  let done = 0;
  const onAnswer = () => options.onProgress?.(++done, total);
  const outcomes = await eachAtOnce(questions, parallel, options.signal, (gold, signal) =>
    askQuestion(gold, systems, scopes, { ...options, signal }, onAnswer),
  );
  const ids = questions.map(({ id }) => id);
  const runs: SystemRun[] = [];
  for (const [s, system] of systems.entries()) {
    const own = outcomes.map((row) => row[s]!);
    const answered = own.flatMap((one, q) => ('answer' in one ? [[ids[q]!, one.answer] as const] : []));
    const failed = own.flatMap((one) => ('failure' in one ? [one.failure] : []));
    const places = await options.traces.finish(
      system.name,
      answered.map(([id]) => id),
    );
    runs.push({ ...system, answers: new Map(answered), places, failed });
  }
  return { questions, systems: runs, baseline, ...countRequests(outcomes, scopes) };
}

async function askQuestion(
  gold: GoldQuestion,
  systems: readonly System[],
  scopes: readonly FactScope[],
  { ask, traces, isFatal, signal }: RunOptions,
  onAnswer: () => void,
): Promise<Outcome[]> {
  const outcomes = new Map<System, Outcome>();
  const known: Known[] = [];
  // What earlier runs have left comes first: its facts serve the configs that are still open.
  for (const [s, system] of systems.entries()) {
    throwIfAborted(signal);
    const trace = await traces.read(system.name, gold.id);
    if (trace === null) continue;
    checkResumed(trace, system, gold);
    const answer = await replayed(trace, system);
    // The stored trace may hold more than the answer needs.
    outcomes.set(system, { answer: { ...answer, trace } });
    known.push({ scope: scopes[s]!, ...factSource(trace) });
    onAnswer();
  }
  for (const [s, system] of systems.entries()) {
    if (outcomes.has(system)) continue;
    throwIfAborted(signal);
    const shared = sharedFor(scopes[s]!, known);
    try {
      const answer = await ask(system, gold, { shared, signal });
      await traces.append(system.name, answer.trace);
      outcomes.set(system, { answer });
    } catch (error) {
      if (signal?.aborted || !DiscernError.is(error) || isFatal(error)) throw error;
      outcomes.set(system, { failure: { id: gold.id, code: error.code, message: messageOf(error) } });
    }
    known.push({ scope: scopes[s]!, ...shared });
    onAnswer();
  }
  return systems.map((system) => outcomes.get(system)!);
}

async function replayed(trace: Trace, { name }: System): Promise<Answer> {
  try {
    return await replay(trace);
  } catch (cause) {
    if (!DiscernError.is(cause)) throw cause;
    throw new DiscernError(cause.code, `the trace "${trace.id}" of "${name}" cannot be replayed: ${cause.message}`, {
      cause,
      hint: 'it was made by another version: give another folder with --out, or begin anew with --fresh',
    });
  }
}

/** The facts of other configs that hold for this one; of two that answer the same request the later, which is wider. */
function sharedFor(scope: FactScope, known: readonly Known[]): SharedFacts {
  const shared = createSharedFacts();
  for (const { scope: other, facts, passages } of known) {
    for (const [id, fact] of facts) if (other(fact) === scope(fact)) shared.facts.set(id, fact);
    Object.assign(shared.passages, passages);
  }
  return shared;
}

/** Requests that a config shares with one before it. A longer recall is another request than a shorter one. */
function countRequests(outcomes: readonly (readonly Outcome[])[], scopes: readonly FactScope[]) {
  let [requests, sharedRequests] = [0, 0];
  for (const row of outcomes) {
    const seen = new Set<string>();
    for (const [s, one] of row.entries()) {
      if (!('answer' in one)) continue;
      const { trace, cost } = one.answer;
      requests += cost.requests;
      // What a shadow was asked comes after them, and is outside of the cost.
      for (const fact of trace.facts.slice(0, cost.requests)) {
        const width = fact.role === 'recall' ? (fact.value as { readonly topK?: number }).topK : null;
        const id = JSON.stringify([scopes[s]!(fact), fact.role, fact.backend, fact.key, width]);
        if (seen.has(id)) sharedRequests += 1;
        else seen.add(id);
      }
    }
  }
  return { requests, sharedRequests };
}

/** Works on so many items at the same time. The first error stops the others, and is thrown once they have ended. */
async function eachAtOnce<T, R>(
  items: readonly T[],
  parallel: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  // Every request of every item listens to it while it waits: that is no leak.
  setMaxListeners(0, either);
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const errors: unknown[] = [];
  const worker = async () => {
    for (const [i, item] of queue) {
      if (either.aborted) return;
      try {
        results[i] = await work(item, either);
      } catch (error) {
        errors.push(error);
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
  throwIfAborted(signal);
  if (errors.length > 0) throw errors[0];
  return results;
}
