import type { Collection } from './collect.ts';
import type { ExportFormat } from './formats.ts';
import { type ExportOptions, type ExportRow, type LeftOut, type SelectedRows, tally } from './rows.ts';
import type { Split } from './split.ts';
import { DOUBTFUL } from './targets.ts';

type Counts = Readonly<Record<string, number>>;

/** A file that traces, labels or evaluation sets were read from. */
export interface InputFile {
  readonly name: string;
  readonly sha256: string;
}

export interface OutputFile {
  /** Below the folder, with forward slashes. */
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ExportInputs {
  readonly traces: readonly (InputFile & { readonly traces: number; readonly notReplayed: number })[];
  readonly review: InputFile | null;
  readonly excluded: readonly InputFile[];
}

/** What an export holds, what it was made from, and what was left out. */
export interface ExportCard {
  /** Marks a folder as one of ours. */
  readonly made: 'discern export';
  readonly format: ExportFormat;
  readonly inputs: ExportInputs;
  readonly options: {
    readonly kinds: readonly string[];
    readonly teacher: string;
    readonly minConfidence: number;
    readonly overrideWeight: number;
    readonly keepDegraded: boolean;
    readonly lang: string;
    readonly seed: number;
    readonly split: Counts;
    readonly cut: boolean;
  };
  readonly requests: number;
  readonly rows: number;
  readonly byKind: Counts;
  readonly byLabel: Readonly<Record<string, Counts>>;
  readonly bySplit: Counts;
  /** A row counts for each file that its request stands in. */
  readonly bySource: Counts;
  /** Rows that each critic answered. */
  readonly byCritic: Counts;
  /** Of the rows with two teachers or more: half the differences between their labels, on average. */
  readonly disagreement: { readonly rows: number; readonly mean: number | null };
  readonly review: { readonly rows: number; readonly changed: number };
  readonly doubtful: number;
  readonly degraded: number;
  /** Times that a critic said of one request two different things. */
  readonly conflicts: number;
  /** Critiques in the traces that are of no request that could be rebuilt. */
  readonly unexplained: number;
  readonly leftOut: Counts;
  /** Answers that are samples, for the format selfrag. */
  readonly samples: { readonly written: number; readonly leftOut: Counts } | null;
  readonly documents: Counts;
  readonly questions: Counts;
  readonly groups: { readonly count: number; readonly largest: number };
  readonly files: readonly OutputFile[];
  readonly licence: string;
}

export interface CardParts {
  readonly format: ExportFormat;
  readonly lang: string;
  readonly inputs: ExportInputs;
  readonly collection: Pick<Collection, 'asked' | 'conflicts' | 'unexplained'>;
  readonly options: ExportOptions;
  readonly selected: SelectedRows;
  /** Rows that the format has no place for. */
  readonly unfit: number;
  readonly samples: { readonly written: number; readonly leftOut: ReadonlyMap<LeftOut, number> } | null;
  readonly files: readonly OutputFile[];
}

const LICENCE =
  'The questions, passages and answers in these files belong to their authors and to the owners of the documents that were indexed. This export grants no rights to them: check that you may train on them, and pass them on, before you do.';

const counts = (keys: Iterable<string>): Counts => Object.fromEntries(tally(keys));

function perSplit(rows: readonly ExportRow[], of: (row: ExportRow) => Iterable<string>): Counts {
  const found = new Map<Split, Set<string>>();
  for (const row of rows) {
    const known = found.get(row.split) ?? new Set<string>();
    for (const one of of(row)) known.add(one);
    found.set(row.split, known);
  }
  return Object.fromEntries([...found].map(([split, known]) => [split, known.size]));
}

export function exportCard(parts: CardParts): ExportCard {
  const { collection, options, selected, unfit, samples } = parts;
  const { rows, splitter } = selected;
  const kinds = [...new Set(rows.map(({ asked }) => asked.request.kind))];
  const reviewed = rows.filter(({ target }) => target.override !== null);
  const several = rows.filter(({ target }) => target.teachers.size > 1).map(({ target }) => target.disagreement);
  return {
    made: 'discern export',
    format: parts.format,
    inputs: parts.inputs,
    options: {
      kinds: options.kinds,
      teacher: options.target.teacher ?? 'mean',
      minConfidence: options.minConfidence,
      ...{ overrideWeight: options.target.overrideWeight, keepDegraded: options.target.keepDegraded },
      ...{ lang: parts.lang, seed: options.split.seed, split: options.split.shares as Counts, cut: options.split.cut },
    },
    requests: collection.asked.size,
    rows: rows.length,
    byKind: counts(rows.map(({ asked }) => asked.request.kind)),
    byLabel: Object.fromEntries(
      kinds.map((kind) => [
        kind,
        counts(rows.flatMap(({ asked, target }) => (asked.request.kind === kind ? [target.label!] : []))),
      ]),
    ),
    bySplit: counts(rows.map(({ split }) => split)),
    bySource: counts(rows.flatMap(({ asked }) => [...asked.sources])),
    byCritic: counts(rows.flatMap(({ target }) => [...target.teachers.keys()])),
    disagreement: {
      rows: several.length,
      mean: several.length === 0 ? null : several.reduce((sum, one) => sum + one, 0) / several.length,
    },
    review: {
      rows: reviewed.length,
      changed: reviewed.filter(({ target }) => target.predicted?.label !== target.label).length,
    },
    doubtful: rows.filter(({ target }) => target.doubtful).length,
    degraded: rows.filter(({ target }) => target.isDegraded).length,
    ...{ conflicts: collection.conflicts, unexplained: collection.unexplained },
    leftOut: {
      ...Object.fromEntries(selected.leftOut),
      ...(unfit > 0 && { 'not in this format': unfit }),
    },
    samples: samples && { written: samples.written, leftOut: Object.fromEntries(samples.leftOut) },
    documents: perSplit(rows, ({ asked }) => asked.docIds),
    questions: perSplit(rows, ({ asked }) => [asked.request.question]),
    groups: { count: splitter.groups, largest: splitter.largest },
    files: parts.files,
    licence: LICENCE,
  };
}

// File names and critic ids come from outside: they must not make Markdown.
const cell = (text: string): string => text.replace(/[\\`*_{}[\]<>()#+!|~]/g, '\\$&').replace(/\s+/g, ' ');

const table = (heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] =>
  rows.length === 0
    ? []
    : [
        `| ${heads.join(' | ')} |`,
        `| ${heads.map((_, i) => (i === 0 ? '---' : '---:')).join(' | ')} |`,
        ...rows.map((row) => `| ${row.map((one) => cell(String(one))).join(' | ')} |`),
        '',
      ];

const countRows = (counted: Counts): (string | number)[][] => Object.entries(counted).map(([name, n]) => [name, n]);

/** The card as a page of Markdown. */
export function cardPage(card: ExportCard): string {
  const { inputs, options, samples } = card;
  const splits = Object.keys(card.options.split);
  const labels = Object.entries(card.byLabel).flatMap(([kind, counted]) =>
    Object.entries(counted).map(([label, n]) => [kind, label, n]),
  );
  return [
    '# Critic training data from traces',
    '',
    `Made by \`discern export --format ${card.format}\`: ${card.rows} rows of ${card.requests} distinct requests to critics. card.json holds the same figures.`,
    '',
    '## Made from',
    '',
    ...table(
      ['trace file', 'traces', 'not replayed', 'rows', 'sha256'],
      inputs.traces.map((file) => [
        ...[file.name, file.traces, file.notReplayed, card.bySource[file.name] ?? 0, file.sha256],
      ]),
    ),
    ...(inputs.review ? [`Review: ${cell(inputs.review.name)} (sha256 ${inputs.review.sha256})`, ''] : []),
    ...inputs.excluded.flatMap(({ name, sha256 }) => [`Kept out: ${cell(name)} (sha256 ${sha256})`, '']),
    `Teacher: ${cell(options.teacher)}; least confidence ${options.minConfidence}; weight of a person's label ${options.overrideWeight}; language ${cell(options.lang)}; seed ${options.seed}.`,
    '',
    '## Rows',
    '',
    ...table(['kind', 'label', 'rows'], labels),
    ...table(['answered by', 'rows'], countRows(card.byCritic)),
    `- Labelled by a person: ${card.review.rows}, of which ${card.review.changed} differ from the critics.`,
    `- Doubtful (within ${DOUBTFUL} of flipping, or critics name different labels): ${card.doubtful}.`,
    `- Answered in place of a critic that failed: ${card.degraded}.`,
    `- Critics that answered the same request differ by ${card.disagreement.mean === null ? 'nothing: no request was answered twice' : `${card.disagreement.mean.toFixed(4)} on average, over ${card.disagreement.rows} rows`}.`,
    `- Times that one critic said two different things of one request: ${card.conflicts}.`,
    `- Critiques whose request could not be rebuilt: ${card.unexplained}.`,
    '',
    ...table(['left out because', 'rows'], countRows(card.leftOut)),
    ...(samples
      ? [
          `Answers written as samples: ${samples.written}.`,
          '',
          ...table(['answer left out because', 'answers'], countRows(samples.leftOut)),
        ]
      : []),
    '## Split',
    '',
    'No document, no passage text and no question is on two sides.',
    ...(options.cut ? ['Rows whose document and question fell on different sides are left out.'] : []),
    `Documents and questions that hang together: ${card.groups.count} groups, the largest with ${(100 * card.groups.largest).toFixed(1)}% of all.`,
    '',
    ...table(
      ['side', 'share wanted', 'rows', 'questions', 'documents'],
      splits.map((side) => [
        ...[side, options.split[side]!, card.bySplit[side] ?? 0],
        ...[card.questions[side] ?? 0, card.documents[side] ?? 0],
      ]),
    ),
    '## Files',
    '',
    ...table(
      ['file', 'rows', 'bytes', 'sha256'],
      card.files.map(({ path, rows, bytes, sha256 }) => [path, rows, bytes, sha256]),
    ),
    '## Licence',
    '',
    card.licence,
    '',
  ].join('\n');
}
