import type { Token } from 'node-llama-cpp';
import type { Ask, LlamaEngine, Next } from './llama-engine.ts';

/** A prompt to be written after, and which of the requests it is. */
export interface Job {
  readonly index: number;
  readonly parts: readonly (readonly Token[])[];
}

/** Drawing is among this many of the likeliest tokens. */
const TOP = 64;

/** What is needed of a next token to pick it at this temperature. */
export const askFor = (temperature: number): Ask => (temperature === 0 ? {} : { top: TOP });

/** The likeliest token, or one drawn at this temperature. */
export function pick({ best, logits }: Next, temperature: number, random: () => number): Token {
  if (temperature === 0) return best;
  const largest = logits.get(best)!;
  const weights = [...logits].map(([token, logit]) => [token, Math.exp((logit - largest) / temperature)] as const);
  let rest = random() * weights.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [token, weight] of weights) {
    rest -= weight;
    if (rest < 0) return token;
  }
  return best;
}

/** What the model itself gives a token: temperature 1, whole vocabulary. */
export const logprobOf = ({ logits, logTotal }: Next, token: Token): number =>
  Math.min(0, logits.get(token)! - logTotal);

/** Which slot writes which jobs: those of one prompt share a slot, if possible the one that still holds it. */
export function plan(engine: LlamaEngine, jobs: readonly Job[]): Job[][] {
  const queues: Job[][] = engine.slots.map(() => []);
  const groups = new Map<string, Job[]>();
  for (const job of jobs) {
    const prompt = job.parts.slice(0, -1).join();
    groups.set(prompt, [...(groups.get(prompt) ?? []), job]);
  }
  for (const group of groups.values()) {
    const shortest = Math.min(...queues.map((queue) => queue.length));
    const free = queues.flatMap((queue, i) => (queue.length === shortest ? [i] : []));
    const held = free.map((i) => engine.shared(engine.slots[i]!, group[0]!.parts));
    queues[free[held.indexOf(Math.max(...held))]!]!.push(...group);
  }
  return queues;
}
