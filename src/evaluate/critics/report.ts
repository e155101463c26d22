import type { MeanInterval } from '../metrics/mean.ts';
import { type HeadFigures, positiveName, type SourceFigures } from './measure.ts';
import type { EvalHead } from './rows.ts';

export interface CriticReport {
  readonly critic: string;
  readonly heads: Readonly<Partial<Record<EvalHead, HeadFigures>>>;
}

/** Measures that are one number, in the order in which they are shown. */
export const MEASURES = [
  'accuracy',
  'macroF1',
  'auroc',
  'aurocOverSources',
  'averagePrecision',
  'ece',
  'eceTop',
  'eceRaw',
  'brier',
  'brierRaw',
  'kappaQuadratic',
  'pairwiseAccuracy',
  'rowsPerSecond',
] as const satisfies readonly (keyof HeadFigures)[];

/** Those that each source has. */
export const SOURCE_MEASURES = [
  'accuracy',
  'auroc',
  'averagePrecision',
  'ece',
  'brier',
  'kappaQuadratic',
  'pairwiseAccuracy',
] as const satisfies readonly (keyof SourceFigures)[];

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3));
const interval = (figure: MeanInterval | null | undefined): string =>
  figure ? `${number(figure.mean)} <small>${number(figure.ci95[0])} – ${number(figure.ci95[1])}</small>` : '';

type Cell = string;
const table = (caption: string, heads: readonly Cell[], rows: readonly (readonly Cell[])[]): string =>
  [
    `<table><caption>${caption}</caption>`,
    `<thead><tr>${heads.map((cell) => `<th scope="col">${cell}</th>`).join('')}</tr></thead><tbody>`,
    ...rows.map(
      ([first, ...others]) =>
        `<tr><th scope="row">${first}</th>${others.map((cell) => `<td>${cell}</td>`).join('')}</tr>`,
    ),
    '</tbody></table>',
  ].join('\n');

/** How often each true label was predicted as which: a table of HTML. */
export function confusionTable({ confusion: { labels, table: counts } }: Pick<HeadFigures, 'confusion'>): string {
  const rows = counts.map((row, i) => [escaped(labels[i]!), ...row.map(String)]);
  return table('Confusion: a row is a true label, a column what was predicted', ['', ...labels.map(escaped)], rows);
}

function headSection(head: EvalHead, figures: HeadFigures, chart: string): string {
  const shown = MEASURES.filter((name) => figures[name]);
  const measures = shown.map((name) => [name, interval(figures[name]), `${figures[name]!.n}`]);
  const classes = Object.entries(figures.perClass).map(([label, { precision, recall, f1 }]) => [
    escaped(label),
    ...[precision, recall, f1].map(interval),
  ]);
  const bySource = Object.values(figures.bySource);
  const columns = SOURCE_MEASURES.filter((name) => bySource.some((source) => source[name]));
  const sources = Object.entries(figures.bySource).map(([source, own]) => [
    escaped(source),
    `${own.n}`,
    ...columns.map((name) => interval(own[name])),
  ]);
  return [
    `<section><h2>${head}</h2><p>${figures.n} rows. Small figures: 95% bootstrap interval. AUROC, average precision, ECE and Brier are of P(${positiveName(head)}).</p>`,
    `<figure>${chart}<figcaption>Reliability: on the line, what was said came true as often as it was said.</figcaption></figure>`,
    table('Measures', ['', 'value', 'n'], measures),
    confusionTable(figures),
    table('By label', ['', 'precision', 'recall', 'F1'], classes),
    `<div class="wide">${table('By source', ['', 'n', ...columns], sources)}</div></section>`,
  ].join('\n');
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1d1d1f; --page: #fff; --line: #d5d5da; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6ea; --page: #17171a; --line: #3c3c42; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .7rem; text-align: right; }
th[scope=row] { text-align: left; font-weight: normal; }
small { opacity: .65; }
figure { margin: 1rem 0; } figcaption { opacity: .75; }
svg { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }`;

/** A page of its own: no scripts, nothing from elsewhere. `charts` are SVG pictures that this package drew. */
export function criticReportPage(
  { critic, heads }: CriticReport,
  charts: Readonly<Partial<Record<EvalHead, string>>>,
): string {
  const title = `${escaped(critic)}: evaluation`;
  const sections = (Object.entries(heads) as [EvalHead, HeadFigures][]).map(([head, figures]) =>
    headSection(head, figures, charts[head] ?? ''),
  );
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    `<title>${title}</title><style>${STYLE}</style></head><body><h1>${title}</h1>`,
    ...sections,
    '</body></html>',
    '',
  ].join('\n');
}
