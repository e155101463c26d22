import type { CallOptions, Critic, Entailment } from '../../contracts.ts';
import { throwIfAborted } from '../../errors.ts';
import type { Critique, ReflectionKind } from '../../types.ts';
import { type Comparison, EVAL_LABELS, type EvalCase, type EvalHead, type Truth } from './rows.ts';

/** Who is asked. Null where nobody: the head is then not predicted. */
export interface Judges {
  readonly critic: Pick<Critic, 'kinds' | 'critique'> | null;
  readonly entailment: Pick<Entailment, 'outputs' | 'equivalent'> | null;
  /** The same part before calibration; null where it has none of its own. */
  readonly rawEntailment: Pick<Entailment, 'equivalent'> | null;
}

/** A row with the probabilities of its labels: one list, or two of a pair. */
export interface Judged {
  readonly head: EvalHead;
  readonly source: string;
  readonly truth: Truth;
  readonly probs: readonly (readonly number[])[];
  /** Before calibration; null where nothing else was said. */
  readonly raw: readonly (readonly number[])[] | null;
}

/** What one batch took. */
export interface Pace {
  readonly rows: number;
  readonly seconds: number;
}

export interface JudgeOptions extends CallOptions {
  readonly onProgress?: (done: number) => void;
  /** Milliseconds of a clock. */
  readonly now: () => number;
}

/** Rows of one batch: few enough for progress and a quick stop, enough for a backend to work at its pace. */
const BATCH = 64;

export const predicts = ({ critic, entailment }: Judges, head: EvalHead): boolean =>
  head === 'entail' ? (entailment?.outputs.includes('equivalent') ?? false) : (critic?.kinds.includes(head) ?? false);

/** Asks for all cases of one head, in batches and in order. A first row is asked before the clock runs: that loads models. */
export async function judge(
  cases: readonly EvalCase[],
  judges: Judges,
  { onProgress, now, signal }: JudgeOptions,
): Promise<{ judged: Judged[]; pace: Pace[] }> {
  const judged: Judged[] = [];
  const pace: Pace[] = [];
  await judgeBatch(cases.slice(0, 1), judges, { signal });
  for (let from = 0; from < cases.length; from += BATCH) {
    throwIfAborted(signal);
    const batch = cases.slice(from, from + BATCH);
    const start = now();
    judged.push(...(await judgeBatch(batch, judges, { signal })));
    pace.push({ rows: batch.length, seconds: (now() - start) / 1000 });
    onProgress?.(judged.length);
  }
  return { judged, pace };
}

interface Said {
  readonly probs: readonly number[];
  readonly raw: readonly number[] | null;
}

async function judgeBatch(batch: readonly EvalCase[], judges: Judges, call: CallOptions): Promise<Judged[]> {
  const requests = batch.flatMap((one) => (one.head === 'entail' ? [] : one.asked));
  const critiques = requests.length === 0 ? [] : await judges.critic!.critique(requests, call);
  const comparisons = batch.flatMap((one) => (one.head === 'entail' ? one.asked : []));
  const same = await equivalences(judges.entailment, comparisons, call);
  const sameRaw = await equivalences(judges.rawEntailment, comparisons, call);
  let asked = 0;
  let compared = 0;
  return batch.map((one) => {
    const { head, source, truth } = one;
    let said: Said[];
    if (head === 'entail') {
      const places = one.asked.map(() => compared++);
      const best = (values: readonly number[]) => twoLabels(Math.max(...places.map((place) => values[place]!)));
      said = [{ probs: best(same!), raw: sameRaw && best(sameRaw) }];
    } else said = one.asked.map(() => saidOf(head, critiques[asked++]!));
    const raw = said.flatMap((each) => (each.raw === null ? [] : [each.raw]));
    return { head, source, truth, probs: said.map(({ probs }) => probs), raw: raw.length < said.length ? null : raw };
  });
}

const twoLabels = (p: number): number[] => [p, 1 - p];

const equivalences = async (
  entailment: Pick<Entailment, 'equivalent'> | null,
  comparisons: readonly Comparison[],
  call: CallOptions,
): Promise<readonly number[] | null> =>
  entailment === null ? null : comparisons.length === 0 ? [] : entailment.equivalent(comparisons, call);

const saidOf = (head: ReflectionKind, { probs, raw }: Critique): Said => ({
  probs: amongLabels(head, probs),
  raw: raw === undefined ? null : amongLabels(head, raw),
});

/** Normalised among the labels that rows can have; equal where they have no probability at all. */
function amongLabels(head: EvalHead, probs: Readonly<Record<string, number>>): number[] {
  const values = EVAL_LABELS[head].map((label) => probs[label]!);
  const total = values.reduce((sum, p) => sum + p, 0);
  return values.map((p) => (total > 0 ? p / total : 1 / values.length));
}
