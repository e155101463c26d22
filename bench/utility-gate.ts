/**
 * Fits the gate's estimate of P(context helps) on dev rows of the utility bench, and judges it on test rows.
 *   npx tsx bench/utility-gate.ts --judged xquad=FILE,nq=FILE [--many xquad5=FILE] [--conflict FILE,FILE] [--write]
 * `--many`: contexts of several passages (`five`, `lacking`). `--conflict`: contexts `right` and `wrong` of conflictqa.
 * The label is `gain`: F1 of the greedy answer rises with the context, ties left out. Folds and intervals are by passage,
 * all contexts of a question together. Writes bench/results/gate.json, its tables in bench/README.md and, with --write,
 * critics/gate/1/gate.json.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { rocAuc } from '../src/evaluate/metrics/critics.ts';
import { estimateHelp, maySettle, sampleSteps, thresholdOf } from '../src/stages/gate-decision.ts';
import type { GateEstimator, GateMeasure } from '../src/types.ts';
import { random, shuffle } from './lib-fit.ts';
import { fitLogistic } from './lib-logistic.ts';
import { markdownTable } from './lib-stats.ts';
import {
  byPassage,
  type ContextRow,
  contextRows,
  FEATURES,
  firstOf,
  gainOf,
  type Interval,
  type Question,
  readJudged,
  someOf,
} from './lib-utility-rows.ts';

const { values: flags } = parseArgs({
  options: {
    judged: { type: 'string' },
    many: { type: 'string', default: '' },
    conflict: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});
if (!flags.judged) throw new Error('say where the judged samples are: --judged NAME=FILE,NAME=FILE');
const seed = Number(flags.seed);
const readAll = async (list: string): Promise<Question[]> =>
  (
    await Promise.all(
      list
        .split(',')
        .filter((item) => item !== '')
        .map((item) => readJudged(item.split('=')[0]!, item.split('=').at(-1)!)),
    )
  ).flat();
const single = await readAll(flags.judged);
const many = await readAll(flags.many);
const conflict = await readAll(flags.conflict);
const ofSplit = (questions: readonly Question[], split: string) => questions.filter(({ row }) => row.split === split);
const K = 10;
type Places = Parameters<typeof contextRows>[2];
const rowsOf = (split: string, places: Places): ContextRow[] => [
  ...contextRows(ofSplit(single, split), ['gold', 'similar', 'random'], places),
  ...contextRows(ofSplit(many, split), ['five', 'lacking'], places),
];
const dev = rowsOf('dev', firstOf(K));
// The other half of the samples is the same context measured again: less noise in the fit.
const devAgain = rowsOf('dev', (samples) =>
  samples >= 2 * K ? Array.from({ length: K }, (_, i) => K + i) : firstOf(K)(samples),
);
const test = rowsOf('test', firstOf(K));

interface Choice {
  readonly label: 'greedy' | 'expected';
  readonly ridge: number;
}

const labelOf = (row: ContextRow, label: Choice['label']): number =>
  label === 'greedy' ? gainOf(row) : row.expectedGain;

type Scale = Omit<GateEstimator['features'][number], 'weight'>;

const standardised = ({ features }: ContextRow, columns: readonly Scale[]): number[] =>
  columns.map(({ name, mean, scale }) => (features[name] === null ? 0 : (features[name] - mean) / scale));

function estimatorFrom(rows: readonly ContextRow[], { label, ridge }: Choice): GateEstimator {
  const used = rows.filter((row) => Math.abs(labelOf(row, label)) > 0.02);
  const columns = FEATURES.map((name) => {
    const values = rows.flatMap(({ features }) => features[name] ?? []);
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length));
    return { name, mean, scale: spread > 0 ? spread : 1 };
  });
  const labels = used.map((row) => Number(labelOf(row, label) > 0));
  const even = used.map(() => 1);
  // Every feature is written so that more of it speaks for the context: one that the fit turns round is left out.
  let kept = columns;
  let made = fitLogistic(
    used.map((row) => standardised(row, kept)),
    labels,
    even,
    ridge,
  );
  while (made.weights.some((weight) => weight < 0)) {
    const worst = made.weights.indexOf(Math.min(...made.weights));
    kept = kept.filter((_, at) => at !== worst);
    made = fitLogistic(
      used.map((row) => standardised(row, kept)),
      labels,
      even,
      ridge,
    );
  }
  const features = kept
    .map((column, at) => ({ ...column, weight: made.weights[at]! }))
    .filter(({ weight }) => weight > 0);
  return { id: 'gate@1', bias: made.bias, features, stopping: [] };
}

const helpsOf = (estimator: GateEstimator) => (row: ContextRow) => estimateHelp(estimator, row.features)?.value ?? 0.5;

function gainAuc(rows: readonly ContextRow[], score: (row: ContextRow) => number): number | null {
  const decided = rows.filter((row) => gainOf(row) !== 0);
  return rocAuc(
    decided.map((row) => Number(gainOf(row) > 0)),
    decided.map(score),
  );
}

/** Mean F1 where a context is kept when its score is above a threshold. */
const f1At = (rows: readonly ContextRow[], keep: (row: ContextRow) => boolean): number =>
  rows.reduce((sum, row) => sum + (keep(row) ? row.f1With : row.f1Without), 0) / rows.length;

