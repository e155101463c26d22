import type { ConfigInput } from '../config.ts';
import { seededRandom } from '../text/random.ts';
import { createSharedFacts, type SharedFacts } from '../trace.ts';
import type { Answer, Fact, Trace } from '../types.ts';

/** Answers with a change of the settings; facts that another setting asked for come from `shared`. */
export type AskWith = (change: ConfigInput, shared: SharedFacts) => Promise<Answer>;

export interface WideOptions {
  /** Random settings beside those that turn single decisions around. */
  readonly settings: number;
  readonly seed: number;
  /** What was asked before for the same question; absent: nothing. */
  readonly shared?: SharedFacts;
}

/** Just beside a value: the comparison with it turns out the other way. */
const BESIDE = 1e-9;

/** Quoted sentences and hypotheses that go on to the critics, so that their order can be replayed under other weights. */
const WIDER = { generate: { quotesBest: 5 }, beam: { width: 4 } } as const satisfies ConfigInput;

/**
 * Settings whose facts make an answer replayable under others: every comparison that it made turned around, more
 * candidates and hypotheses, and random weights and thresholds.
 */
export function wideSettings({ decisions, trace }: Answer, { settings, seed }: WideOptions): ConfigInput[] {
  const { config, backends } = trace;
  const cuts = [
    ...new Set(
      decisions.flatMap(({ about, value, level }) =>
        about === 'isRel' && level === 0 && value !== null ? [value] : [],
      ),
    ),
  ].sort((a, b) => a - b);
  const retrieves: ConfigInput[] =
    config.critics.retrieve === null || config.retrieve.mode === 'never'
      ? []
      : [0, 1].map((threshold) => ({ retrieve: { mode: 'adaptive', threshold } }));
  const relevances: ConfigInput[] =
    backends['critic.isRel'] === undefined
      ? []
      : [0, ...cuts].map((value) => ({ isRel: { threshold: Math.max(0, value - BESIDE) }, ...WIDER }));
  const gates: ConfigInput[] =
    config.gate.when === 'never' ? [] : [-1e9, 1e9].map((threshold) => ({ gate: { threshold } }));
  const next = seededRandom(seed);
  const random = Array.from({ length: settings }, (): ConfigInput => {
    const weight = () => 3 * next();
    return {
      isRel: { threshold: next() < 0.5 ? (config.isRel.threshold ?? 0) : next() },
      weights: { isRel: weight(), isSup: weight(), isUse: weight() },
      generate: { quotesBest: 1 + Math.floor(5 * next()), quoteMix: next(), quoteGain: next() },
      beam: { width: 1 + Math.floor(4 * next()) },
    };
  });
  return [WIDER, ...retrieves, ...relevances, ...gates, ...random];
}

/** Answers, and asks what other settings would have asked, so that the trace can be replayed under them. */
export async function askWide(ask: AskWith, options: WideOptions): Promise<Answer> {
  const { shared = createSharedFacts() } = options;
  const answer = await ask({}, shared);
  const traces: Trace[] = [];
  for (const change of wideSettings(answer, options)) traces.push((await ask(change, shared)).trace);
  return { ...answer, trace: widened(answer.trace, traces, shared) };
}

const idOf = ({ role, backend, key }: Fact): string => `${role} ${backend} ${key}`;

/** The trace with the facts and parts of the others; its own facts come first. */
function widened(trace: Trace, others: readonly Trace[], shared: SharedFacts): Trace {
  const own = new Set(trace.facts.map(idOf));
  const all = [...others].reverse();
  const merged = <K extends 'backends' | 'abilities' | 'prompts' | 'passages'>(key: K): Trace[K] =>
    Object.assign({}, ...all.map((other) => other[key]), trace[key]) as Trace[K];
  return {
    ...trace,
    backends: merged('backends'),
    abilities: merged('abilities'),
    prompts: merged('prompts'),
    passages: merged('passages'),
    ...(all.some(({ gate }) => gate) && { gate: trace.gate ?? all.find(({ gate }) => gate)?.gate }),
    facts: [
      // A longer recall serves the shorter one too.
      ...trace.facts.map((fact) => shared.facts.get(idOf(fact)) ?? fact),
      ...others.flatMap(({ facts }) => facts).filter((fact) => !own.has(idOf(fact)) && own.add(idOf(fact))),
    ],
  };
}
