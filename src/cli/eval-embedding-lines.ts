import type { ProbeReport } from '../evaluate/embedding/probe.ts';
import type { Slices } from '../evaluate/embedding/slices.ts';
import type { MeanInterval } from '../evaluate/metrics/mean.ts';
import { columns, count, safe, style } from './terminal.ts';

/** Figures by name, and how many items they are over. */
type Figures = { readonly n: number } & object;

export interface EmbeddingReport extends Slices<Figures> {
  readonly task: string;
  readonly embedder: string;
  /** Distinct texts that were embedded. */
  readonly texts: number;
  readonly seed: number;
  readonly files: readonly string[];
  readonly probe?: Omit<ProbeReport, keyof Slices<unknown>> & { readonly c: number };
}

/** What the table shows; the JSON has all. */
const TITLES: Readonly<Record<string, string>> = {
  pearson: 'Pearson',
  spearman: 'Spearman',
  purity: 'purity',
  nmi: 'NMI (arithmetic)',
  ari: 'ARI',
  vMeasure: 'V-measure',
  accuracy: 'accuracy',
  macroF1: 'macro F1',
};

const ITEMS: Readonly<Record<string, string>> = { sts: 'pair', clustering: 'text', probe: 'text' };

/** What `discern eval embedding` prints: a row for all items, for each language and for each domain. */
export function embeddingLines({ task, embedder, texts, overall, byLang, byDomain, probe }: EmbeddingReport): string[] {
  const names = Object.keys(TITLES).filter((name) => name in overall);
  const row = (title: string, figures: Figures): string[] => [
    title,
    `${figures.n}`,
    ...names.map((name) => shown(Reflect.get(figures, name) as MeanInterval | null)),
  ];
  const sets = 'sets' in overall && typeof overall.sets === 'number' ? ` in ${count(overall.sets, 'set')}` : '';
  return [
    `${style.bold(safe(embedder))}: ${task}, ${count(overall.n, ITEMS[task] ?? 'item')}${sets}, ${count(texts, 'distinct text')} embedded`,
    ...(probe === undefined ? [] : probeLines(probe)),
    style.dim('95% intervals in brackets'),
    ...columns([
      ['', 'n', ...names.map((name) => TITLES[name]!)].map(style.dim),
      row('all', overall),
      ...Object.entries(byLang).map(([lang, figures]) => row(`language ${safe(lang)}`, figures)),
      ...Object.entries(byDomain).map(([domain, figures]) => row(`domain ${safe(domain)}`, figures)),
    ]),
  ];
}

const probeLines = ({
  classes,
  trained,
  unknownLabels,
  converged,
}: NonNullable<EmbeddingReport['probe']>): string[] => [
  `logistic regression on ${trained} rows of ${classes.length} classes`,
  ...(unknownLabels === 0
    ? []
    : [`${count(unknownLabels, 'row')} of a class that the train rows lack: counted as wrong`]),
  ...(converged ? [] : ['the fit ended before it had settled: the figures may be a little low']),
];

const shown = (figure: MeanInterval | null): string =>
  figure === null ? '-' : `${figure.mean.toFixed(3)} [${figure.ci95[0].toFixed(3)}, ${figure.ci95[1].toFixed(3)}]`;
