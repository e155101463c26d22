import { DiscernError } from '../../errors.ts';
import type { Trace } from '../../types.ts';
import type { RecordedQuestion } from '../tune/replay-surface.ts';
import type { Dataset, GoldQuestion } from './dataset.ts';

export interface MatchedTraces {
  /** In the order of the traces. */
  readonly matched: readonly RecordedQuestion[];
  readonly unmatchedTraces: readonly Trace[];
  readonly unmatchedQuestions: readonly GoldQuestion[];
}

/** White space is no difference: loaders cut it in their own ways. */
const asked = (question: string): string => question.normalize('NFC').replace(/\s+/g, ' ').trim();

/**
 * Finds the gold question of each trace: the one of its id where that asks the same, else the only one that asks the
 * same. A trace whose text stands in the dataset twice, and whose id does not tell which, has none. Throws INPUT_INVALID
 * where two traces answer one question, which would then count twice.
 */
export function matchTraces(
  traces: readonly Trace[],
  { name, questions }: Pick<Dataset, 'name' | 'questions'>,
): MatchedTraces {
  const byId = new Map(questions.map((gold) => [gold.id, gold]));
  const byText = new Map<string, GoldQuestion | null>();
  for (const gold of questions) byText.set(asked(gold.question), byText.has(asked(gold.question)) ? null : gold);
  const taken = new Map<GoldQuestion, Trace>();
  const matched: RecordedQuestion[] = [];
  const unmatchedTraces: Trace[] = [];
  for (const trace of traces) {
    const text = asked(trace.question);
    const named = byId.get(trace.id);
    const gold = named && asked(named.question) === text ? named : byText.get(text);
    if (!gold) {
      unmatchedTraces.push(trace);
      continue;
    }
    const other = taken.get(gold);
    if (other !== undefined)
      throw new DiscernError(
        'INPUT_INVALID',
        `the traces "${other.id}" and "${trace.id}" both answer question "${gold.id}" of ${name}`,
        { hint: 'give the traces of one run: one for each question' },
      );
    taken.set(gold, trace);
    matched.push({ trace, gold });
  }
  const unmatchedQuestions = questions.filter((gold) => !taken.has(gold));
  return { matched, unmatchedTraces, unmatchedQuestions };
}

/** Throws INPUT_INVALID, with the options that differ, unless all questions were recorded with the same config. */
export function requireOneConfig(questions: readonly RecordedQuestion[]): void {
  const [first, ...others] = questions.map(({ trace }) => trace);
  if (first === undefined) return;
  const flat = ({ config }: Trace) =>
    new Map(
      Object.entries(config).flatMap(([group, options]) =>
        Object.entries(options).map(([name, value]) => [`${group}.${name}`, JSON.stringify(value)] as const),
      ),
    );
  const base = flat(first);
  for (const trace of others) {
    const wrong = [...flat(trace)].filter(([path, value]) => base.get(path) !== value);
    if (wrong.length > 0)
      throw new DiscernError(
        'INPUT_INVALID',
        `traces were recorded with different options: ${wrong
          .slice(0, 3)
          .map(([path, value]) => `${path} is ${base.get(path)} for "${first.id}" and ${value} for "${trace.id}"`)
          .join('; ')}`,
        { hint: 'give the traces of one run, recorded with one config' },
      );
  }
}
