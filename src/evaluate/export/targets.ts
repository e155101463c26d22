import { DiscernError } from '../../errors.ts';
import { REFLECTIONS, type ReflectionKind } from '../../types.ts';
import type { AskedRequest, Probs, Said } from './collect.ts';

/** What a person said of a request. */
export interface Override {
  readonly label: string;
  readonly note: string;
}

export interface TargetOptions {
  /** Id of the critic to learn from; null: the mean of all that answered. */
  readonly teacher: string | null;
  /** By request id. */
  readonly overrides: ReadonlyMap<string, Override>;
  /** Share of a person's label in the target, the rest is the teachers'; above 0, at most 1. */
  readonly overrideWeight: number;
  /** Also learn from what was said in place of a critic that failed. */
  readonly keepDegraded: boolean;
}

/** What is to be learnt of a request, and how sure it is. */
export interface Target {
  readonly teachers: ReadonlyMap<string, Said>;
  /** Of the teachers alone; null where none could decide. */
  readonly predicted: { readonly label: string; readonly probs: Probs } | null;
  /** With the person's label in it; null: there is nothing to learn. */
  readonly probs: Probs | null;
  /** The person's, else the likeliest of the teachers. */
  readonly label: string | null;
  readonly override: Override | null;
  /** Largest probability that the teachers give, 0..1; 1 for a person's label. */
  readonly confidence: number;
  /** Distance to the nearest threshold that decides about it, else to the runner-up, 0..1. */
  readonly margin: number;
  /** Half the sum of the differences of all labels, of the two teachers that differ most, 0..1. */
  readonly disagreement: number;
  /** 0..1: small margin, or large disagreement; 1 where no teacher could decide. */
  readonly doubt: number;
  /** Within DOUBTFUL of flipping, or teachers name different labels, or none could decide. */
  readonly doubtful: boolean;
  readonly isDegraded: boolean;
}

/** Margins below this are doubtful. */
export const DOUBTFUL = 0.1;

export const labelsOf = (kind: ReflectionKind): readonly string[] => REFLECTIONS[kind];

/** The likeliest label; the first of equals. */
export const likeliest = (probs: Probs): string =>
  Object.keys(probs).reduce((best, label) => (probs[label]! > probs[best]! ? label : best));

const byLabel = (kind: ReflectionKind, value: (label: string) => number): Probs =>
  Object.fromEntries(labelsOf(kind).map((label) => [label, value(label)]));

export function targetOf(asked: AskedRequest, options: TargetOptions): Target {
  const { kind } = asked.request;
  const { teachers, isDegraded } = teachersOf(asked, options);
  const heard = options.teacher === null ? onOneScale([...teachers.values()]) : [...teachers.values()];
  const probs =
    heard.length === 0
      ? null
      : byLabel(kind, (label) => heard.reduce((sum, said) => sum + said.probs[label]!, 0) / heard.length);
  const predicted = probs && { label: likeliest(probs), probs };
  const override = options.overrides.get(asked.id) ?? null;
  const margin = probs === null ? 0 : marginOf(asked, probs);
  // What they are compared with is all that were heard, whoever is learnt from.
  const all = onOneScale([...asked.teachers.values()]);
  const disagreement = disagreementOf(kind, all);
  const named = new Set(all.map((said) => likeliest(said.probs)));
  return {
    ...{ teachers, predicted, override, margin, disagreement, isDegraded },
    probs: override === null ? probs : overridden(kind, override.label, probs, options.overrideWeight),
    label: override?.label ?? predicted?.label ?? null,
    confidence: override !== null ? 1 : probs === null ? 0 : Math.max(...Object.values(probs)),
    doubt: probs === null ? 1 : Math.max(1 - margin, disagreement),
    doubtful: probs === null || margin < DOUBTFUL || named.size > 1,
  };
}

function teachersOf(
  { teachers, standIns }: AskedRequest,
  { teacher, keepDegraded }: TargetOptions,
): { teachers: ReadonlyMap<string, Said>; isDegraded: boolean } {
  // A critic's own word stands before what was said in its place.
  const known = keepDegraded ? new Map([...standIns, ...teachers]) : teachers;
  const chosen = teacher === null ? known : new Map([...known].filter(([id]) => id === teacher));
  return { teachers: chosen, isDegraded: [...chosen.keys()].some((id) => !teachers.has(id)) };
}

/** Numbers that a model wrote down are on a scale of their own: they count only where there are no others. */
const onOneScale = (said: readonly Said[]): readonly Said[] => {
  const own = said.filter(({ basis }) => basis !== 'stated');
  return own.length > 0 ? own : said;
};

function overridden(kind: ReflectionKind, label: string, probs: Probs | null, weight: number): Probs {
  const share = probs === null ? 1 : weight;
  return byLabel(kind, (other) => (other === label ? share : 0) + (1 - share) * (probs?.[other] ?? 0));
}

function marginOf({ request, thresholds }: AskedRequest, probs: Probs): number {
  const value = decidingValue(request.kind, probs);
  if (value !== null && thresholds.size > 0)
    return Math.min(...[...thresholds].map((threshold) => Math.abs(value - threshold)));
  const [first = 0, second = 0] = Object.values(probs).sort((a, b) => b - a);
  return first - second;
}

/** The number that a threshold is compared with; null where none decides. */
function decidingValue(kind: ReflectionKind, probs: Probs): number | null {
  if (kind === 'isRel') return probs.relevant!;
  const sum = (probs.yes ?? 0) + (probs.no ?? 0);
  return kind === 'retrieve' && sum > 0 ? probs.yes! / sum : null;
}

function disagreementOf(kind: ReflectionKind, said: readonly Said[]): number {
  const apart = (one: Said, other: Said) =>
    labelsOf(kind).reduce((sum, label) => sum + Math.abs(one.probs[label]! - other.probs[label]!) / 2, 0);
  const between = said.flatMap((one, i) => said.slice(i + 1).map((other) => apart(one, other)));
  return Math.min(1, Math.max(0, ...between, ...said.map((one) => one.disagreement ?? 0)));
}

/** Throws INPUT_INVALID where no request was answered by this critic. */
export function checkTeacher(id: string, asked: Iterable<AskedRequest>, keepDegraded: boolean): void {
  const known = new Set<string>();
  for (const { teachers, standIns } of asked)
    for (const name of [...teachers.keys(), ...(keepDegraded ? standIns.keys() : [])]) known.add(name);
  if (!known.has(id))
    throw new DiscernError('INPUT_INVALID', `no trace has an answer of the critic "${id}"; there are ${list(known)}`, {
      hint: 'give one of the listed ids to --teacher, or mean',
    });
}

const list = (names: Iterable<string>): string => [...names].sort().join(', ') || 'none';
