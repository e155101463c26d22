import type { MeanInterval } from '../evaluate/metrics/mean.ts';
import type { SeperFacts } from '../evaluate/seper/collect.ts';
import type { SeperFigures } from '../evaluate/seper/measure.ts';
import type { SeperThresholds, ThresholdFit } from '../evaluate/seper/thresholds.ts';
import {
  type Agreement,
  type PairedMeans,
  SEPER_MEASURES,
  type SeperAtK,
  type SeperReport,
} from '../evaluate/seper.ts';
import { brief, columns, count, safe, style } from './terminal.ts';

type Figure = MeanInterval | null;

const plain = (value: number | null): string => (value === null ? '-' : value.toFixed(3));
const signed = (value: number, digits = 3): string => `${value < 0 ? '' : '+'}${value.toFixed(digits)}`;
/** Rows of one question, or ones that are all alike, have no interval to show. */
const withInterval = ({ mean, ci95 }: MeanInterval, show: (value: number) => string): string =>
  ci95.every((end) => Math.abs(end - mean) < 1e-9) ? show(mean) : `${show(mean)} [${ci95.map(show).join(', ')}]`;
const gain = (figure: Figure): string => (figure === null ? '-' : withInterval(figure, (value) => signed(value)));
const narrow = (figure: Figure): string => (figure === null ? '-' : withInterval(figure, (value) => value.toFixed(2)));

/** Alerts that are listed; the rest are counted. */
const ALERTS = 10;

/** What `discern seper` prints. */
export function seperLines(
  report: SeperReport,
  facts: readonly SeperFacts[],
  figures: readonly SeperFigures[],
): string[] {
  return [
    ...headLines(report),
    ...meanLines(report),
    ...report.published.map(
      ({ id, published, soft }) =>
        `  ${safe(id)}: SePer soft with context ${soft === null ? '-' : soft.toFixed(4)}, published ${published.toFixed(4)}`,
    ),
    ...ablationLines(report.ablation),
    ...correlationLines(report.correlation),
    ...passageLines(report.passages, facts, figures),
    ...thresholdLines(report.thresholds),
  ];
}

function headLines({ rows, questions, k, fewer, discrete, by, models }: SeperReport): string[] {
  const about =
    questions === rows ? count(rows, 'question') : `${count(rows, 'row')} of ${count(questions, 'question')}`;
  const names = (list: readonly string[]) => list.map(safe).join(', ');
  return [
    style.bold(`SePer: ${about}, ${count(k, 'answer')} sampled of each condition`),
    `  answers: ${names(models.sampler) || 'given in the data'}`,
    `  compared by: ${names(models.entailment) || 'nothing'}`,
    ...(by.includes('equivalent') ? ['  no NLI at hand: SePer is by the probability of an equal meaning'] : []),
    ...(discrete > 0 ? [`  ${count(discrete, 'row')} without log-probabilities: each answer weighs the same`] : []),
    ...(fewer > 0 ? [`  ${count(fewer, 'row')} with fewer answers than that`] : []),
  ];
}

function meanLines({ soft, hard, f1, entropy, pseudoSeper, leftOut }: SeperReport): string[] {
  const row = (name: string, { with: context, without, gain: gained }: PairedMeans) => [
    ...[name, plain(context?.mean ?? null), plain(without?.mean ?? null)],
    gain(gained),
  ];
  const n = (figure: Figure) => String(figure?.n ?? 0);
  const missing = Object.entries(leftOut).map(([gap, number]) => `${number} ${gap}`);
  return [
    '',
    ...columns([
      ['', 'with', 'without', 'gain'].map(style.dim),
      row('SePer soft', soft),
      row('SePer hard', hard),
      row('F1', f1),
      row('semantic entropy', entropy),
      ['pseudo-SePer', '', '', gain(pseudoSeper)],
      ['n', n(soft.with), n(soft.without), n(soft.gain)].map(style.dim),
    ]),
    ...(missing.length === 0 ? [] : [`  no gain: ${missing.join(', ')}`]),
  ];
}

