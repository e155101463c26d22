import { type Config, publicConfig } from '../config.ts';
import type { Capabilities, Critic, Generator } from '../contracts.ts';
import type { EvidenceParts } from '../stages/evidence.ts';
import type { GateParts } from '../stages/gate.ts';
import type { Generators } from '../stages/generate.ts';
import type { ReplayMemo } from '../trace/memo.ts';
import {
  recordCritic,
  recordEntailment,
  recordGenerator,
  recordRecaller,
  recordReranker,
  recordRewriter,
} from '../trace/record.ts';
import type { FactLog, FactSource } from '../trace.ts';
import type { Trace } from '../types.ts';

/** What answers a question: models behind contracts. Null = there is none. */
export interface Parts extends EvidenceParts {
  readonly generators: Generators;
  /** Null: nothing is asked about the context. */
  readonly gate: GateParts | null;
  /** Asked what the critics were asked, after them and outside the budget; decides nothing. Absent or null: nobody. */
  readonly shadow?: Critic | null;
  /** What parts turned out to give, by role, for the trace. */
  readonly capabilities?: Readonly<Record<string, Capabilities>>;
}

/** Critics and generators with the roles that a trace names them by; the shadow is none of the critics. */
export function partsByRole({ critics, generators, gate, shadow }: Parts) {
  const named = <P>(prefix: string, parts: Readonly<Record<string, P | null | undefined>>) =>
    Object.entries(parts).flatMap(([use, part]) => (part ? [[`${prefix}.${use}`, part] as const] : []));
  return {
    critics: named<Critic>('critic', critics),
    shadows: named<Critic>('critic', { shadow }),
    generators: [...named<Generator>('generate', { ...generators }), ...named('gate', { sample: gate?.sampler })],
  };
}

/** The parts with everything that they are asked going through the log. `known` holds the passages of recorded recalls. */
export function recordParts(
  live: Parts,
  log: FactLog,
  known: Pick<FactSource, 'passages' | 'memo'> | undefined,
): Parts {
  const { rewriter, recaller, reranker, critics, generators, gate } = live;
  const recorded = new Map(
    [...new Set(Object.values(critics))].map((critic) => [critic, critic && recordCritic(critic, log)]),
  );
  const generator = (one: Generator | null) => one && recordGenerator(one, log);
  return {
    rewriter: rewriter && recordRewriter(rewriter, log),
    recaller: recaller && recordRecaller(recaller, log, known),
    reranker: reranker && recordReranker(reranker, log),
    critics: {
      retrieve: recorded.get(critics.retrieve)!,
      isRel: recorded.get(critics.isRel)!,
      isSup: recorded.get(critics.isSup)!,
      isUse: recorded.get(critics.isUse)!,
    },
    generators: {
      withContext: generator(generators.withContext),
      closedBook: generator(generators.closedBook),
      quotes: generator(generators.quotes),
    },
    gate: gate && {
      sampler: generator(gate.sampler),
      entailment: gate.entailment && recordEntailment(gate.entailment, log),
      estimator: gate.estimator,
    },
  };
}

/** The record of a question, but for its answer. */
export function traceOf(
  question: string,
  parts: Parts,
  config: Config,
  log: FactLog,
  id: string,
  memo?: ReplayMemo,
): Omit<Trace, 'answer'> {
  const head = (memo?.heads.get(parts) as Head | undefined) ?? headOf(parts);
  memo?.heads.set(parts, head);
  return {
    ...{ version: 1, id, question, config: shownConfig(config), ...head },
    ...{ passages: log.passages, facts: log.facts, events: log.events },
  };
}

const shown = new WeakMap<Config, Config>();

function shownConfig(config: Config): Config {
  const known = shown.get(config) ?? publicConfig(config);
  shown.set(config, known);
  return known;
}

type Head = Pick<Trace, 'backends' | 'abilities' | 'capabilities' | 'prompts' | 'gate'>;

function headOf(parts: Parts): Head {
  const { rewriter, recaller, reranker, gate, shadow, capabilities = {} } = parts;
  const rewriters = rewriter ? [['rewrite', rewriter] as const] : [];
  const { critics: criticsByRole, shadows, generators: writers } = partsByRole(parts);
  const entailments = gate?.entailment ? [['gate.entail', gate.entailment] as const] : [];
  const finders = [['recall', recaller] as const, ['rerank', reranker] as const].flatMap(([role, part]) =>
    part ? [[role, part] as const] : [],
  );
  return {
    backends: Object.fromEntries(
      [...rewriters, ...finders, ...criticsByRole, ...shadows, ...writers, ...entailments].map(
        ([role, { id: backend }]) => [role, backend],
      ),
    ),
    abilities: Object.fromEntries<Record<string, boolean>>([
      ...criticsByRole.map(([role, { predictsContinue = false }]) => [role, { predictsContinue }] as const),
      // Which of the requests it is asked.
      ...shadows.map(([role, { kinds }]) => [role, Object.fromEntries(kinds.map((kind) => [kind, true]))] as const),
      ...writers.map(([role, { abilities }]) => [role, { ...abilities }] as const),
    ]),
    ...(Object.keys(capabilities).length > 0 && { capabilities }),
    prompts: Object.assign(
      {},
      ...[...rewriters, ...criticsByRole, ...writers].map(([, { prompts }]) => prompts ?? {}),
      shadowPrompts(shadow),
    ),
    ...(gate?.estimator && { gate: gate.estimator }),
  };
}

/** Under names of their own: the critics have prompts for the same tokens. */
const shadowPrompts = (shadow: Critic | null | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(shadow?.prompts ?? {}).map(([name, hash]) => [`shadow ${name}`, hash]));
