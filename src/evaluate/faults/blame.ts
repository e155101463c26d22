import { DiscernError, throwIfAborted } from '../../errors.ts';
import { prepareReplay } from '../../replay/prepared.ts';
import type { Answer, Trace, TraceEvent } from '../../types.ts';
import { backendName, factId, NOISE, near } from './facts.ts';
import { hybridTrace, type Mixture, suspects } from './hybrid.ts';
import { FAULT_STAGES, type FaultStage, stageOfFact, stageSets } from './stages.ts';

/** What a reader of an answer sees. */
export interface Said {
  readonly text: string;
  /** Why there is no answer; null where there is one. */
  readonly unanswered: string | null;
}

export const saidBy = ({ text, unanswered }: Pick<Answer, 'text' | 'unanswered'>): Said => ({
  text,
  unanswered: unanswered?.reason ?? null,
});

export const saysSame = (a: Said, b: Said): boolean => a.text === b.text && a.unanswered === b.unanswered;

/** Who is to blame for one changed answer. */
export interface Blame {
  /** The smallest, then earliest set of stages that bring the answer back; empty where nothing differs. */
  readonly stages: readonly FaultStage[];
  /** `substitution`: with these stages as in the baseline the answer is the baseline's. */
  readonly by: 'substitution' | 'first difference';
  /** Sets that come before it and could not be tried, since nobody recorded the facts that they need. */
  readonly untried: readonly (readonly FaultStage[])[];
  /** Other stages that the substitution takes for the same only because of the ids of their models: see `unknown`. */
  readonly unchecked: readonly FaultStage[];
}

/** What a question comes to from its facts; null where one of them was not recorded. */
export async function answerOf(trace: Trace, signal?: AbortSignal): Promise<Answer | null> {
  throwIfAborted(signal);
  try {
    return await prepareReplay(trace).answer();
  } catch (error) {
    // Options of one run and parts of the other may not go together, such as a gate without a sampler.
    if (DiscernError.is(error, 'REPLAY_FACT_MISSING') || DiscernError.is(error, 'CONFIG_INVALID')) return null;
    throw error;
  }
}

/** Finds the stages which, taken from the first run, make the second say `target`. At most 63 replays. */
export async function blameChange(mixture: Mixture, target: Said, signal?: AbortSignal): Promise<Blame> {
  const untried: FaultStage[][] = [];
  for (const stages of stageSets(suspects(mixture))) {
    const answer = await answerOf(hybridTrace(mixture, new Set(stages)), signal);
    if (answer === null) untried.push(stages);
    else if (saysSame(saidBy(answer), target))
      return { stages, by: 'substitution', untried, unchecked: uncheckedStages(mixture, stages, answer) };
  }
  const first = firstDifference(mixture);
  return { stages: first === null ? [] : [first], by: 'first difference', untried, unchecked: [] };
}

/**
 * The stages, not put back, of which the answer needs what only the first run heard, where no shared request tells that
 * the second would hear the same.
 */
function uncheckedStages({ facts, models }: Mixture, stages: readonly FaultStage[], { trace }: Answer): FaultStage[] {
  const lent = trace.facts.filter((fact) => !facts.b.has(factId(fact)) && models.unchecked.has(backendName(fact)));
  const found = new Set(lent.map(({ role }) => stageOfFact(role)));
  return FAULT_STAGES.filter((stage) => found.has(stage) && !stages.includes(stage));
}

/** The stage that an event tells of. What critics say and what options make of it stand in one event. */
function stageOfEvent(event: TraceEvent, other: TraceEvent | undefined, isCritic: boolean): FaultStage {
  switch (event.type) {
    case 'recall-end':
      return 'recall';
    case 'rerank-end':
      return 'rerank';
    case 'gate-decided':
    case 'gate-skipped':
    case 'negative-utility':
      return 'gate';
    case 'segment-scored':
      return other?.type === event.type && other.text === event.text && other.passageId === event.passageId
        ? isCritic
          ? 'critic'
          : 'settings'
        : 'generator';
    case 'retrieve-decided':
    case 'relevance-decided':
      return isCritic ? 'critic' : 'settings';
    case 'degraded':
      return 'critic';
    default:
      return 'settings';
  }
}

/** The stage of the first event that is not the same in both traces; null where nothing differs. */
export function firstDifference(mixture: Mixture): FaultStage | null {
  const [a, b] = [mixture.pair.a.events, mixture.pair.b.events];
  const stages = suspects(mixture);
  const at = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => i).find((i) => !near(a[i], b[i], NOISE));
  if (at === undefined) return stages[0] ?? null;
  const told = [[a[at], b[at]] as const, [b[at], a[at]] as const].flatMap(([event, other]) =>
    event ? [stageOfEvent(event, other, stages.includes('critic'))] : [],
  );
  return FAULT_STAGES.find((stage) => told.includes(stage)) ?? null;
}
