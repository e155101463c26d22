import type { Config } from '../config.ts';
import type { Capabilities, Critic, Generator } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { type Parts, partsByRole } from '../pipeline/parts.ts';
import { needsSamples } from '../stages/gate-decision.ts';

type Part = Critic | Generator;

/** A server that takes longer shows it again when it is asked something. */
const PROBE_MS = 10_000;

/** What a config wants of log-probabilities and a generator does not give, as sentences. */
export function missedLogprobs(part: Part, { logprobs }: Capabilities, { weights, gate }: Config): readonly string[] {
  if (!('abilities' in part) || !part.abilities.logprobs || logprobs !== 'none') return [];
  return [
    ...(weights.lm === 'none' ? [] : ['without log-probabilities segments have no likelihood term']),
    ...(gate.when === 'never' || !needsSamples(gate.measure)
      ? []
      : ['without log-probabilities each sampled answer counts the same']),
  ];
}

/**
 * What the parts on servers give, by role: asked at their first use, once in a process. `tell` gets what a person should
 * know. A probe that fails fails no question, and is tried again with the next one.
 */
export function capabilityLog(tell: (text: string) => void, timeoutMs = PROBE_MS) {
  const known = new Map<Part, Promise<Capabilities | null>>();

  async function ask(part: Part): Promise<Capabilities | null> {
    try {
      return await part.probe!({ signal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      // What a server says is not for a trace or a terminal.
      tell(`${part.id} cannot be asked what it gives (${DiscernError.is(error) ? error.code : 'failed'})`);
      return null;
    }
  }

  return async (parts: Parts, config: Config): Promise<Record<string, Capabilities>> => {
    const roles = Object.values(partsByRole(parts)).flat<(readonly [string, Part])[][]>();
    const found = await Promise.all(
      roles.map(async ([role, part]) => {
        if (!part.probe || part.local === true) return [];
        const asked = known.get(part) ?? ask(part);
        known.set(part, asked);
        const capabilities = await asked;
        if (capabilities === null) {
          known.delete(part);
          return [];
        }
        for (const told of [...missedLogprobs(part, capabilities, config), ...capabilities.notes])
          tell(`${part.id}: ${told}`);
        return [[role, capabilities] as const];
      }),
    );
    return Object.fromEntries(found.flat());
  };
}
