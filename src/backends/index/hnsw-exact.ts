import type { BruteforceSearch } from 'hnswlib-node';
import { absence } from '../native.ts';
import { plain, type RowHit, type Rows, scanRange, topRows, type View } from './hnsw-rows.ts';

/** What is used of the library, which is loaded late. */
export type Hnswlib = Pick<typeof import('hnswlib-node'), 'BruteforceSearch' | 'HierarchicalNSW'>;

/** The library, or null with the reason why it cannot serve, for people. */
export interface Loaded {
  readonly library: Hnswlib | null;
  readonly lacking: string | null;
}

export async function loadHnswlib(): Promise<Loaded> {
  try {
    return { library: (await import('hnswlib-node')).default, lacking: null };
  } catch (error) {
    const because = absence(error);
    if (because === null) throw error;
    const command = because === 'is not installed' ? 'install' : 'rebuild';
    return {
      library: null,
      lacking: `hnswlib-node ${because}: exact search in JavaScript (npm ${command} hnswlib-node)`,
    };
  }
}

/** Rows of one brute-force index of hnswlib: it cannot grow, so there are several. */
const SEGMENT = 16_384;
/** Dead rows of a segment, above which it is filled anew. */
const DEAD_LIMIT = 256;

export interface ExactSearcher {
  search(query: Float32Array, k: number, view: View): RowHit[];
  /** Rows that hnswlib does not have yet. */
  cold(view: View): number;
  /** Copies rows into hnswlib for at most `budgetMs`. True when none are left. */
  warm(view: View, budgetMs: number): boolean;
}

interface Segment {
  readonly start: number;
  index: BruteforceSearch;
  /** Rows before this one have been copied, or were dead when it was their turn. */
  next: number;
  copied: number;
  dead: number;
  countedAt: number;
}

/**
 * Exact search from row `from` on. Rows that hnswlib does not have yet are scanned in JavaScript, so the first search
 * needs no preparation, and without the library it is the whole search. hnswlib's removePoint reads freed memory
 * (3.0.0), so dead rows are asked for and left out.
 */
export function exactSearcher(rows: Rows, library: Hnswlib | null, from: number): ExactSearcher {
  const segments: Segment[] = [];
  const point = new Array<number>(rows.dimensions);

  const open = ({ BruteforceSearch }: Hnswlib, start: number): Segment => {
    const index = new BruteforceSearch('ip', rows.dimensions);
    index.initIndex(SEGMENT);
    return { start, index, next: start, copied: 0, dead: 0, countedAt: -1 };
  };

  const countDead = (segment: Segment, view: View) => {
    if (segment.countedAt === view.version) return;
    let all = 0;
    for (let row = segment.start; row < segment.next; row++) if (rows.isDead(row, view)) all++;
    segment.dead = all - (segment.next - segment.start - segment.copied);
    segment.countedAt = view.version;
  };

  return {
    search(query, k, view) {
      const top = topRows(k);
      const asked = plain(query);
      let scanned = from;
      for (const segment of segments) {
        countDead(segment, view);
        const wanted = Math.min(k + Math.max(0, segment.dead), segment.copied);
        if (wanted > 0)
          for (const row of segment.index.searchKnn(asked, wanted).neighbors)
            if (row < view.count && !rows.isDead(row, view)) top.offer(row, rows.dot(row, query));
        scanned = segment.next;
        if (scanned < segment.start + SEGMENT) {
          const end = Math.min(segment.start + SEGMENT, view.count);
          scanRange(rows, query, scanned, end, view, top);
          scanned = end;
        }
      }
      scanRange(rows, query, Math.max(scanned, from), view.count, view, top);
      return top.sorted();
    },
    cold: (view) => segments.reduce((left, { start, next }) => left - (next - start), view.count - from),
    warm(view, budgetMs) {
      if (library === null) return true;
      const until = performance.now() + budgetMs;
      for (let number = 0; from + number * SEGMENT < view.count; number++) {
        const start = from + number * SEGMENT;
        let segment = segments[number];
        if (segment !== undefined) countDead(segment, view);
        if (segment === undefined || segment.dead > DEAD_LIMIT) {
          segment = open(library, start);
          segments[number] = segment;
        }
        const end = Math.min(start + SEGMENT, view.count);
        while (segment.next < end) {
          const row = segment.next++;
          if (rows.isDead(row, view)) continue;
          segment.index.addPoint(plain(rows.vector(row), point), row);
          segment.copied++;
          if ((row & 15) === 0 && performance.now() > until) return false;
        }
      }
      return true;
    },
  };
}
