import type { HeadFigures, SourceFigures } from '../evaluate/critics/measure.ts';
import { type CriticReport, MEASURES, SOURCE_MEASURES } from '../evaluate/critics/report.ts';
import type { MeanInterval } from '../evaluate/metrics/mean.ts';
import { columns, count, safe, style } from './terminal.ts';

type Figure = MeanInterval | null | undefined;

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3));
const mean = (figure: Figure): string => (figure ? number(figure.mean) : '-');
const interval = (figure: Figure): string =>
  figure ? `${number(figure.mean)} [${number(figure.ci95[0])}, ${number(figure.ci95[1])}]` : '-';

const TITLES: Partial<Record<(typeof MEASURES)[number], string>> = {
  aurocOverSources: 'auroc, mean over sources',
  eceTop: 'ece, likeliest label',
  eceRaw: 'ece, raw',
  brierRaw: 'brier, raw',
  rowsPerSecond: 'rows/s',
};

/** What `discern eval critic` prints: of each head its measures, labels, confusion and sources. */
export const reportLines = ({ critic, heads }: CriticReport): string[] => [
  style.bold(safe(critic)),
  ...Object.entries(heads).flatMap(([head, figures]) => headLines(head, figures)),
];

function headLines(head: string, figures: HeadFigures): string[] {
  const { labels, table } = figures.confusion;
  const bySource = Object.entries(figures.bySource);
  const shown = SOURCE_MEASURES.filter((name) => bySource.some(([, own]) => own[name]));
  return [
    '',
    `${style.bold(head)}: ${count(figures.n, 'row')}, 95% intervals in brackets`,
    ...columns(
      MEASURES.filter((name) => figures[name]).map((name) => [
        TITLES[name] ?? name,
        interval(figures[name]),
        `n ${figures[name]!.n}`,
      ]),
    ),
    ...(figures.accuracy === null
      ? []
      : columns([
          ['label', 'precision', 'recall', 'f1', ...labels.map((label) => `said ${label}`)].map(style.dim),
          ...labels.map((label, i) => {
            const { precision, recall, f1 } = figures.perClass[label]!;
            return [label, mean(precision), mean(recall), mean(f1), ...table[i]!.map(String)];
          }),
        ])),
    ...columns([
      ['source', 'n', ...shown].map(style.dim),
      ...bySource.map(([source, own]: [string, SourceFigures]) => [
        safe(source),
        `${own.n}`,
        ...shown.map((name) => mean(own[name])),
      ]),
    ]),
  ];
}
