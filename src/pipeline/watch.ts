import type { CallOptions, Critic } from '../contracts.ts';
import type { Critics } from '../stages/critique.ts';
import type { FactLog } from '../trace.ts';
import type { Critique, CritiqueRequest, ReflectionKind } from '../types.ts';
import type { Shadow } from './shadow.ts';

/** Tells of critiques that are not as configured: an event for each reason, once. */
export function degradeNotes(log: FactLog) {
  const told = new Set<string>();
  return (said: readonly Critique[], level: number, role: string | null): void => {
    for (const { kind, degraded, by, undecided } of said) {
      if (degraded === undefined) continue;
      const outcome = undecided ? 'undecided' : by === undefined ? 'left out' : `${by} answered`;
      const event = { type: 'degraded', level, role: role ?? kind, reason: `${degraded}; ${outcome}` } as const;
      const name = `${event.role} ${event.reason}`;
      if (!told.has(name)) log.emit(event);
      told.add(name);
    }
  };
}

/**
 * The critics with what they say looked at: what is not as configured becomes an event, and the shadow gets to know
 * what is asked. Of calls at the same time each ends after those begun before it, so that events have one order in every run.
 */
export function watchCritics(critics: Critics, shadow: Shadow | null, log: FactLog, level: () => number): Critics {
  const note = degradeNotes(log);
  let before: Promise<unknown> = Promise.resolve();
  const watch = (critic: Critic): Critic => ({
    ...critic,
    critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options?: CallOptions) {
      const [earlier, at] = [before, level()];
      shadow?.note(critic.id, requests);
      const call = critic.critique(requests, options).then(async (said) => {
        await earlier;
        note(said, at, null);
        return said;
      });
      before = call.catch(() => {});
      return call;
    },
  });
  const watched = new Map([...new Set(Object.values(critics))].map((critic) => [critic, critic && watch(critic)]));
  const of = (kind: ReflectionKind) => watched.get(critics[kind])!;
  return { retrieve: of('retrieve'), isRel: of('isRel'), isSup: of('isSup'), isUse: of('isUse') };
}