// Choice on dev: folds by passage.
const passages = shuffle([...new Set(dev.map(({ passage }) => passage))], random(seed));
const foldOf = new Map(passages.map((passage, i) => [passage, i % 5]));
function crossValidated(choice: Choice): number {
  const scores = new Map<ContextRow, number>();
  for (let fold = 0; fold < 5; fold++) {
    const inside = (row: ContextRow) => foldOf.get(row.passage) === fold;
    const estimator = estimatorFrom(
      [...dev, ...devAgain].filter((row) => !inside(row)),
      choice,
    );
    for (const row of dev.filter(inside)) scores.set(row, helpsOf(estimator)(row));
  }
  return gainAuc(dev, (row) => scores.get(row)!) ?? 0;
}
const choices = (['greedy', 'expected'] as const).flatMap((label) =>
  [1, 3, 10, 30, 100].map((ridge) => ({ label, ridge })),
);
const validated = choices.map((choice) => ({ ...choice, auroc: crossValidated(choice) }));
const best = validated.reduce((a, b) => (b.auroc > a.auroc ? b : a));
const fitted = estimatorFrom([...dev, ...devAgain], best);

/** What the table compares; a single measure is compared as it is. */
const SINGLES = FEATURES.filter((name) => name !== 'isRelMargin');
const scorers: Record<string, (row: ContextRow) => number> = {
  helps: helpsOf(fitted),
  ...Object.fromEntries(SINGLES.map((name) => [name, (row: ContextRow) => row.features[name] ?? 0])),
};
/** The best single measure is named on dev, so that test is not searched for it. */
const bestSingle = SINGLES.reduce((a, b) =>
  (gainAuc(dev, scorers[b]!) ?? 0) > (gainAuc(dev, scorers[a]!) ?? 0) ? b : a,
);
const judge = (rows: readonly ContextRow[]) => {
  const figures = byPassage(
    rows,
    (some) => {
      const own = Object.fromEntries(Object.entries(scorers).map(([name, score]) => [name, gainAuc(some, score)]));
      const minus = (other: string) => (own.helps === null || own[other] === null ? null : own.helps! - own[other]!);
      return { ...own, 'helps - isRel': minus('isRel'), [`helps - ${bestSingle}`]: minus(bestSingle) } as Record<
        string,
        number | null
      >;
    },
    seed,
  );
  const decided = rows.filter((row) => gainOf(row) !== 0);
  return {
    rows: rows.length,
    decided: decided.length,
    rises: decided.filter((row) => gainOf(row) > 0).length,
    figures,
  };
};
const groups = [...new Set(test.map(({ dataset }) => dataset))];
const judged = Object.fromEntries([
  ['all', judge(test)],
  ...groups.map((name) => [name, judge(test.filter(({ dataset }) => dataset === name))]),
]) as Record<string, ReturnType<typeof judge>>;

/** End to end with the language model alone: F1 of what it answers, and how often the context is kept. */
const policies = (rows: readonly ContextRow[]) => {
  const keeps: Record<string, (row: ContextRow) => boolean> = {
    never: () => false,
    always: () => true,
    'helps > 0.5': (row) => scorers.helps!(row) > 0.5,
    'isRel > 0.5': (row) => (row.features.isRel ?? 0) > 0.5,
    'entropyReduction > 0': (row) => (row.features.entropyReduction ?? 0) > 0,
    'pseudoSeper > 0': (row) => (row.features.pseudoSeper ?? 0) > 0,
    oracle: (row) => gainOf(row) >= 0,
  };
  return Object.entries(keeps).map(([name, keep]) => {
    const change = (some: readonly ContextRow[]) => ({
      f1: f1At(some, keep),
      gainOverAlways: f1At(some, keep) - f1At(some, () => true),
    });
    const saved = rows.filter((row) => !keep(row) && gainOf(row) < 0).length;
    const spoilt = rows.filter((row) => !keep(row) && gainOf(row) > 0).length;
    return { name, kept: rows.filter(keep).length / rows.length, saved, spoilt, ...byPassage(rows, change, seed) };
  });
};
const endToEnd = Object.fromEntries([
  ['all', policies(test)],
  ...groups.map((name) => [name, policies(test.filter(({ dataset }) => dataset === name))]),
]) as Record<string, ReturnType<typeof policies>>;

