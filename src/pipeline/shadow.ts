import type { CallOptions, Critic } from '../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { type Critics, critiqueAll } from '../stages/critique.ts';
import { recordCritic } from '../trace/record.ts';
import { createFactLog, type FactLog, type FactSource } from '../trace.ts';
import { type Critique, type CritiqueRequest, type Fact, REFLECTIONS, type ReflectionKind } from '../types.ts';
import { degradeNotes } from './watch.ts';

/** A critic that is asked beside the others, decides nothing and holds nothing up but the end. */
export interface Shadow {
  /** Of these requests those that it predicts, unless they are asked of itself. */
  ask(critic: string, requests: readonly CritiqueRequest[]): void;
  /** Once all has been answered: what it said, as facts of its own; now its failures become events. */
  settle(): Promise<readonly Fact[]>;
  /** Gives up what is under way. */
  stop(): void;
}

export interface ShadowOptions extends CallOptions {
  readonly source?: FactSource;
  readonly now?: () => number;
}

/**
 * Asks one batch after the other, in the order in which the others are asked, so that facts have one order in every
 * run. They stand in a log of their own: nothing of it is spent. A failure is an undecided critique and an event.
 */
export function castShadow(
  critic: Critic,
  log: FactLog,
  { source, now, signal }: ShadowOptions,
  level: () => number,
): Shadow {
  const aside = createFactLog({ source, now });
  const stopped = new AbortController();
  const both = AbortSignal.any([stopped.signal, ...(signal ? [signal] : [])]);
  const recorded = recordCritic(enduring(critic), aside);
  const note = degradeNotes(log);
  const heard: { readonly said: readonly Critique[]; readonly at: number }[] = [];
  let queue: Promise<void> = Promise.resolve();

  async function askAll(requests: readonly CritiqueRequest[], at: number): Promise<void> {
    // A trace may hold some of the facts: each is looked up by itself.
    for (const batch of source ? requests.map((request) => [request]) : [requests]) {
      if (both.aborted) return;
      try {
        heard.push({ said: await recorded.critique(batch, { signal: both }), at });
      } catch (error) {
        if (!both.aborted && !DiscernError.is(error, 'REPLAY_FACT_MISSING')) throw error;
      }
    }
  }

  return {
    ask(other, requests) {
      const mine = requests.filter(({ kind }) => critic.kinds.includes(kind));
      if (mine.length === 0 || other === critic.id) return;
      const at = level();
      queue = queue.then(() => askAll(mine, at));
      queue.catch(() => {}); // `settle` passes it on
    },
    async settle() {
      await queue;
      for (const { said, at } of heard.splice(0)) note(said, at, 'critic.shadow');
      return aside.facts;
    },
    stop: () => stopped.abort(),
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
