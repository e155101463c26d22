import type { ConfigInput } from '../config.ts';
import type { KindComparison } from '../evaluate/critics/compare.ts';
import type { AnswerFigures, Paired } from '../evaluate/critics/compare-answers.ts';
import type { CriticCost } from '../evaluate/critics/compare-ask.ts';
import { type Decisions, type Flips, VARIANTS } from '../evaluate/critics/compare-decisions.ts';
import type { ComparisonReport, TraceFigures } from '../evaluate/critics/compare-report.ts';
import type { Figure } from '../evaluate/critics/compare-states.ts';
import { columns, count, safe, style } from './terminal.ts';

const short = (value: number): string => value.toFixed(3);
const mean = (figure: Figure): string => (figure === null ? '-' : short(figure.mean));
const interval = (figure: Figure, show = short): string =>
  figure === null ? '-' : `${show(figure.mean)} [${figure.ci95.map(show).join(', ')}]`;
const signed = (value: number): string => `${value < 0 ? '' : '+'}${short(value)}`;
const limit = (threshold: number | null): string => (threshold === null ? 'of each state' : `${threshold}`);

/** What `discern critics compare` prints. */
export function comparisonLines(report: ComparisonReport, swapped: ConfigInput | null): string[] {
  const { a, b, kinds, costs, traces } = report;
  return [
    style.bold(`A ${safe(a)}, B ${safe(b)}; 95% intervals in brackets`),
    ...columns([
      ['', 'asked', 'recorded', 'calls', 'ms each'].map(style.dim),
      ['A', ...costCells(costs.a)],
      ['B', ...costCells(costs.b)],
    ]),
    ...Object.entries(kinds).flatMap(([kind, figures]) => kindLines(kind, figures, report)),
    ...(traces === null ? [] : traceLines(traces)),
    ...(swapped === null ? [] : ['', `${style.bold('the same rates with B:')} ${safe(flagsOf(swapped))}`]),
  ];
}

const costCells = ({ requests, recorded, calls, ms }: CriticCost): string[] => [
  ...[`${requests - recorded}`, `${recorded}`, `${calls}`],
  requests === 0 ? '-' : (ms / requests).toFixed(1),
];

/** Options as flags of the command line. */
const flagsOf = (config: ConfigInput): string =>
  Object.entries(config)
    .flatMap(([group, options]) => Object.entries(options ?? {}).map(([name, value]) => `--${group}.${name} ${value}`))
    .join(' ');

const NUMBERS: Readonly<Record<string, string>> = {
  retrieve: 'P(yes) of yes and no',
  isRel: 'P(relevant)',
  isSup: 'P(fully) + P(partially) / 2',
  isUse: 'the expected grade',
};

function kindLines(kind: string, figures: KindComparison, report: ComparisonReport): string[] {
  const { n, questions, undecided, agreement, kappa, kappaQuadratic, difference, correlation, accuracy } = figures;
  const { labels, table } = figures.confusion;
  return [
    '',
    `${style.bold(kind)}: ${count(n, 'state')} of ${count(questions, 'question')}`,
    ...columns([
      ['same label', interval(agreement)],
      ['kappa', interval(kappa)],
      ...(kappaQuadratic === undefined ? [] : [['kappa of grades', interval(kappaQuadratic)]]),
      [`|A - B| of ${NUMBERS[kind]}`, interval(difference)],
      ['correlation of it', interval(correlation)],
      ...(accuracy.gain === null
        ? []
        : [['right label', `A ${mean(accuracy.a)}, B ${mean(accuracy.b)}, B - A ${interval(accuracy.gain, signed)}`]]),
      ...(undecided.a + undecided.b === 0
        ? []
        : [['undecided, left out', `A ${undecided.a}, B ${undecided.b}, both ${undecided.both}`]]),
    ]),
    ...columns([
      ['A says', ...labels.map((label) => `B says ${label}`)].map(style.dim),
      ...labels.map((label, i) => [label, ...table[i]!.map(String)]),
    ]),
    ...(figures.decisions === null ? [] : decisionLines(kind, figures.decisions, report)),
    ...sourceLines(figures),
  ];
}

