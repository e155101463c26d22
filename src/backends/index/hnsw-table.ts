import type { IndexChange, MetadataFilter, SourceRecord } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { Metadata, Passage } from '../../types.ts';
import { pauses } from './hnsw-log.ts';
import type { Rows, View } from './hnsw-rows.ts';

/** Token ids are stored as uint16. */
export const TOKEN_BYTES = 2;

/** Passages in a row with one document and one metadata, each with its id, the bytes of its text record, and how many tokens it has. */
interface Group {
  readonly docId: string;
  readonly metadata: Metadata;
  readonly passages: ([id: string, bytes: number] | [id: string, bytes: number, tokens: number])[];
}
export interface SourceEntry {
  readonly source: SourceRecord;
  readonly groups: readonly Group[];
  /** What made the token ids of all its passages; absent where none are stored. */
  readonly tokenizer?: string;
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

/** A stretch of the log. */
interface Place {
  readonly offset: number;
  readonly bytes: number;
}

/** Everything of the log but texts, token ids and vectors. */
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
  place(row: number): Place;
  /** Place and length of a row's token ids; null where it has none. */
  tokenPlace(row: number): Place | null;
  /** What made the token ids of a row; null where it has none. */
  tokenizer(row: number): string | null;
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
  /** Place and number of each row's token ids; the number is -1 where there are none. */
  const tokens: number[] = [];
  const owners: string[] = [];
  const rowOf = new Map<string, number>();
  const sources = new Map<string, SourceRecord>();
  const tokenizers = new Map<string, string>();
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
    tokenizers.delete(key);
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
        const count = tokens[2 * row + 1]!;
        group.passages.push([ids[row]!, offsets[2 * row + 1]!, ...(count < 0 ? ([] as const) : ([count] as const))]);
      }
      return { source: sources.get(key)!, groups, tokenizer: tokenizers.get(key) };
    },
    place: (row) => ({ offset: offsets[2 * row]!, bytes: offsets[2 * row + 1]! }),
    tokenPlace: (row) => {
      const count = tokens[2 * row + 1]!;
      return count < 0 ? null : { offset: tokens[2 * row]!, bytes: count * TOKEN_BYTES };
    },
    tokenizer: (row) => tokenizers.get(owners[row]!) ?? null,
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
      let tokensAt = textsAt + textBytesOf(head);
      for (const { source, groups, tokenizer } of head.add) {
        const first = ids.length;
        for (const { docId, metadata, passages } of groups)
          for (const [id, bytes, count = -1] of passages) {
            rowOf.set(id, ids.length);
            ids.push(id);
            docIds.push(docId);
            metadatas.push(metadata);
            offsets.push(offset, bytes);
            owners.push(source.key);
            offset += bytes;
            tokens.push(tokensAt, count);
            tokensAt += Math.max(0, count) * TOKEN_BYTES;
          }
        sources.set(source.key, source);
        if (tokenizer !== undefined) tokenizers.set(source.key, tokenizer);
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

const textBytesOf = (head: Head): number =>
  head.add.reduce(
    (sum, { groups }) =>
      sum + groups.reduce((of, { passages }) => of + passages.reduce((all, [, bytes]) => all + bytes, 0), 0),
    0,
  );

/** Head lines of a change, and its text records followed by its token ids. */
export async function encodeChange(change: IndexChange): Promise<{ head: Head; headLines: Buffer[]; texts: Buffer[] }> {
  const pause = pauses();
  const texts: Buffer[] = [];
  const tokenIds: Buffer[] = [];
  const add: SourceEntry[] = [];
  for (const { source, passages, tokens } of change.add) {
    const groups: Group[] = [];
    let seen: Metadata | null = null;
    for (const [i, { id, docId, metadata, text, title, span, page, heading }] of passages.entries()) {
      const record: TextRecord = { text, title, span: { start: span.start, end: span.end }, page, heading };
      const bytes = Buffer.from(`${JSON.stringify(record)}\n`);
      texts.push(bytes);
      let group = groups.at(-1);
      if (group === undefined || group.docId !== docId || seen !== metadata) {
        group = { docId, metadata: { ...metadata }, passages: [] };
        groups.push(group);
        seen = metadata;
      }
      const ids = tokens?.ids[i];
      group.passages.push(ids === undefined ? [id, bytes.length] : [id, bytes.length, ids.length]);
      if (ids !== undefined) tokenIds.push(Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength));
      await pause();
    }
    add.push({
      source: { key: source.key, hash: source.hash, origin: source.origin, passages: source.passages },
      groups,
      tokenizer: tokens?.tokenizer,
    });
  }
  const head = { remove: [...change.remove], add };
  return { head, headLines: headLines(head), texts: [...texts, ...tokenIds] };
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
