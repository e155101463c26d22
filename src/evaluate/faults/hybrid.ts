import type { Config } from '../../config.ts';
import type { Fact, Trace } from '../../types.ts';
import { backendName, type ComparedModels, type FactPair, sameFact, sharedFacts } from './facts.ts';
import type { TracePair } from './pairs.ts';
import { FAULT_STAGES, type FaultStage, namesPart, STAGE_PARTS, stageOfFact, whatIsMade } from './stages.ts';

/** A changed question, ready to be put together from parts of both runs. */
export interface Mixture {
  readonly pair: TracePair;
  readonly facts: FactPair;
  readonly models: ComparedModels;
}

/** The isRel critic is another one, or one run has none: then isRel.threshold, which is fitted to a critic, goes with it. */
const hasOwnThreshold = ({ a, b }: TracePair): boolean => a.backends['critic.isRel'] !== b.backends['critic.isRel'];

const sidesOf = ({ a, b }: TracePair, stage: FaultStage, fromA: ReadonlySet<FaultStage>): [own: Trace, other: Trace] =>
  fromA.has(stage) ? [a, b] : [b, a];

function optionsFrom(pair: TracePair, fromA: ReadonlySet<FaultStage>): Config {
  const groups = FAULT_STAGES.flatMap((stage) =>
    STAGE_PARTS[stage].options.map((group) => [group, sidesOf(pair, stage, fromA)[0].config[group]] as const),
  );
  return { ...pair.b.config, ...Object.fromEntries(groups) } as Config;
}

/**
 * What one stage's models said, of one side; of the other side only what a model said that is the same in both runs, for
 * requests that this side has not made.
 */
function factsOf({ facts, models }: Mixture, stage: FaultStage, isA: boolean): Fact[] {
  const [own, other] = isA ? [facts.a, facts.b] : [facts.b, facts.a];
  const mine = [...own.values()].filter(({ role }) => stageOfFact(role) === stage);
  const lent = [...other].flatMap(([id, fact]) =>
    stageOfFact(fact.role) === stage && !own.has(id) && !models.changed.has(backendName(fact)) ? [fact] : [],
  );
  return [...mine, ...lent];
}

/**
 * The run that each part is from. A part that its own run did not make, since other options had no use for it, is lent
 * by the other.
 */
function partsFrom(pair: TracePair, fromA: ReadonlySet<FaultStage>, config: Config): ReadonlyMap<string, Trace> {
  const lends = whatIsMade(pair.a.config) !== whatIsMade(pair.b.config);
  const from = new Map<string, Trace>();
  for (const stage of FAULT_STAGES) {
    const [own, other] = sidesOf(pair, stage, fromA);
    for (const role of STAGE_PARTS[stage].backends) {
      const isLent = own.backends[role] === undefined && lends && namesPart(role, config);
      from.set(role, isLent ? other : own);
    }
  }
  return from;
}

/** The trace of the second run with some stages taken from the first: their facts, parts and options. */
export function hybridTrace(mixture: Mixture, fromA: ReadonlySet<FaultStage>): Trace {
  const { pair } = mixture;
  const config = optionsFrom(pair, fromA);
  const from = partsFrom(pair, fromA, config);
  const known = [...from].filter(([role, { backends }]) => backends[role] !== undefined);
  const abilities = known.filter(([role, trace]) => trace.abilities[role] !== undefined);
  // Values that were fitted to a part go where it goes.
  const { mix } = from.get('rerank')!.config.rerank;
  const { threshold } = hasOwnThreshold(pair) ? from.get('critic.isRel')!.config.isRel : config.isRel;
  const { gate } = from.get('gate.sample')!;
  const [second, first] = sidesOf(pair, 'recall', fromA);
  return {
    ...{ version: 1, id: pair.b.id, question: pair.b.question, prompts: {} },
    config: { ...config, rerank: { ...config.rerank, mix }, isRel: { ...config.isRel, threshold } },
    backends: Object.fromEntries(known.map(([role, { backends }]) => [role, backends[role]!])),
    abilities: Object.fromEntries(abilities.map(([role, trace]) => [role, trace.abilities[role]!])),
    ...(gate && { gate }),
    passages: { ...first.passages, ...second.passages },
    facts: FAULT_STAGES.flatMap((stage) => factsOf(mixture, stage, fromA.has(stage))),
    events: [],
    answer: pair.b.answer,
  };
}

const text = (value: unknown): string => JSON.stringify(value) ?? '';

/** Parts of a stage, and what they can do, that are not the same in both. */
const otherParts = ({ a, b }: TracePair, stage: FaultStage): boolean =>
  STAGE_PARTS[stage].backends.some(
    (role) => a.backends[role] !== b.backends[role] || text(a.abilities[role]) !== text(b.abilities[role]),
  ) ||
  (stage === 'gate' && text(a.gate) !== text(b.gate));

const otherOptions = (pair: TracePair, stage: FaultStage): boolean =>
  STAGE_PARTS[stage].options.some((group) => {
    const leave = group === 'isRel' && hasOwnThreshold(pair) ? { threshold: null } : {};
    return text({ ...pair.a.config[group], ...leave }) !== text({ ...pair.b.config[group], ...leave });
  });

/** Ids of passages that have another text in the second run. */
export const editedPassages = ({ a, b }: TracePair): string[] =>
  Object.values(a.passages).flatMap(({ id, text: words }) => ((b.passages[id]?.text ?? words) === words ? [] : [id]));

/** Whether a model of the stage answered one of the shared requests differently, however little. */
const otherFacts = ({ facts }: Pick<Mixture, 'facts'>, stage: FaultStage, isTimed = false): boolean =>
  sharedFacts(facts).some(
    ([a, b]) => stageOfFact(a.role) === stage && (!sameFact(a, b, 0) || (isTimed && a.ms !== b.ms)),
  );

/** The stages that can make a difference for this question. The others are the same in both worlds. */
export function suspects(mixture: Mixture): FaultStage[] {
  const { pair, facts, models } = mixture;
  const isTimed = pair.a.config.budget.ms !== null || pair.b.config.budget.ms !== null;
  const asked = new Set(
    [...facts.a.values(), ...facts.b.values()].flatMap((fact) =>
      models.changed.has(backendName(fact)) ? [stageOfFact(fact.role)] : [],
    ),
  );
  return FAULT_STAGES.filter(
    (stage) =>
      asked.has(stage) ||
      otherParts(pair, stage) ||
      otherOptions(pair, stage) ||
      otherFacts(mixture, stage, isTimed) ||
      (stage === 'recall' && editedPassages(pair).length > 0),
  );
}
