import type { Fact, FactRole, ReflectionKind, Trace } from '../../types.ts';
import type { TracePair } from './pairs.ts';
import { FAULT_STAGES, type FaultStage, STAGE_PARTS, stageOfFact } from './stages.ts';

/** How far apart two runs of one model may be: servers and graphics cards sum in no fixed order. Absolute below 1, relative above. */
export const NOISE = 1e-4;

/**
 * A share of shared facts that may differ before a model counts as changed: one request that failed does not make it
 * another model. Of recall none may: one other list means another index.
 */
const OUTLIERS = 0.01;

/** Fewer shared facts say nothing about whether a model is the same. */
const ENOUGH = 3;

/** Equal, but for numbers that are at most so far apart. */
export function near(a: unknown, b: unknown, noise: number): boolean {
  if (a === b) return true;
  if (typeof a === 'number' && typeof b === 'number')
    return Math.abs(a - b) <= noise * Math.max(1, Math.abs(a), Math.abs(b));
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => near(left[key], right[key], noise));
}

interface RecalledList {
  readonly topK: number;
  readonly hits: readonly unknown[];
}

/** Whether two facts of one request say the same. Of recalled lists the part that both runs asked for. */
export function sameFact(a: Fact, b: Fact, noise: number): boolean {
  if (a.role !== 'recall') return near(a.value, b.value, noise);
  const [left, right] = [a.value as RecalledList, b.value as RecalledList];
  const shared = Math.min(left.topK, right.topK);
  return near(left.hits.slice(0, shared), right.hits.slice(0, shared), noise);
}

/** The same, but for what servers and graphics cards differ by from run to run. */
export const alike = (a: Fact, b: Fact): boolean => sameFact(a, b, NOISE);

export const factId = ({ role, backend, key }: Fact): string => `${role} ${backend} ${key}`;

/** The kind of token that a critique is about; null for other facts. */
const kindOf = ({ role, value }: Fact): ReflectionKind | null =>
  role === 'critique' ? ((value as { kind?: ReflectionKind } | null)?.kind ?? null) : null;

/** A model in one use: a critic is one for each kind of token. */
export const backendName = (fact: Fact): string => `${fact.role} ${fact.backend} ${kindOf(fact) ?? ''}`;

/** The facts that decided something: without those of a shadow critic. */
export function decidingFacts({ facts, backends }: Trace): readonly Fact[] {
  const shadow = backends['critic.shadow'];
  const decides = STAGE_PARTS.critic.backends.some((role) => backends[role] === shadow);
  return shadow === undefined || decides
    ? facts
    : facts.filter(({ role, backend }) => role !== 'critique' || backend !== shadow);
}

/** The facts of one question in two runs, each by its request. */
export interface FactPair {
  readonly a: ReadonlyMap<string, Fact>;
  readonly b: ReadonlyMap<string, Fact>;
}

const byRequest = (trace: Trace) => new Map(decidingFacts(trace).map((fact) => [factId(fact), fact]));

export const factPair = ({ a, b }: TracePair): FactPair => ({ a: byRequest(a), b: byRequest(b) });

export const sharedFacts = ({ a, b }: FactPair): [a: Fact, b: Fact][] =>
  [...a].flatMap(([id, fact]) => {
    const other = b.get(id);
    return other === undefined ? [] : [[fact, other] as [Fact, Fact]];
  });

/** How a model's facts in two runs compare. */
export interface BackendChange {
  readonly stage: FaultStage;
  readonly role: FactRole;
  readonly backend: string;
  /** Of a critic: the token; null for others. */
  readonly kind: ReflectionKind | null;
  /** `unknown`: too few requests stand in both runs to tell. */
  readonly status: 'unchanged' | 'changed' | 'unknown' | 'new' | 'gone';
  /** Requests that stand in both runs, and how many of them were answered differently. */
  readonly shared: number;
  readonly differing: number;
}

/** Every model that answered something, over all questions of two runs, in the order of the pipeline. */
export function backendChanges(pairs: readonly FactPair[]): BackendChange[] {
  const seen = new Map<string, { fact: Fact; inA: boolean; inB: boolean; shared: number; differing: number }>();
  const rowOf = (fact: Fact) => {
    const name = backendName(fact);
    const row = seen.get(name) ?? { fact, inA: false, inB: false, shared: 0, differing: 0 };
    seen.set(name, row);
    return row;
  };
  for (const pair of pairs) {
    for (const fact of pair.a.values()) rowOf(fact).inA = true;
    for (const fact of pair.b.values()) rowOf(fact).inB = true;
    for (const [fact, other] of sharedFacts(pair)) {
      const row = rowOf(fact);
      row.shared += 1;
      if (!alike(fact, other)) row.differing += 1;
    }
  }
  const rows = [...seen.values()].map(({ fact, inA, inB, shared, differing }): BackendChange => {
    const { role, backend } = fact;
    const allowed = role === 'recall' || role === 'rewrite' ? 0 : OUTLIERS * shared;
    const status = !inB
      ? 'gone'
      : !inA
        ? 'new'
        : differing > allowed
          ? 'changed'
          : shared < ENOUGH
            ? 'unknown'
            : 'unchanged';
    return { stage: stageOfFact(role), role, backend, kind: kindOf(fact), status, shared, differing };
  });
  const place = ({ stage }: BackendChange) => FAULT_STAGES.indexOf(stage);
  return rows.sort((x, y) => place(x) - place(y));
}

/** Names of models (see `backendName`), by what the facts of two runs say of them. */
export interface ComparedModels {
  /** Others under the same id: what one run heard says nothing about the other. */
  readonly changed: ReadonlySet<string>;
  /** Believed to be the same for their id alone. */
  readonly unchecked: ReadonlySet<string>;
}

/** Of a critic that was asked too little about one kind of token, what it said of another kind tells. */
export function comparedModels(rows: readonly BackendChange[]): ComparedModels {
  const names = (wanted: (row: BackendChange) => boolean) =>
    new Set(rows.filter(wanted).map(({ role, backend, kind }) => `${role} ${backend} ${kind ?? ''}`));
  const hasOther = ({ role, backend }: BackendChange, status: BackendChange['status']) =>
    rows.some((row) => row.role === role && row.backend === backend && row.status === status);
  const isUnknown = ({ status }: BackendChange) => status === 'unknown';
  return {
    changed: names((row) => row.status === 'changed' || (isUnknown(row) && hasOther(row, 'changed'))),
    unchecked: names((row) => isUnknown(row) && !hasOther(row, 'changed') && !hasOther(row, 'unchanged')),
  };
}
