import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { critiqueAll } from '../../stages/critique.ts';
import { recordCritic } from '../../trace/record.ts';
import { createFactLog, type FactSource } from '../../trace.ts';
import type { Critique, CritiqueRequest, ReflectionKind } from '../../types.ts';
import type { ComparedState, CriticState } from './compare-states.ts';
import type { EvalCase } from './rows.ts';

/** What it took to hear a critic. A request that was answered before is not asked again. */
export interface CriticCost {
  readonly requests: number;
  /** Of these, answered from the facts of traces. */
  readonly recorded: number;
  /** Calls for the others. */
  readonly calls: number;
  /** Milliseconds of the calls, and those that recorded answers took when they were given. */
  readonly ms: number;
}

export interface Heard {
  readonly critic: Critic;
  cost(): CriticCost;
}

/** Milliseconds of a clock. */
type Now = () => number;

const NO_FACTS: FactSource = { facts: new Map(), passages: {} };

/** The critic, with what it said before taken from these facts. It is asked the rest, each request once. */
export function heardCritic(critic: Critic, now: Now, source = NO_FACTS): Heard {
  const [known, asked] = [createFactLog({ source }), createFactLog({ now })];
  const [recorded, live] = [recordCritic(critic, known), recordCritic(critic, asked)];
  const isKnown = [...source.facts.values()].some(({ role, backend }) => role === 'critique' && backend === critic.id);

  async function critique<K extends ReflectionKind>(
    requests: readonly CritiqueRequest<K>[],
    options?: CallOptions,
  ): Promise<Critique<K>[]> {
    if (!isKnown) return live.critique(requests, options);
    const before: (Critique<K> | null)[] = [];
    for (const request of requests) before.push((await unlessMissing(recorded.critique([request])))?.[0] ?? null);
    const open = requests.filter((_, i) => before[i] === null);
    const said = open.length === 0 ? [] : await live.critique(open, options);
    let next = 0;
    return before.map((one) => one ?? said[next++]!);
  }
  return {
    critic: { ...critic, critique },
    cost: () => ({
      requests: known.facts.length + asked.facts.length,
      recorded: known.facts.length,
      calls: asked.spent.calls,
      ms: known.spent.ms + asked.spent.ms,
    }),
  };
}

/** Null where a fact would be needed that no trace holds. */
export async function unlessMissing<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (DiscernError.is(error, 'REPLAY_FACT_MISSING')) return null;
    throw error;
  }
}

export const sumCosts = (costs: readonly CriticCost[]): CriticCost =>
  costs.reduce(
    (sum, cost) => ({
      requests: sum.requests + cost.requests,
      recorded: sum.recorded + cost.recorded,
      calls: sum.calls + cost.calls,
      ms: sum.ms + cost.ms,
    }),
    { requests: 0, recorded: 0, calls: 0, ms: 0 },
  );

/** Labelled rows as states: a row of a pair is two of them, of which none is known to be right. */
export const statesOfCases = (
  cases: readonly EvalCase[],
  thresholdOf: (kind: ReflectionKind) => number | null,
): CriticState[] =>
  cases.flatMap(({ head, source, truth, asked }) =>
    head === 'entail'
      ? []
      : asked.map((request) => ({
          ...{ kind: head, source, request, threshold: thresholdOf(head) },
          truth: 'better' in truth ? null : truth.label,
        })),
  );

/** States that are asked together: few enough for progress and a quick stop. */
const BATCH = 64;

export interface AskOptions extends CallOptions {
  readonly onProgress?: (done: number) => void;
}

/** Asks both critics about all states, one critic after the other. A state that one of them cannot be asked is left out. */
export async function askBoth(
  states: readonly CriticState[],
  a: Critic,
  b: Critic,
  { signal, onProgress }: AskOptions,
): Promise<ComparedState[]> {
  const compared: ComparedState[] = [];
  for (let from = 0; from < states.length; from += BATCH) {
    throwIfAborted(signal);
    const batch = states.slice(from, from + BATCH);
    const requests = batch.map(({ request }) => request);
    const ofA = await hear(requests, a, { signal });
    const ofB = await hear(requests, b, { signal });
    for (const [i, state] of batch.entries()) if (ofA[i] && ofB[i]) compared.push({ ...state, a: ofA[i], b: ofB[i] });
    onProgress?.(from + batch.length);
  }
  return compared;
}

/** What the critic says, checked; null where it speaks from facts alone and there is none. */
async function hear(
  requests: readonly CritiqueRequest[],
  critic: Critic,
  options: CallOptions,
): Promise<(Critique | null)[]> {
  const critics = { retrieve: critic, isRel: critic, isSup: critic, isUse: critic };
  const all = await unlessMissing(critiqueAll(requests, critics, options));
  if (all !== null) return all;
  const said: (Critique | null)[] = [];
  for (const request of requests)
    said.push((await unlessMissing(critiqueAll([request], critics, options)))?.[0] ?? null);
  return said;
}
