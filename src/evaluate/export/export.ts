import type { Collection } from './collect.ts';
import { chatRow, decisionRow, type ExportFormat, fullRow, jsonLines, pairRow } from './formats.ts';
import type { ExportOptions, SelectedRows } from './rows.ts';
import { type SelfRagSamples, selfRagSamples } from './selfrag.ts';

/** A file of an export, before it is written. */
export interface ExportFile {
  /** Below the folder, with forward slashes. One that ends in .gz is packed when it is written. */
  readonly path: string;
  readonly text: string;
  readonly rows: number;
}

export interface ExportContent {
  readonly files: readonly ExportFile[];
  /** Rows that the format has no place for. */
  readonly unfit: number;
  readonly samples: { readonly written: number; readonly leftOut: SelfRagSamples['leftOut'] } | null;
}

/** The files of a format, and `rows.jsonl` with everything that is known of each row. Sides without rows have no file. */
export function exportContent(
  format: ExportFormat,
  lang: string,
  collection: Pick<Collection, 'asked' | 'answers'>,
  selected: SelectedRows,
  options: ExportOptions,
): ExportContent {
  const all: ExportFile = {
    path: 'rows.jsonl',
    text: jsonLines(selected.rows.map(fullRow)),
    rows: selected.rows.length,
  };
  if (format === 'selfrag') {
    const { samples, leftOut } = selfRagSamples(collection, selected, options);
    const files = grouped(
      samples,
      ({ split }) => `${split}.jsonl`,
      ({ sample }) => sample,
    );
    return { files: [all, ...files], unfit: 0, samples: { written: samples.length, leftOut } };
  }
  const made = selected.rows.flatMap((row) => {
    const value = format === 'pairs' ? pairRow(row, lang) : format === 'chat' ? chatRow(row) : decisionRow(row);
    return value === null ? [] : [{ row, value }];
  });
  const pathOf = ({ row, value }: (typeof made)[number]) =>
    'task' in value ? `${value.task}/${row.split}.jsonl.gz` : `${row.split}.jsonl`;
  const files = grouped(made, pathOf, ({ value }) => value);
  return { files: [all, ...files], unfit: selected.rows.length - made.length, samples: null };
}

function grouped<T>(items: readonly T[], pathOf: (item: T) => string, toRow: (item: T) => unknown): ExportFile[] {
  const byPath = new Map<string, T[]>();
  for (const item of items) {
    const path = pathOf(item);
    const known = byPath.get(path);
    if (known === undefined) byPath.set(path, [item]);
    else known.push(item);
  }
  return [...byPath].map(([path, list]) => ({ path, text: jsonLines(list.map(toRow)), rows: list.length }));
}
