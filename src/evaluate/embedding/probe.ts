import { DiscernError } from '../../errors.ts';
import { bootstrap } from '../metrics/bootstrap.ts';
import { accuracyOf, confusionOf, perClass } from '../metrics/confusion.ts';
import type { MeanInterval } from '../metrics/mean.ts';
import { fitLogistic, predictLogistic } from './logistic.ts';
import { type Slices, sliced, type Tagged } from './slices.ts';

/** A text as a vector, with its class. */
export interface LabelledVector extends Tagged {
  readonly vector: Float32Array;
  readonly label: string;
}

export interface ProbeFigures {
  readonly n: number;
  readonly accuracy: MeanInterval | null;
  /** Mean over the classes that are true or predicted, as scikit-learn has it. */
  readonly macroF1: MeanInterval | null;
}

export interface ProbeReport extends Slices<ProbeFigures> {
  /** Classes of the train rows. */
  readonly classes: readonly string[];
  readonly trained: number;
  /** Test rows of a class that the train rows lack: each counts as wrong. */
  readonly unknownLabels: number;
  /** False where the fit ended early: the figures may then be a little low. */
  readonly converged: boolean;
}

export interface ProbeOptions {
  readonly seed?: number;
  /** Inverse strength of the L2 penalty. */
  readonly c?: number;
}

/**
 * How far a linear probe tells classes apart: a logistic regression that is fitted once, on all train rows, and
 * measured on the test rows, all of them and those of each language and domain. Intervals: test rows drawn again.
 */
export function evaluateProbe(
  train: readonly LabelledVector[],
  test: readonly LabelledVector[],
  { seed = 0, c = 1 }: ProbeOptions = {},
): ProbeReport {
  const classes = [...new Set(train.map(({ label }) => label))].sort();
  if (classes.length < 2)
    throw new DiscernError('INPUT_INVALID', `a probe needs train rows of two classes or more, got ${classes.length}`);
  const known = new Map(classes.map((label, i) => [label, i]));
  const model = fitLogistic(
    train.map(({ vector }) => vector),
    train.map(({ label }) => known.get(label)!),
    classes.length,
    { c },
  );
  const all = [...new Set([...classes, ...test.map(({ label }) => label)])];
  const places = new Map(all.map((label, i) => [label, i]));
  const rows = test.map(({ vector, label, lang, domain }) => ({
    ...{ lang, domain },
    truth: places.get(label)!,
    predicted: predictLogistic(model, vector),
  }));
  return {
    ...sliced(rows, (own) => ({
      n: own.length,
      ...bootstrap([own.length], seed, ([drawn = []]) => {
        const table = confusionOf(
          drawn.map((place) => own[place]!.truth),
          drawn.map((place) => own[place]!.predicted),
          all.length,
        );
        return { accuracy: accuracyOf(table), macroF1: macroF1(table) };
      }),
    })),
    classes,
    trained: train.length,
    unknownLabels: test.filter(({ label }) => !known.has(label)).length,
    converged: model.converged,
  };
}

function macroF1(table: ReturnType<typeof confusionOf>): number | null {
  const { f1, support } = perClass(table);
  const present = f1.filter((_, i) => support[i]! > 0 || table.some((row) => row[i]! > 0));
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
}