// Early stopping: margins from resampled dev runs, checked on test.
const MEASURES: GateMeasure[] = [
  'helps',
  'entropyReduction',
  'pseudoSeper',
  'disagreement',
  'closedBookDoubt',
  'supported',
];
const RISKS = [0.05, 0.02, 0.01];
const steps = sampleSteps({ minSamples: 3, samples: K, risk: 1 }).slice(0, -1);
const measured = (measure: GateMeasure, row: ContextRow): number =>
  measure === 'helps' ? helpsOf(fitted)(row) : (row.features[measure] ?? 0);

/** The same contexts at each number of samples: nested random subsets of the 20. */
function nested(questions: readonly Question[], round: number) {
  const order = (samples: number, question: number) => someOf(samples, seed + round)(samples, question);
  const at = (count: number) =>
    contextRows(questions, null, (samples, question) => order(samples, question).slice(0, count));
  return { early: steps.map((count) => ({ count, rows: at(count) })), full: at(K) };
}
const ROUNDS = 8;
const devRuns = Array.from({ length: ROUNDS }, (_, round) => nested(ofSplit(single, 'dev'), round));
const testRuns = Array.from({ length: ROUNDS }, (_, round) => nested(ofSplit(single, 'test'), 100 + round));

function marginFor(measure: GateMeasure, step: number, risk: number): number | null {
  const threshold = thresholdOf({ measure, threshold: null });
  const pairs = devRuns
    .flatMap(({ early, full }) =>
      early[step]!.rows.map((row, i) => {
        const [now, then] = [measured(measure, row), measured(measure, full[i]!)];
        return { margin: Math.abs(now - threshold), flips: now > threshold !== then > threshold };
      }),
    )
    .sort((a, b) => b.margin - a.margin);
  let flips = 0;
  let found: number | null = null;
  for (const [i, pair] of pairs.entries()) {
    flips += Number(pair.flips);
    const next = pairs[i + 1];
    if (next !== undefined && next.margin === pair.margin) continue;
    // Half the risk: dev is where the estimate was fitted, and flips less than test.
    if (flips / (i + 1) <= risk / 2) found = pair.margin;
  }
  return found;
}

const stopping = MEASURES.flatMap((measure) =>
  steps.flatMap((samples, step) =>
    RISKS.flatMap((risk) => {
      const margin = marginFor(measure, step, risk);
      return margin === null ? [] : [{ measure, samples, risk, margin: Math.ceil(margin * 1e4) / 1e4 }];
    }),
  ),
);

const saving = [false, true].flatMap((refuse) =>
  RISKS.map((risk) => {
    const gate = { measure: 'helps' as const, threshold: null, refuse, risk };
    const estimator = { ...fitted, stopping };
    const actionOf = (row: ContextRow): string =>
      measured('helps', row) > thresholdOf(gate)
        ? 'keep'
        : refuse && (row.entropyWithout ?? 0) > Math.log(3)
          ? 'refuse'
          : 'drop';
    let drawn = 0;
    let flips = 0;
    let decisions = 0;
    for (const { early, full } of testRuns)
      for (const [i, last] of full.entries()) {
        const stop = early.find(({ count, rows }) => maySettle(measured('helps', rows[i]!), count, gate, estimator));
        drawn += stop?.count ?? K;
        flips += Number(stop !== undefined && actionOf(stop.rows[i]!) !== actionOf(last));
        decisions += 1;
      }
    return { refuse, risk, meanSamples: drawn / decisions, changed: flips / decisions, decisions };
  }),
);