function ablationLines(ablation: readonly SeperAtK[]): string[] {
  const last = ablation.at(-1);
  if (last === undefined) return [];
  const of = ({ delta, pearson, change }: SeperAtK['soft']) => [
    delta === null ? '-' : withInterval(delta, (value) => signed(value, 2)),
    ...[plain(pearson), plain(change)],
  ];
  return [
    '',
    `${style.bold('fewer answers')}: the first k of ${last.k}, ${count(last.n, 'row')}; r with k ${last.k}, mean change to it`,
    ...columns([
      ['k', 'gain soft', 'r', 'change', 'gain hard', 'r', 'change'].map(style.dim),
      ...ablation.map(({ k, soft, hard }) => [String(k), ...of(soft), ...of(hard)]),
    ]),
  ];
}

const NAMES: Readonly<Record<(typeof SEPER_MEASURES)[number], string>> = {
  ...{ deltaSoft: 'gain, SePer soft', deltaHard: 'gain, SePer hard', deltaF1: 'gain, F1' },
  ...{ entropyReduction: 'entropy reduction', pseudoSeper: 'pseudo-SePer' },
  ...{ isRel: 'P(relevant)', rerank: 'rerank score' },
};

function correlationLines(correlation: SeperReport['correlation']): string[] {
  if (correlation === null) return [];
  const { field, unlabelled, measures } = correlation;
  const known = SEPER_MEASURES.flatMap((name) => (measures[name] === null ? [] : [[name, measures[name]] as const]));
  const isBinary = known.some(([, { auroc }]) => auroc !== null);
  const cells = ({ n, pearson, spearman, auroc }: Agreement) => [
    ...[String(n), narrow(pearson), narrow(spearman)],
    ...(isBinary ? [narrow(auroc)] : []),
  ];
  return [
    '',
    `${style.bold(`correlation with ${brief(field, 40)}`)}${unlabelled === 0 ? '' : `; ${count(unlabelled, 'row')} without it`}`,
    ...columns([
      ['', 'n', 'Pearson', 'Spearman', ...(isBinary ? ['AUROC'] : [])].map(style.dim),
      ...known.map(([name, agreement]) => [NAMES[name], ...cells(agreement)]),
    ]),
  ];
}

function passageLines(
  passages: SeperReport['passages'],
  facts: readonly SeperFacts[],
  figures: readonly SeperFigures[],
): string[] {
  if (passages === null) return [];
  const alerts = figures
    .flatMap((one, i) => one.passages.map((utility, at) => ({ ...utility, at, of: facts[i]! })))
    .filter(({ negative }) => negative)
    .sort((a, b) => a.deltaSoft! - b.deltaSoft!);
  return [
    '',
    `${style.bold('each passage, by leaving it out')}: ${count(passages.n, 'passage')}, gain ${gain(passages.delta)}`,
    alerts.length === 0
      ? '  none has a negative utility'
      : `  ${style.yellow(`negative utility: ${alerts.length}`)}${alerts.length > ALERTS ? `, the worst ${ALERTS}:` : ''}`,
    ...columns(
      alerts
        .slice(0, ALERTS)
        .map(({ deltaSoft, at, of }) => [
          ...[signed(deltaSoft!), brief(of.id, 16), `passage ${at + 1}`],
          brief(of.passages[at]!.passage.text, 40),
        ]),
    ),
  ];
}

const OPTIONS = { isRel: '--isRel.threshold', rerank: '--gate.measure rerank --gate.threshold' };

function thresholdLines(thresholds: SeperThresholds | null): string[] {
  if (thresholds === null) return [];
  const { by, context, refuse } = thresholds;
  const line = (option: string, fit: ThresholdFit | null, noun: string) =>
    fit === null
      ? [option, 'no evidence: no row has both a score and a gain']
      : fit.threshold === null
        ? [option, `no evidence: none gains over keeping ${count(fit.n, noun)}`]
        : [
            fit.evidence ? `${option} ${fit.threshold}` : option,
            `${fit.evidence ? '' : 'no evidence: '}${fit.kept} of ${count(fit.n, noun)} kept, gain ${gain(fit.gain)}`,
          ];
  return [
    '',
    `${style.bold('thresholds')}; gain on rows that they were not chosen on`,
    ...columns([
      line(OPTIONS[by ?? 'isRel'], context, 'context'),
      line('--gate.maxEntropy', refuse, 'closed-book answer'),
    ]),
  ];
}
