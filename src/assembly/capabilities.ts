import type { Config } from '../config.ts';
import type { Capabilities, Critic, Generator } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { type Parts, partsByRole } from '../pipeline/parts.ts';
import { needsSamples } from '../stages/gate-decision.ts';

type Part = Critic | Generator;

/** A server that takes longer shows it again when it is asked something. */
const PROBE_MS = 10_000;

/** Where a part gives less than the config wants, and what to do about it. */
export interface Degradation {
  readonly what: string;
  readonly advice: string;
}

/** Notes are not among them: they may be of use without being a loss. */
export function degradationsOf(
  part: Part,
  { logprobs, thinksFirst }: Capabilities,
  { weights, gate }: Config,
): readonly Degradation[] {
  const isGenerator = 'abilities' in part;
  const sampled = gate.when !== 'never' && needsSamples(gate.measure);
  const wanted = !isGenerator || (part.abilities.logprobs && (weights.lm !== 'none' || sampled));
  const found: Degradation[] = [];
  if (isGenerator && wanted && logprobs === 'none') {
    if (weights.lm !== 'none')
      found.push({
        what: 'without log-probabilities segments have no likelihood term',
        advice: 'set --weights.lm none, or take a model that gives them',
      });
    if (sampled)
      found.push({
        what: 'without log-probabilities each sampled answer counts the same',
        advice: 'take a model that gives them',
      });
  }
  if (wanted && logprobs === 'sampled')
    found.push({
      what: 'its log-probabilities are what sampling left, not those of the model itself',
      advice: 'let the server give them raw (vLLM: --logprobs-mode raw_logprobs)',
    });
  if (thinksFirst === true)
    found.push({
      what: 'it thinks before it answers, out of the tokens of the answer',
      advice: 'switch thinking off where the model is served, or choose another one',
    });
  return found;
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
        for (const { what } of degradationsOf(part, capabilities, config)) tell(`${part.id}: ${what}`);
        return [[role, capabilities] as const];
      }),
    );
    return Object.fromEntries(found.flat());
  };
}
