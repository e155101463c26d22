import type { CallOptions, Critic } from '../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { type Critics, critiqueAll } from '../stages/critique.ts';
import { recordCritic } from '../trace/record.ts';
import { createFactLog, type FactLog, type FactSource, type ModelCalls } from '../trace.ts';
import { type Critique, type CritiqueRequest, type Fact, REFLECTIONS, type ReflectionKind } from '../types.ts';
import { degradeNotes } from './watch.ts';

/** A critic that is asked what the others are asked, and decides nothing. */
export interface Shadow {
  /** Of these requests those that it predicts, unless they are asked of itself. */
  note(critic: string, requests: readonly CritiqueRequest[]): void;
  /** Asks it: what it says, as facts of its own. What it fails with is an event. */
  ask(): Promise<readonly Fact[]>;
}

export interface ShadowOptions extends CallOptions {
  readonly source?: FactSource;
  readonly now?: () => number;
  readonly modelCalls?: ModelCalls;
}

/**
 * It is asked once the answer is there, so that it takes no time of the others: nothing of what it costs is in a budget.
 * One batch after the other, as the others were asked, so that facts have one order in every run.
 */
export function castShadow(
  critic: Critic,
  log: FactLog,
  { source, now, modelCalls, signal }: ShadowOptions,
  level: () => number,
): Shadow {
  const aside = createFactLog({ source, now, modelCalls });
  const recorded = recordCritic(enduring(critic), aside);
  const tell = degradeNotes(log);
  const noted: { readonly requests: readonly CritiqueRequest[]; readonly at: number }[] = [];
  return {
    note(other, requests) {
      const mine = requests.filter(({ kind }) => critic.kinds.includes(kind));
      if (mine.length > 0 && other !== critic.id) noted.push({ requests: mine, at: level() });
    },
    async ask() {
      // A trace may hold some of the facts: each is looked up by itself.
      for (const { requests, at } of noted.splice(0))
        for (const batch of source ? requests.map((request) => [request]) : [requests]) {
          throwIfAborted(signal);
          try {
            tell(await recorded.critique(batch, { signal }), at, 'critic.shadow');
          } catch (error) {
            if (!DiscernError.is(error, 'REPLAY_FACT_MISSING')) throw error;
          }
        }
      return aside.facts;
    },
  };
}

/** The critic with everything that it fails with, and everything unsound that it says, as undecided critiques. */
function enduring(critic: Critic): Critic {
  const only: Critics = { retrieve: critic, isRel: critic, isSup: critic, isUse: critic };
  return {
    ...critic,
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options: CallOptions = {}) {
      let said: readonly (Critique<K> | null)[] = [];
      let reason = `${critic.id}: CRITIC_INVALID`;
      try {
        said = await critiqueAll(requests, only, options);
      } catch (error) {
        throwIfAborted(options.signal);
        // The code alone: messages may hold paths, and this goes into traces.
        reason = `${critic.id}: ${DiscernError.is(error) ? error.code : error instanceof Error ? error.name : messageOf(error)}`;
      }
      return requests.map(({ kind }, i) => said[i] ?? undecided(kind as K, reason));
    },
  };
}

function undecided<K extends ReflectionKind>(kind: K, degraded: string): Critique<K> {
  const labels: readonly string[] = REFLECTIONS[kind];
  const all = (value: number) => Object.fromEntries(labels.map((label) => [label, value])) as Critique<K>['probs'];
  return { kind, probs: all(1 / labels.length), mass: Number.MIN_VALUE, degraded, undecided: { bounds: all(1) } };
}
