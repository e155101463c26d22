import { z } from 'zod';
import type { ConfigInput } from '../../config.ts';
import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { replayWithCritics } from '../../replay/critics.ts';
import { plainText } from '../../stages/answer.ts';
import { factSource } from '../../trace.ts';
import { type CritiqueRequest, REFLECTIONS, type ReflectionKind, type Trace } from '../../types.ts';
import type { ReplayedAnswer } from './compare-answers.ts';
import { type Heard, heardCritic, unlessMissing } from './compare-ask.ts';
import type { DecidingKind } from './compare-decisions.ts';
import type { CriticState } from './compare-states.ts';

const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

/** A critic, and the threshold on P(relevant) that was fitted for it; null where none was. */
export interface Contender {
  readonly critic: Critic;
  readonly isRelThreshold: number | null;
}

const SaidFact = z.looseObject({ kind: z.enum(KINDS), probs: z.record(z.string(), z.number()) });

/** A critic of this id that speaks from the facts of traces alone. Null where none holds a word of it. */
export function recordedCritic(id: string, traces: readonly Trace[]): Critic | null {
  const said = traces.flatMap(({ facts }) =>
    facts.flatMap(({ role, backend, value }) => {
      const fact = role === 'critique' && backend === id ? SaidFact.safeParse(value) : null;
      return fact?.success ? [fact.data] : [];
    }),
  );
  if (said.length === 0) return null;
  const kinds = KINDS.filter((kind) => said.some((fact) => fact.kind === kind));
  const isDeclared = traces.some(({ backends, abilities }) =>
    Object.entries(abilities).some(([role, able]) => backends[role] === id && able.predictsContinue === true),
  );
  const critique = () =>
    Promise.reject(new DiscernError('REPLAY_FACT_MISSING', `${id} speaks from facts alone, and was not asked this`));
  // Of a shadow no trace says whether it can say `continue`: it has done so, or it is taken for one that cannot.
  const predictsContinue = isDeclared || said.some(({ probs }) => (probs.continue ?? 0) > 0);
  return { id, kinds, predictsContinue, critique, close: async () => {} };
}

/** A trace in which one critic takes the place of another. */
export interface Swap {
  readonly trace: Trace;
  readonly a: Heard;
  readonly b: Heard;
  /** The tokens that change hands: those of A, or, where it has none, all that both predict. */
  readonly kinds: readonly ReflectionKind[];
  /** Options of the replays; its isRel threshold is that of A where isRel changes hands. */
  readonly change: ConfigInput;
  readonly states: readonly CriticState[];
}

export interface SwapOptions extends CallOptions {
  readonly now: () => number;
  /** Names the states. */
  readonly source: string;
  readonly change: ConfigInput;
}

/** Rebuilds what the critics of a trace were asked, by answering it again. Throws REPLAY_FACT_MISSING where that fails. */
export async function openSwap(
  trace: Trace,
  a: Contender,
  b: Contender,
  { now, source, change, signal }: SwapOptions,
): Promise<Swap> {
  const facts = factSource(trace);
  const both = KINDS.filter((kind) => a.critic.kinds.includes(kind) && b.critic.kinds.includes(kind));
  const present = both.filter((kind) => trace.backends[`critic.${kind}`] !== undefined);
  const ofA = present.filter((kind) => trace.backends[`critic.${kind}`] === a.critic.id);
  const kinds = ofA.length > 0 ? ofA : present;
  const given = change.isRel?.threshold ?? null;
  const fitted = ofA.includes('isRel') ? null : a.isRelThreshold;
  const isRel = given ?? fitted ?? trace.config.isRel.threshold ?? 0;
  const retrieve = change.retrieve?.threshold ?? trace.config.retrieve.threshold;
  const requests = await requestsOf(trace, change, { signal });
  return {
    trace,
    a: heardCritic(a.critic, now, facts),
    b: heardCritic(b.critic, now, facts),
    kinds,
    change: kinds.includes('isRel') ? { ...change, isRel: { ...change.isRel, threshold: isRel } } : change,
    states: requests
      .filter(({ kind }) => both.includes(kind))
      .map((request) => {
        // A sentence is asked about as a passage of its own, which is scored but never dropped.
        const isSentence = request.kind === 'isRel' && trace.passages[request.passage.id] === undefined;
        return {
          ...{ kind: request.kind, source: isSentence ? `${source}, sentences` : source, request, truth: null },
          threshold: request.kind === 'retrieve' ? retrieve : request.kind === 'isRel' && !isSentence ? isRel : null,
        };
      }),
  };
}

/** Every distinct request to the critics of a trace. */
async function requestsOf(trace: Trace, change: ConfigInput, options: CallOptions): Promise<CritiqueRequest[]> {
  const collected: CritiqueRequest[] = [];
  const collecting = (critic: Critic): Critic => ({
    ...critic,
    critique: (requests, call) => {
      collected.push(...requests);
      return critic.critique(requests, call);
    },
  });
  await replayWithCritics(
    trace,
    (recorded) => {
      const made = new Map(Object.values(recorded).map((critic) => [critic, critic && collecting(critic)]));
      const { retrieve, isRel, isSup, isUse } = recorded;
      return {
        ...{ retrieve: made.get(retrieve)!, isRel: made.get(isRel)! },
        ...{ isSup: made.get(isSup)!, isUse: made.get(isUse)! },
      };
    },
    change,
    options,
  );
  return collected;
}

/** Thresholds in place of those of A; they hold for the tokens that change hands. */
export type BThresholds = Readonly<Partial<Record<DecidingKind, number>>>;

/** The answer of a trace with one of the two critics in place. Null where it goes where no part was asked. */
export async function replaySwapped(
  { trace, kinds, change }: Swap,
  { critic, cost }: Heard,
  thresholds: BThresholds,
  options: CallOptions,
): Promise<ReplayedAnswer | null> {
  let [calls, critiques] = [0, 0];
  const counted: Critic = {
    ...critic,
    critique: (requests, call) => {
      calls += 1;
      critiques += requests.length;
      return critic.critique(requests, call);
    },
  };
  const of = (kind: DecidingKind) => (kinds.includes(kind) ? thresholds[kind] : undefined);
  const [retrieve, isRel] = [of('retrieve'), of('isRel')];
  const answer = await unlessMissing(
    replayWithCritics(
      trace,
      (recorded) => ({ ...recorded, ...Object.fromEntries(kinds.map((kind) => [kind, counted])) }),
      {
        ...change,
        ...(retrieve !== undefined && { retrieve: { ...change.retrieve, threshold: retrieve } }),
        ...(isRel !== undefined && { isRel: { ...change.isRel, threshold: isRel } }),
      },
      { ...options, now: () => cost().ms },
    ),
  );
  return (
    answer && {
      text: plainText(answer),
      answered: answer.unanswered === null,
      ...{ calls, critiques, requests: answer.trace.facts.length },
    }
  );
}
