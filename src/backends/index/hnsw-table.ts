import type { IndexChange, MetadataFilter, SourceRecord } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { Metadata, Passage } from '../../types.ts';
import { pauses } from './hnsw-log.ts';
import type { Rows, View } from './hnsw-rows.ts';

/** Passages in a row with one document and one metadata, each with its id and the bytes of its text record. */
interface Group {
  readonly docId: string;
  readonly metadata: Metadata;
  readonly passages: [id: string, bytes: number][];
}
export interface SourceEntry {
  readonly source: SourceRecord;
  readonly groups: readonly Group[];
}
interface Removal {
  readonly remove: readonly string[];
}

/** A change as the lines of a frame's head: first what goes, then a line for each source that comes. */
export interface Head {
  readonly remove: readonly string[];
  readonly add: readonly SourceEntry[];
}

/** The part of a passage that is read when it is asked for; the rest is in memory, for filters. */
type TextRecord = Pick<Passage, 'text' | 'title' | 'span' | 'page' | 'heading'>;

/** Everything of the log but texts and vectors. */
export interface Table {
  view(): View;
  live(): number;
  readonly sources: ReadonlyMap<string, SourceRecord>;
  id(row: number): string;
  row(id: string): number | undefined;
  /** First row and number of rows of a source: they stand together, in order. */
  rowsOf(key: string): { readonly first: number; readonly count: number };
  /** The source as a line of a head, for writing the log anew. */
  entry(key: string): SourceEntry;
  /** Place and length of a row's text record in the log. */
  place(row: number): { readonly offset: number; readonly bytes: number };
  parse(row: number, record: Buffer): Passage;
  check(change: IndexChange): void;
  commit(head: Head, textsAt: number): void;
  matching(filter: MetadataFilter, view: View): Promise<Uint32Array>;
}

export function table(rows: Rows): Table {
  const ids: string[] = [];
  const docIds: string[] = [];
  const metadatas: Metadata[] = [];
  const offsets: number[] = [];
  const owners: string[] = [];
  const rowOf = new Map<string, number>();
  const sources = new Map<string, SourceRecord>();
  const ranges = new Map<string, { first: number; count: number }>();
  let version = 0;

  const forget = (key: string) => {
    const range = ranges.get(key);
    if (range === undefined) return;
    for (let row = range.first; row < range.first + range.count; row++) {
      rows.kill(row, version);
      rowOf.delete(ids[row]!);
    }
    ranges.delete(key);
    sources.delete(key);
  };

  return {
    sources,
    view: () => ({ count: ids.length, version }),
    live: () => rowOf.size,
    id: (row) => ids[row]!,
    row: (id) => rowOf.get(id),
    rowsOf: (key) => ranges.get(key)!,
    entry: (key) => {
      const { first, count } = ranges.get(key)!;
      const groups: Group[] = [];
      for (let row = first; row < first + count; row++) {
        let group = groups.at(-1);
        if (group === undefined || group.docId !== docIds[row] || group.metadata !== metadatas[row]) {
          group = { docId: docIds[row]!, metadata: metadatas[row]!, passages: [] };
          groups.push(group);
        }
        group.passages.push([ids[row]!, offsets[2 * row + 1]!]);
      }
      return { source: sources.get(key)!, groups };
    },
    place: (row) => ({ offset: offsets[2 * row]!, bytes: offsets[2 * row + 1]! }),
    parse: (row, record) => {
      const { text, title, span, page, heading } = JSON.parse(record.toString()) as TextRecord;
      return { id: ids[row]!, docId: docIds[row]!, text, title, span, page, heading, metadata: metadatas[row]! };
    },
    check(change) {
      const going = new Set(change.remove);
      const coming = new Map<string, string>();
      const keys = new Set<string>();
      for (const { source, passages } of change.add) {
        if (keys.has(source.key) || (sources.has(source.key) && !going.has(source.key)))
          throw new DiscernError('INPUT_INVALID', `source "${source.key}" is in the index already`, {
            hint: 'to replace a source, name it in `remove` too',
          });
        keys.add(source.key);
        for (const { id } of passages) {
          const row = rowOf.get(id);
          const owner = row === undefined || going.has(owners[row]!) ? undefined : owners[row];
          const holder = coming.get(id) ?? owner;
          if (holder !== undefined)
            throw new DiscernError(
              'INPUT_INVALID',
              `passage id "${id}" of source "${source.key}" is taken by source "${holder}"`,
            );
          coming.set(id, source.key);
        }
      }
    },
    commit(head, textsAt) {
      version++;
      for (const key of head.remove) forget(key);
      let offset = textsAt;
      for (const { source, groups } of head.add) {
        const first = ids.length;
        for (const { docId, metadata, passages } of groups)
          for (const [id, bytes] of passages) {
            rowOf.set(id, ids.length);
            ids.push(id);
            docIds.push(docId);
            metadatas.push(metadata);
            offsets.push(offset, bytes);
            owners.push(source.key);
            offset += bytes;
          }
        sources.set(source.key, source);
        ranges.set(source.key, { first, count: ids.length - first });
      }
    },
    async matching(filter, view) {
      const wanted = Object.entries(filter).map(
        ([key, value]) => [key, new Set<unknown>(Array.isArray(value) ? value : [value])] as const,
      );
      const found: number[] = [];
      const pause = pauses();
      for (let row = 0; row < view.count; row++) {
        if ((row & 1023) === 0) await pause();
        if (rows.isDead(row, view)) continue;
        const metadata = metadatas[row]!;
        const fits = wanted.every(([key, values]) =>
          key === 'docId' ? values.has(docIds[row]) : Object.hasOwn(metadata, key) && values.has(metadata[key]),
        );
        if (fits) found.push(row);
      }
      return Uint32Array.from(found);
    },
  };
}

/** Head lines and text records of a change. */
export async function encodeChange(change: IndexChange): Promise<{ head: Head; headLines: Buffer[]; texts: Buffer[] }> {
  const pause = pauses();
  const texts: Buffer[] = [];
  const add: SourceEntry[] = [];
  for (const { source, passages } of change.add) {
    const groups: Group[] = [];
    let seen: Metadata | null = null;
    for (const { id, docId, metadata, text, title, span, page, heading } of passages) {
      const record: TextRecord = { text, title, span: { start: span.start, end: span.end }, page, heading };
      const bytes = Buffer.from(`${JSON.stringify(record)}\n`);
      texts.push(bytes);
      let group = groups.at(-1);
      if (group === undefined || group.docId !== docId || seen !== metadata) {
        group = { docId, metadata: { ...metadata }, passages: [] };
        groups.push(group);
        seen = metadata;
      }
      group.passages.push([id, bytes.length]);
      await pause();
    }
    add.push({
      source: { key: source.key, hash: source.hash, origin: source.origin, passages: source.passages },
      groups,
    });
  }
  const head = { remove: [...change.remove], add };
  return { head, headLines: headLines(head), texts };
}

export const headLines = ({ remove, add }: Head): Buffer[] =>
  [{ remove } satisfies Removal, ...add].map((line) => Buffer.from(`${JSON.stringify(line)}\n`));

/** The reverse of `headLines`, a line at a time, so that no string is larger than one source. */
export async function decodeHead(head: Buffer): Promise<Head> {
  const pause = pauses();
  const lines: unknown[] = [];
  for (let at = 0; at < head.length; ) {
    const end = head.indexOf(10, at);
    lines.push(JSON.parse(head.toString('utf8', at, end)));
    at = end + 1;
    await pause();
  }
  const [removal, ...add] = lines as [Removal, ...SourceEntry[]];
  return { remove: removal.remove, add };
}
