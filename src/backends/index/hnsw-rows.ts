/** Vectors and death marks of a run of rows, in memory that worker threads share. */
export interface Chunk {
  readonly vectors: SharedArrayBuffer;
  readonly deaths: SharedArrayBuffer;
}

/** What a search sees: the first `count` rows, less those that died at or before `version`. */
export interface View {
  readonly count: number;
  readonly version: number;
}

export interface RowHit {
  readonly row: number;
  readonly score: number;
}

export interface Rows {
  readonly dimensions: number;
  readonly chunks: readonly Chunk[];
  /** Takes over chunks that another thread made. */
  adopt(chunks: readonly Chunk[]): void;
  /** Copies whole vectors, as little-endian bytes, to a row and those after it. */
  write(row: number, bytes: Uint8Array): void;
  /** A view into the shared memory: copy it before handing it out. */
  vector(row: number): Float32Array;
  dot(row: number, query: ArrayLike<number>): number;
  kill(row: number, version: number): void;
  isDead(row: number, view: View): boolean;
}

/** About 16 MB of vectors a chunk: untouched pages cost nothing, and growing never copies. */
const FLOATS_PER_CHUNK = 2 ** 22;

/** Append-only rows. Row numbers are never used twice, so a row that died stays where it is. */
export function vectorRows(dimensions: number): Rows {
  const perChunk = Math.max(64, Math.floor(FLOATS_PER_CHUNK / dimensions));
  const chunks: Chunk[] = [];
  const floats: Float32Array[] = [];
  const deaths: Uint32Array[] = [];

  const adopt = (more: readonly Chunk[]) => {
    for (const chunk of more) {
      chunks.push(chunk);
      floats.push(new Float32Array(chunk.vectors));
      deaths.push(new Uint32Array(chunk.deaths));
    }
  };

  return {
    dimensions,
    chunks,
    adopt,
    write(row, bytes) {
      const width = dimensions * 4;
      for (let at = 0, to = row; at < bytes.length; ) {
        const chunk = Math.floor(to / perChunk);
        while (chunks.length <= chunk)
          adopt([{ vectors: new SharedArrayBuffer(perChunk * width), deaths: new SharedArrayBuffer(perChunk * 4) }]);
        const first = to % perChunk;
        const fits = Math.min(bytes.length - at, (perChunk - first) * width);
        new Uint8Array(chunks[chunk]!.vectors).set(bytes.subarray(at, at + fits), first * width);
        at += fits;
        to += fits / width;
      }
    },
    vector(row) {
      const start = (row % perChunk) * dimensions;
      return floats[Math.floor(row / perChunk)]!.subarray(start, start + dimensions);
    },
    dot(row, query) {
      const data = floats[Math.floor(row / perChunk)]!;
      const start = (row % perChunk) * dimensions;
      // Four sums, because one would wait for itself at every step.
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      let i = 0;
      for (const whole = dimensions - (dimensions % 4); i < whole; i += 4) {
        a += data[start + i]! * query[i]!;
        b += data[start + i + 1]! * query[i + 1]!;
        c += data[start + i + 2]! * query[i + 2]!;
        d += data[start + i + 3]! * query[i + 3]!;
      }
      for (; i < dimensions; i++) a += data[start + i]! * query[i]!;
      return a + b + (c + d);
    },
    kill(row, version) {
      deaths[Math.floor(row / perChunk)]![row % perChunk] = version;
    },
    isDead(row, view) {
      const at = deaths[Math.floor(row / perChunk)]![row % perChunk]!;
      return at !== 0 && at <= view.version;
    },
  };
}

/** What hnswlib takes. A loop, because Array.from needs twenty times as long. */
export function plain(vector: Float32Array, into = new Array<number>(vector.length)): number[] {
  for (let i = 0; i < vector.length; i++) into[i] = vector[i]!;
  return into;
}

/** Best first; ties by row, which is the order of insertion. */
export const byScore = (a: RowHit, b: RowHit): number => b.score - a.score || a.row - b.row;

export interface TopRows {
  offer(row: number, score: number): void;
  sorted(): RowHit[];
}

/** Keeps the k best rows that it is offered: a heap with the worst of them on top. */
export function topRows(k: number): TopRows {
  const heap: RowHit[] = [];
  const worse = (a: RowHit, b: RowHit) => a.score < b.score || (a.score === b.score && a.row > b.row);
  const sink = (hit: RowHit) => {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && worse(heap[child + 1]!, heap[child]!)) child++;
      if (!worse(heap[child]!, hit)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = hit;
  };
  return {
    offer(row, score) {
      if (heap.length === k) {
        const worst = heap[0];
        if (worst === undefined || score < worst.score || (score === worst.score && row > worst.row)) return;
        sink({ row, score });
        return;
      }
      const hit = { row, score };
      let at = heap.push(hit) - 1;
      for (let parent = (at - 1) >> 1; at > 0 && worse(hit, heap[parent]!); parent = (at - 1) >> 1) {
        heap[at] = heap[parent]!;
        at = parent;
      }
      heap[at] = hit;
    },
    sorted: () => [...heap].sort(byScore),
  };
}

/** Exact scan of rows `from` to `to`, in plain JavaScript: needs no preparation, a fifth as fast as hnswlib's. */
export function scanRange(rows: Rows, query: Float32Array, from: number, to: number, view: View, top: TopRows): void {
  for (let row = from; row < to; row++) if (!rows.isDead(row, view)) top.offer(row, rows.dot(row, query));
}

/** The best of the rows named, or of the first ones; `pause` is awaited now and then. */
export async function scanInTurns(
  rows: Rows,
  query: Float32Array,
  k: number,
  view: View,
  only: Uint32Array | null,
  pause: () => Promise<void> | undefined,
): Promise<RowHit[]> {
  const top = topRows(k);
  const count = only?.length ?? view.count;
  for (let from = 0; from < count; from += 512) {
    const to = Math.min(from + 512, count);
    if (only === null) scanRange(rows, query, from, to, view, top);
    else for (let i = from; i < to; i++) top.offer(only[i]!, rows.dot(only[i]!, query));
    await pause();
  }
  return top.sorted();
}
