import type { Config } from '../../config.ts';
import { needsSamples } from '../../stages/gate-decision.ts';
import type { FactRole } from '../../types.ts';

/** Where a fault may lie, in the order of the pipeline. `settings`: options alone decided otherwise, no model differed. */
export const FAULT_STAGES = ['recall', 'rerank', 'critic', 'gate', 'generator', 'settings'] as const;
export type FaultStage = (typeof FAULT_STAGES)[number];

type Group = keyof Config;

interface StageParts {
  readonly facts: readonly FactRole[];
  /** Roles by which a trace names the parts. */
  readonly backends: readonly string[];
  readonly options: readonly Group[];
}

/** What belongs to a stage. `models` belongs to none: it says where files lie. */
export const STAGE_PARTS: Readonly<Record<FaultStage, StageParts>> = {
  recall: {
    facts: ['rewrite', 'recall'],
    backends: ['rewrite', 'recall'],
    options: ['ingest', 'embedder', 'index', 'recall'],
  },
  rerank: { facts: ['rerank'], backends: ['rerank'], options: ['rerank'] },
  critic: {
    facts: ['critique'],
    backends: ['critic.retrieve', 'critic.isRel', 'critic.isSup', 'critic.isUse'],
    options: ['critics'],
  },
  gate: { facts: ['sample', 'entail'], backends: ['gate.sample', 'gate.entail'], options: ['gate'] },
  generator: {
    facts: ['extend'],
    backends: ['generate.withContext', 'generate.closedBook', 'generate.quotes'],
    options: ['generate'],
  },
  settings: { facts: [], backends: [], options: ['retrieve', 'isRel', 'weights', 'beam', 'budget'] },
};

const byMember = <K extends string>(members: (parts: StageParts) => readonly K[]): ReadonlyMap<K, FaultStage> =>
  new Map(FAULT_STAGES.flatMap((stage) => members(STAGE_PARTS[stage]).map((member) => [member, stage] as const)));

const OF_FACT = byMember(({ facts }) => facts);
const OF_GROUP = byMember(({ options }) => options);

export const stageOfFact = (role: FactRole): FaultStage => OF_FACT.get(role)!;

/** Null for options that decide nothing. */
export const stageOfGroup = (group: Group): FaultStage | null => OF_GROUP.get(group) ?? null;

/** The options that decide which parts are made at all, whichever parts the config names. */
export const whatIsMade = ({ retrieve, isRel, gate }: Config): string =>
  [retrieve.mode, isRel.whenNoEvidence, gate.when, gate.closedBook, gate.measure].join(' ');

/** Whether a config names a part for a role, where it is made. */
export function namesPart(role: string, { recall, rerank, critics, gate, generate }: Config): boolean {
  switch (role) {
    case 'rewrite':
      return recall.rewrite !== null;
    case 'rerank':
      return rerank.backend !== 'none';
    case 'critic.retrieve':
      return critics.retrieve !== null;
    case 'critic.isRel':
      return critics.isRel !== null;
    case 'critic.isSup':
      return critics.isSup !== null;
    case 'critic.isUse':
      return critics.isUse !== null;
    case 'gate.sample':
    case 'gate.entail':
      return gate.when !== 'never' && needsSamples(gate.measure);
    case 'generate.withContext':
      return generate.withContext !== null;
    case 'generate.closedBook':
      return generate.closedBook !== null;
    case 'generate.quotes':
      return generate.quotes > 0;
    default:
      return true;
  }
}

/** Sets of these stages, smallest first, then the earliest. */
export function stageSets(stages: readonly FaultStage[]): FaultStage[][] {
  const sets = Array.from({ length: 2 ** stages.length - 1 }, (_, i) =>
    stages.filter((_, at) => ((i + 1) >> at) % 2 === 1),
  );
  const places = new Map(sets.map((set) => [set, set.map((stage) => FAULT_STAGES.indexOf(stage))]));
  const order = (a: FaultStage[], b: FaultStage[]): number => {
    const [left, right] = [places.get(a)!, places.get(b)!];
    const at = left.findIndex((place, i) => place !== right[i]);
    return at < 0 ? 0 : left[at]! - right[at]!;
  };
  return sets.sort((a, b) => a.length - b.length || order(a, b));
}
