import { type Config, type ConfigInput, parseConfig } from '../../config.ts';
import { DiscernError } from '../../errors.ts';
import { prepareReplay, type Replayer } from '../../replay/prepared.ts';
import { mergeConfig } from '../../replay.ts';
import { canonicalJson } from '../../text/hash.ts';
import type { Trace } from '../../types.ts';
import { type GoldQuestion, groupOf } from '../data/dataset.ts';
import { answerMetric } from '../metrics/registry.ts';
import type { Outcome, Setting, Surface } from './surface.ts';
import {
  type Comparison,
  comparisonsOf,
  dividing,
  grown,
  inBox,
  lookUp,
  newBoxes,
  sidesOf,
  THRESHOLDS,
  type Threshold,
  type Tree,
  thresholdsOf,
} from './tree.ts';

/** A recorded question with what a right answer to it is. */
export interface RecordedQuestion {
  readonly trace: Trace;
  readonly gold: GoldQuestion;
}

/** The change of a config that a setting is. */
export function changeOf(setting: Setting): ConfigInput {
  const change: Record<string, Record<string, unknown>> = {};
  for (const [path, value] of Object.entries(setting)) {
    const [group = '', ...rest] = path.split('.');
    change[group] = { ...change[group], [rest.join('.')]: value };
  }
  return change as ConfigInput;
}

/** Settings, without their thresholds, whose answers are kept in memory. */
const REMEMBERED = 64;

/** The ways that the answer of each question took, for settings that differ in dividing thresholds alone. */
interface Forest {
  readonly config: Config;
  readonly sided: readonly Threshold[];
  readonly trees: (Tree<Outcome | null> | null)[];
  /** What was found last for each question, and where it holds. */
  readonly last: (Outcome | null)[];
  readonly boxes: Float64Array;
}

const isThreshold = (path: string): path is Threshold => (THRESHOLDS as readonly string[]).includes(path);

const without = (setting: Setting, paths: readonly string[]): Setting =>
  Object.fromEntries(Object.entries(setting).filter(([path]) => !paths.includes(path)));

/** Options by dotted path in which two configs differ. */
function differing(a: Config, b: Config): string[] {
  const groups = Object.keys(a) as (keyof Config)[];
  return groups.flatMap((group) =>
    Object.keys(a[group])
      .filter((key) => canonicalJson(a[group][key as never]) !== canonicalJson(b[group][key as never]))
      .map((key) => `${group}.${key}`),
  );
}

/**
 * What recorded questions come to under other settings. All must have been recorded with the same options. An answer is
 * replayed once for each way that its comparisons can take: thresholds on the same side of every value that they are
 * compared with give the same answer, so most settings of a grid of thresholds replay nothing.
 */
export function replaySurface(questions: readonly RecordedQuestion[], metricNames: readonly string[]): Surface {
  const [first] = questions;
  if (first === undefined) throw new DiscernError('INPUT_INVALID', 'there are no recorded questions');
  const base = first.trace.config;
  const metrics = metricNames.map(answerMetric);
  const replayers = questions.map(({ trace }) => prepareReplay(trace));
  const counts = { replayed: 0, remembered: 0 };
  for (const { trace } of questions) {
    const others = differing(base, trace.config);
    if (others.length > 0)
      throw new DiscernError(
        'INPUT_INVALID',
        `the traces of "${first.gold.id}" and "${trace.id}" were recorded with different options: ${others.join(', ')}`,
        { hint: 'tune over traces of one run' },
      );
  }

  const forests = new Map<string, Forest>();
  const planted = (rest: Setting): Forest => {
    const name = JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
    let forest = forests.get(name);
    if (forest === undefined) {
      const config = parseConfig(mergeConfig(base, changeOf(rest)));
      forest = {
        config,
        sided: dividing(config, first.trace),
        trees: questions.map(() => null),
        last: questions.map(() => null),
        boxes: newBoxes(questions.length),
      };
    }
    // The one that was used last stands last.
    forests.delete(name);
    forests.set(name, forest);
    if (forests.size > REMEMBERED) forests.delete(forests.keys().next().value!);
    return forest;
  };
  /** The forest of a setting: thresholds that do more than divide count among what stays. */
  const forestOf = (setting: Setting): Forest => {
    const forest = planted(without(setting, THRESHOLDS));
    const staying = Object.keys(setting).some((path) => isThreshold(path) && !forest.sided.includes(path));
    return staying ? planted(without(setting, forest.sided)) : forest;
  };

  const replayed = async (
    replayer: Replayer,
    i: number,
    change: ConfigInput,
    comparisons: Comparison[],
  ): Promise<Outcome | null> => {
    counts.replayed += 1;
    try {
      const answer = await replayer.answer(change, { onEvent: (event) => comparisons.push(...comparisonsOf(event)) });
      return { values: metrics.map(({ of }) => of(answer, questions[i]!.gold)), cost: answer.cost };
    } catch (error) {
      if (DiscernError.is(error, 'REPLAY_FACT_MISSING')) return null;
      throw error;
    }
  };

  return {
    ids: questions.map(({ gold }) => gold.id),
    groups: questions.map(({ gold }) => groupOf(gold)),
    metrics: metricNames,
    base,
    counts,
    async at(setting) {
      const { config, sided, trees, last, boxes } = forestOf(setting);
      const change = changeOf(setting);
      const sides = sidesOf(thresholdsOf(mergeConfig(config, change) as Config));
      const outcomes = new Array<Outcome | null>(questions.length);
      for (let i = 0; i < questions.length; i++) {
        const known = inBox(boxes, i, sides) ? last[i] : lookUp(trees[i]!, sides, boxes, i);
        if (known !== undefined) {
          counts.remembered += 1;
          last[i] = known;
          outcomes[i] = known;
          continue;
        }
        const comparisons: Comparison[] = [];
        const outcome = await replayed(replayers[i]!, i, change, comparisons);
        outcomes[i] = outcome;
        trees[i] = grown(
          trees[i]!,
          comparisons.filter(({ threshold }) => sided.includes(threshold)),
          sides,
          outcome,
        );
      }
      return outcomes;
    },
  };
}
