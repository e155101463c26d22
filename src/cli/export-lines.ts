import type { ExportCard } from '../evaluate/export/card.ts';
import { columns, count, safe } from './terminal.ts';

/** What was exported, for people. */
export function exportLines(card: ExportCard): string[] {
  const labels = Object.entries(card.byLabel).map(([kind, counted]) => [
    ...[kind, String(card.byKind[kind] ?? 0)],
    Object.entries(counted)
      .map(([label, n]) => `${label} ${n}`)
      .join(', '),
  ]);
  const splits = Object.keys(card.options.split).map((side) => [
    ...[side, String(card.bySplit[side] ?? 0), String(card.questions[side] ?? 0)],
    String(card.documents[side] ?? 0),
  ]);
  const counted = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([name, n]) => [safe(name), String(n)]);
  return [
    `${count(card.rows, 'row')} of ${count(card.requests, 'distinct request')}, teacher ${safe(card.options.teacher)}`,
    ...columns([['', 'rows', 'labels'], ...labels]),
    ...columns([['', 'rows', 'questions', 'documents'], ...splits]),
    ...columns([['answered by', 'rows'], ...counted(card.byCritic)]),
    `  labelled by a person: ${card.review.rows}, of which ${card.review.changed} differ from the critics; doubtful: ${card.doubtful}`,
    ...leftOutLines('left out', card.leftOut),
    ...(card.samples
      ? [
          `${count(card.samples.written, 'sample')} of answers`,
          ...leftOutLines('answers left out', card.samples.leftOut),
        ]
      : []),
    ...columns([
      ['file', 'rows', 'bytes'],
      ...card.files.map(({ path, rows, bytes }) => [path, String(rows), String(bytes)]),
    ]),
  ];
}

const leftOutLines = (title: string, counts: Readonly<Record<string, number>>): string[] =>
  Object.keys(counts).length === 0
    ? []
    : [
        `  ${title}: ${Object.entries(counts)
          .map(([reason, n]) => `${reason} ${n}`)
          .join('; ')}`,
      ];