// Misleading contexts: yes-no questions with a right and a wrong written memory.
const conflictRows = contextRows(conflict, ['right', 'wrong'], firstOf(K));
const CURVE = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const conflictCurve = ['helps', 'isRel', 'supported', 'entropyReduction'].map((name) => {
  const sorted = conflictRows.map(scorers[name]!).sort((a, b) => a - b);
  return {
    measure: name,
    points: CURVE.map((share) => {
      const threshold =
        name === 'helps' ? share : (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
      const keep = (row: ContextRow) => scorers[name]!(row) > threshold;
      const correct = (row: ContextRow, kept: boolean) => (kept ? row.f1With : row.f1Without);
      return {
        threshold,
        kept: conflictRows.filter(keep).length / Math.max(1, conflictRows.length),
        correct: conflictRows.reduce((sum, row) => sum + correct(row, keep(row)), 0) / Math.max(1, conflictRows.length),
        savedFromContext: conflictRows.filter((row) => !keep(row) && gainOf(row) < 0).length,
        spoiltByDropping: conflictRows.filter((row) => !keep(row) && gainOf(row) > 0).length,
      };
    }),
  };
});

const round = (value: number) => Number(value.toPrecision(6));
const definition = {
  ...{ id: 'gate', version: 1, type: 'gate', bias: round(fitted.bias) },
  features: fitted.features.map(({ name, mean, scale, weight }) => ({
    ...{ name, mean: round(mean), scale: round(scale), weight: round(weight) },
  })),
  stopping,
  fittedFor: { sampler: 'gguf-smollm2-135m-instruct@1', entailment: 'mini@1', isRel: 'mini@1', isSup: 'mini@1' },
  trainedFrom: {
    label: `F1 of the ${best.label} answer rises with the context; ties left out`,
    sources: [...new Set(dev.map(({ dataset }) => dataset))],
    contexts: dev.length,
    decided: dev.filter((row) => Math.abs(labelOf(row, best.label)) > 0.02).length,
    samples: K,
    temperature: single[0]!.row.temperature,
    ridge: best.ridge,
  },
  metrics: {
    'test.gain.auroc': {
      n: judged.all!.decided,
      value: judged.all!.figures.helps!.mean,
      ci95: judged.all!.figures.helps!.ci95,
    },
  },
};
if (flags.write) {
  const folder = new URL('../critics/gate/1/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('gate.json', folder), `${JSON.stringify(definition, null, 2)}\n`);
}
await writeFile(
  new URL('results/gate.json', import.meta.url),
  `${JSON.stringify({ validated, best, bestSingle, judged, endToEnd, saving, conflict: { rows: conflictRows.length, curve: conflictCurve }, features: fitted.features }, null, 1)}\n`,
);

const show = (value: Interval | number | null | undefined): string => {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'number') return value.toFixed(3);
  return `${value.mean.toFixed(3)} (${value.ci95[0].toFixed(3)} to ${value.ci95[1].toFixed(3)})`;
};
const percent = (value: number) => `${(100 * value).toFixed(1)}%`;
const columns = ['all', ...groups];
const lines = [
  `Fitted on ${dev.length} dev contexts (${definition.trainedFrom.decided} decided by the ${best.label} answer, ridge ${best.ridge}, both chosen by folds on dev); best single measure on dev: ${bestSingle}. AUROC against \`gain\` on test:`,
  '',
  markdownTable(
    ['measure', ...columns.map((name) => `${name} (${judged[name]!.rises} of ${judged[name]!.decided} rise)`)],
    Object.keys(judged.all!.figures).map((measure) => [
      measure,
      ...columns.map((name) => show(judged[name]!.figures[measure])),
    ]),
  ),
  '',
  'Answers of the language model on test: mean F1, gain over always keeping (paired), share kept, contexts dropped that would have hurt / helped:',
  '',
  markdownTable(
    ['policy', 'F1', 'over always', 'kept', 'hurt / helped'],
    endToEnd.all!.map(({ name, f1, gainOverAlways, kept, saved, spoilt }) => [
      ...[name, show(f1), show(gainOverAlways), percent(kept), `${saved} / ${spoilt}`],
    ]),
  ),
  '',
  `Early stopping of \`helps\` (margins from dev at half the risk, ${ROUNDS} resamplings of the ${2 * K} samples, judged on test, ${saving[0]!.decisions} decisions):`,
  '',
  markdownTable(
    ['gate.refuse', 'gate.risk', 'samples of 10', 'decisions changed'],
    saving.map(({ refuse, risk, meanSamples, changed }) => [
      ...[`${refuse}`, `${risk}`, meanSamples.toFixed(2), percent(changed)],
    ]),
  ),
  ...(conflictRows.length === 0
    ? []
    : [
        '',
        `conflictqa, ${conflictRows.length} contexts (a right and a wrong one a question), answers that are right:`,
        '',
        markdownTable(
          ['P(helps) above', 'kept', 'right', 'saved', 'spoilt'],
          conflictCurve[0]!.points.map((point) => [
            ...[`${point.threshold}`, percent(point.kept), percent(point.correct)],
            ...[`${point.savedFromContext}`, `${point.spoiltByDropping}`],
          ]),
        ),
      ]),
];
const [start, end] = ['<!-- gate: written by bench/utility-gate.ts -->', '<!-- /gate -->'];
const readme = new URL('README.md', import.meta.url);
const text = await readFile(readme, 'utf8');
await writeFile(
  readme,
  `${text.slice(0, text.indexOf(start) + start.length)}\n\n${lines.join('\n')}\n\n${text.slice(text.indexOf(end))}`,
);
process.stdout.write(`${lines.join('\n')}\n`);
