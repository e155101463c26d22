import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { DiscernError } from '../../errors.ts';
import { encodeFrame, readFrames } from './hnsw-log.ts';
import { type Rows, vectorRows } from './hnsw-rows.ts';
import type { Storage } from './hnsw-storage.ts';
import { decodeHead, headLines, type SourceEntry, type Table, table } from './hnsw-table.ts';

/** One log and what was read of it. Writing the log anew makes another generation. */
export interface Generation {
  /** Random name of the log, so that a graph made from another one is not taken for its own. */
  readonly identity: string;
  readonly storage: Storage;
  readonly rows: Rows;
  readonly table: Table;
  /** Where the next frame goes. */
  end: number;
}

/** What an index is made with, and compared with when it is opened. */
export interface Kind {
  readonly dimensions: number;
  readonly fingerprint: Readonly<Record<string, string | number>>;
}

const Opening = z.object({
  format: z.literal('discern-rag passages'),
  version: z.literal(1),
  identity: z.string(),
  dimensions: z.int().min(1),
  fingerprint: z.record(z.string(), z.union([z.string(), z.number()])),
});

/** The first frame of a new log. */
export async function openingFrame({ dimensions, fingerprint }: Kind): Promise<Uint8Array[]> {
  const opening: z.infer<typeof Opening> = {
    format: 'discern-rag passages',
    version: 1,
    identity: randomUUID(),
    dimensions,
    fingerprint: { ...fingerprint },
  };
  return (await encodeFrame({ head: [Buffer.from(`${JSON.stringify(opening)}\n`)], texts: [], vectors: [] })).pieces;
}

/** Reads a log. `name` stands in messages. */
export async function readGeneration(storage: Storage, kind: Kind, name: string): Promise<Generation> {
  const rows = vectorRows(kind.dimensions);
  const passages = table(rows);
  let identity: string | null = null;
  let next = 0;
  const end = await readFrames(storage, name, kind.dimensions * 4, {
    vectors(bytes) {
      rows.write(next, bytes);
      next += bytes.length / (kind.dimensions * 4);
    },
    async frame(head, textsAt) {
      if (identity === null) {
        identity = checkOpening(head, kind, name);
        return;
      }
      passages.commit(await decodeHead(head), textsAt);
      next = passages.view().count;
    },
  });
  if (identity === null) throw new DiscernError('INDEX_CORRUPT', `${name} does not begin as an index does`);
  return { identity, storage, rows, table: passages, end };
}

function checkOpening(head: Buffer, kind: Kind, name: string): string {
  let json: unknown = null;
  try {
    json = JSON.parse(head.toString());
  } catch (error) {
    throw new DiscernError('INDEX_CORRUPT', `${name} does not begin as an index does`, { cause: error });
  }
  const parsed = Opening.safeParse(json);
  if (!parsed.success)
    throw new DiscernError('INDEX_CORRUPT', `${name} is no index of this version: ${z.prettifyError(parsed.error)}`);
  const stored = { ...parsed.data.fingerprint, dimensions: parsed.data.dimensions };
  const given = { ...kind.fingerprint, dimensions: kind.dimensions };
  const keys: string[] = [...new Set([...Object.keys(stored), ...Object.keys(given)])];
  const valueAt = (of: Readonly<Record<string, string | number>>, key: string) => of[key] ?? null;
  const differing = keys.filter((key) => valueAt(stored, key) !== valueAt(given, key));
  if (differing.length > 0) {
    // The name says it all where the models differ; otherwise what differs does.
    const shown = differing.includes('model') ? ['model'] : differing;
    const tell = (of: typeof stored) => shown.map((key) => `${key} ${JSON.stringify(valueAt(of, key))}`).join(', ');
    throw new DiscernError(
      'INDEX_FINGERPRINT',
      `${name} was made with ${tell(stored)}, but the embedder has ${tell(given)}`,
      {
        details: { index: stored, embedder: given },
      },
    );
  }
  return parsed.data.identity;
}

/** Rows of a frame, when the log is written anew. */
const FRAME_ROWS = 4096;

/** The whole log, without what was removed. */
export async function* compacted(generation: Generation, kind: Kind): AsyncGenerator<Uint8Array> {
  const { table: passages, rows, storage } = generation;
  yield* await openingFrame(kind);
  let add: SourceEntry[] = [];
  let texts: Buffer[] = [];
  let tokens: Buffer[] = [];
  let vectors: Uint8Array[] = [];
  const frame = async () =>
    (await encodeFrame({ head: headLines({ remove: [], add }), texts: [...texts, ...tokens], vectors })).pieces;
  for (const key of passages.sources.keys()) {
    const { first, count } = passages.rowsOf(key);
    add.push(passages.entry(key));
    // Records of a source stand together, and so do its token ids: all of its passages have them, or none.
    for (const [place, into] of [
      [passages.place, texts],
      [passages.tokenPlace, tokens],
    ] as const) {
      const [start, last] = count > 0 ? [place(first), place(first + count - 1)] : [null, null];
      if (start && last) into.push(await storage.read(start.offset, last.offset + last.bytes - start.offset));
    }
    for (let row = first; row < first + count; row++) vectors.push(new Uint8Array(rows.vector(row).slice().buffer));
    if (vectors.length < FRAME_ROWS) continue;
    yield* await frame();
    add = [];
    texts = [];
    tokens = [];
    vectors = [];
  }
  if (add.length > 0) yield* await frame();
}
