import type { Answer, Trace } from '../../types.ts';
import type { GoldQuestion } from '../data/dataset.ts';
import { meanInterval } from '../metrics/mean.ts';
import { pairedDifference } from '../metrics/paired.ts';
import type { AnswerMetric } from '../metrics/registry.ts';
import { answerOf, blameChange, type Said, saidBy, saysSame } from './blame.ts';
import { optionChanges, partChanges } from './changes.ts';
import { alike, backendChanges, comparedModels, type FactPair, factPair } from './facts.ts';
import type { ChangedAnswer, FaultReport, MetricChange, StageFaults } from './fault-report.ts';
import { editedPassages } from './hybrid.ts';
import { pairTraces, type TracePair } from './pairs.ts';
import { FAULT_STAGES, type FaultStage } from './stages.ts';

export interface Run {
  /** What it is called in the report, such as the name of its file. */
  readonly name: string;
  readonly traces: readonly Trace[];
}

export interface FaultOptions {
  /** The gold question of a trace; null where there is none. Without it only metrics of cost are defined. */
  readonly goldOf?: (trace: Trace) => GoldQuestion | null;
  /** The first one orders the questions. */
  readonly metrics?: readonly AnswerMetric[];
  /** Of the intervals. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Questions done of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

type Values = readonly (number | null)[];

/** One question in both runs: what it came to, and what its models said. */
interface Compared {
  readonly pair: TracePair;
  readonly facts: FactPair;
  readonly before: Said;
  readonly after: Said;
  /** Both answers needed the same requests, and the models said the same. */
  readonly sameFacts: boolean;
  readonly replayed: { readonly a: boolean; readonly b: boolean };
  readonly asRecorded: { readonly a: boolean; readonly b: boolean };
  /** One for each metric. */
  readonly values: { readonly a: Values; readonly b: Values };
}

/**
 * Compares two runs over the same questions and finds for each changed answer the stage that is to blame: the earliest
 * one whose facts, parts and options, put back, bring the answer of the baseline back. No model is asked.
 */
export async function findFaults(a: Run, b: Run, options: FaultOptions = {}): Promise<FaultReport> {
  const { metrics = [], seed = 0, signal, onProgress } = options;
  const { pairs, onlyA, onlyB } = pairTraces(a.traces, b.traces);
  const compared: Compared[] = [];
  for (const pair of pairs) {
    compared.push(await compare(pair, options));
    onProgress?.(compared.length, 2 * pairs.length);
  }
  const backends = backendChanges(compared.map(({ facts }) => facts));
  const models = comparedModels(backends);
  const questions: ChangedAnswer[] = [];
  const places: number[] = [];
  for (const [i, { pair, facts, before, after, values }] of compared.entries()) {
    if (!saysSame(before, after)) {
      const blame = await blameChange({ pair, facts, models }, before, signal);
      places.push(i);
      questions.push({
        ...{ id: pair.a.id, question: pair.a.question, before, after, ...blame },
        metrics: Object.fromEntries(
          metrics.map(({ name }, m) => [name, { before: values.a[m] ?? null, after: values.b[m] ?? null }]),
        ),
      });
    }
    onProgress?.(pairs.length + i + 1, 2 * pairs.length);
  }
  const ids = (wanted: (one: Compared) => boolean) => compared.filter(wanted).map(({ pair }) => pair.a.id);
  return {
    version: 1,
    a: { name: a.name, traces: a.traces.length },
    b: { name: b.name, traces: b.traces.length },
    pairs: pairs.length,
    onlyA: onlyA.map(({ id }) => id),
    onlyB: onlyB.map(({ id }) => id),
    notReplayed: { a: ids(({ replayed }) => !replayed.a), b: ids(({ replayed }) => !replayed.b) },
    notAsRecorded: {
      a: ids(({ asRecorded }) => !asRecorded.a).length,
      b: ids(({ asRecorded }) => !asRecorded.b).length,
    },
    editedPassages: new Set(pairs.flatMap(editedPassages)).size,
    changed: questions.length,
    otherFactsSameAnswer: compared.filter((one) => saysSame(one.before, one.after) && !one.sameFacts).length,
    metrics: metrics.map((metric, m) => metricChange(metric, compared, m, seed)),
    stages: FAULT_STAGES.map((stage) => stageFaults(stage, questions, places, compared, metrics, seed)),
    sets: countSets(questions),
    backends,
    parts: partChanges(pairs),
    options: optionChanges(pairs),
    questions: worstFirst(questions, metrics[0]),
  };
}

const NO_GOLD: Omit<GoldQuestion, 'id' | 'question'> = { answers: null, relevant: null, group: null, lang: null };

async function compare(pair: TracePair, options: FaultOptions): Promise<Compared> {
  const [a, b] = [await answerOf(pair.a, options.signal), await answerOf(pair.b, options.signal)];
  const { id, question } = pair.a;
  const gold = options.goldOf?.(pair.a) ?? { ...NO_GOLD, id, question };
  const valuesOf = (answer: Answer | null): Values =>
    (options.metrics ?? []).map(({ of }) => (answer === null ? null : of(answer, gold)));
  const [before, after] = [saidBy(a ?? pair.a.answer), saidBy(b ?? pair.b.answer)];
  return {
    ...{ pair, before, after, facts: factPair(pair) },
    // A trace may hold more than its answer needed.
    sameFacts: isSame(factPair({ a: a?.trace ?? pair.a, b: b?.trace ?? pair.b })),
    replayed: { a: a !== null, b: b !== null },
    asRecorded: { a: saysSame(before, saidBy(pair.a.answer)), b: saysSame(after, saidBy(pair.b.answer)) },
    values: { a: valuesOf(a), b: valuesOf(b) },
  };
}

const isSame = ({ a, b }: FactPair): boolean =>
  a.size === b.size &&
  [...a].every(([id, fact]) => {
    const other = b.get(id);
    return other !== undefined && alike(fact, other);
  });

/** Values of one metric where it is defined in both runs. */
function definedIn(compared: readonly Compared[], m: number): { a: number[]; b: number[] } {
  const both = compared.flatMap(({ values }) => {
    const [a, b] = [values.a[m] ?? null, values.b[m] ?? null];
    return a === null || b === null ? [] : [[a, b] as const];
  });
  return { a: both.map(([a]) => a), b: both.map(([, b]) => b) };
}

function metricChange(
  { name, stage, better, description }: AnswerMetric,
  compared: readonly Compared[],
  m: number,
  seed: number,
): MetricChange {
  const { a, b } = definedIn(compared, m);
  const mean = (values: readonly number[]) => (values.length === 0 ? null : meanInterval(values, seed));
  return { name, stage, better, description, a: mean(a), b: mean(b), difference: pairedDifference(a, b, seed) };
}

function stageFaults(
  stage: FaultStage,
  questions: readonly ChangedAnswer[],
  places: readonly number[],
  compared: readonly Compared[],
  metrics: readonly AnswerMetric[],
  seed: number,
): StageFaults {
  const named = questions.filter(({ stages }) => stages.includes(stage));
  const theirs = places.flatMap((place, i) => (questions[i]!.stages.includes(stage) ? [compared[place]!] : []));
  const effects = metrics.map(({ name }, m) => {
    const { a, b } = definedIn(theirs, m);
    const effect = pairedDifference(a, b, seed);
    const all = definedIn(compared, m).a.length;
    return { name, effect, share: effect && (effect.mean * effect.n) / all };
  });
  return {
    stage,
    blamed: named.length,
    alone: named.filter(({ stages }) => stages.length === 1).length,
    bySubstitution: named.filter(({ by }) => by === 'substitution').length,
    unchecked: questions.filter(({ unchecked }) => unchecked.includes(stage)).length,
    byFirstDifference: named.filter(({ by }) => by === 'first difference').length,
    effects: Object.fromEntries(effects.map(({ name, effect }) => [name, effect])),
    shares: Object.fromEntries(effects.map(({ name, share }) => [name, share])),
  };
}

function countSets(questions: readonly ChangedAnswer[]): FaultReport['sets'] {
  const counts = new Map<string, { stages: readonly FaultStage[]; questions: number }>();
  for (const { stages } of questions) {
    const name = stages.join();
    counts.set(name, { stages, questions: (counts.get(name)?.questions ?? 0) + 1 });
  }
  return [...counts.values()].sort((x, y) => y.questions - x.questions);
}

function worstFirst(questions: readonly ChangedAnswer[], metric: AnswerMetric | undefined): ChangedAnswer[] {
  if (metric === undefined) return [...questions];
  const gain = ({ metrics }: ChangedAnswer): number => {
    const { before, after } = metrics[metric.name]!;
    return before === null || after === null ? 0 : (after - before) * (metric.better === 'higher' ? 1 : -1);
  };
  return [...questions].sort((x, y) => gain(x) - gain(y));
}