function decisionLines(kind: string, decisions: Decisions, { transfer }: ComparisonReport): string[] {
  const { a, n, questions, fitted, variants } = decisions;
  const rights = a.right === null ? [] : ['right'];
  const cells = ({ threshold, kept, flips, lost, gained, kappa, right }: Flips) => [
    ...[limit(threshold), mean(kept), interval(flips), mean(lost), mean(gained), mean(kappa)],
    ...(a.right === null ? [] : [interval(right)]),
  ];
  const verb = kind === 'retrieve' ? 'retrieves' : 'keeps';
  const carried = fitted.n === 0 ? '' : `; threshold by ${transfer} on ${count(fitted.n, 'other state')}`;
  return [
    `  decisions on ${count(n, 'state')} of ${count(questions, 'question')}${carried}`,
    ...columns([
      ['', 'threshold', verb, 'flips', `only A ${verb}`, `only B ${verb}`, 'kappa', ...rights].map(style.dim),
      ['A', limit(a.threshold), mean(a.kept), '', '', '', '', ...(a.right === null ? [] : [interval(a.right)])],
      ...VARIANTS.flatMap((name) => (variants[name] === null ? [] : [[`B, ${name}`, ...cells(variants[name])]])),
    ]),
  ];
}

function sourceLines({ bySource, decisions }: KindComparison): string[] {
  const sources = Object.entries(bySource);
  if (sources.length < 2) return [];
  const shown = VARIANTS.filter((name) => decisions?.variants[name]);
  const decided = (source: string): string[] => {
    const own = decisions?.bySource[source];
    return [`${own?.n ?? 0}`, ...shown.map((name) => mean(own?.variants[name]?.flips ?? null))];
  };
  return columns([
    [
      ...['source', 'n', 'same label', 'kappa', '|A - B|'],
      ...(decisions === null ? [] : ['decisions', ...shown.map((name) => `flips, ${name}`)]),
    ].map(style.dim),
    ...sources.map(([source, { n, agreement, kappa, difference }]) => [
      ...[safe(source), `${n}`, mean(agreement), mean(kappa), mean(difference)],
      ...(decisions === null ? [] : decided(source)),
    ]),
  ]);
}

function traceLines({ traces, leftOut, answers }: TraceFigures): string[] {
  const shown = VARIANTS.flatMap((name) => (answers.variants[name] ? [[name, answers.variants[name]] as const] : []));
  const row = (title: string, of: (figures: AnswerFigures) => string) => [title, ...shown.map(([, one]) => of(one))];
  const both = ({ a, b }: Paired) => `${mean(a)} -> ${mean(b)}`;
  const gains = ({ a, b, gain }: Paired) => `${mean(a)} -> ${mean(b)}, ${interval(gain, signed)}`;
  const hasGold = shown.some(([, { gold }]) => gold.a !== null);
  return [
    '',
    `${style.bold('answers')}: ${count(answers.questions, 'question')} answered again with A (${answers.covered} without a missing fact), and with B`,
    ...(leftOut.traces === 0 ? [] : [`  left out: ${leftOut.traces} of ${count(traces, 'trace')}, which lack facts`]),
    ...(leftOut.states === 0
      ? []
      : [`  left out: ${count(leftOut.states, 'state')} that one of the two was not asked`]),
    ...columns([
      ['A -> B', ...shown.map(([name]) => name)].map(style.dim),
      row('covered', ({ covered }) => `${covered} of ${answers.questions}`),
      row('other words', ({ changed }) => interval(changed)),
      row('answered', ({ answered }) => both(answered)),
      ...(hasGold ? [row('gold contained', ({ gold }) => gains(gold)), row('F1', ({ f1 }) => gains(f1))] : []),
      row('calls to the critic', ({ calls }) => both(calls)),
      row('requests to it', ({ critiques }) => both(critiques)),
      row('requests to all models', ({ requests }) => both(requests)),
    ]),
  ];
}
