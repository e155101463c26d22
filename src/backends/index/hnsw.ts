import type { CallOptions, PassageIndex } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import { type Loaded, loadHnswlib } from './hnsw-exact.ts';
import type { Generation } from './hnsw-generation.ts';
import { type Searcher, searcher } from './hnsw-search.ts';
import { CHECK_K } from './hnsw-self-check.ts';
import { openStore, type Store, type StoreOptions } from './hnsw-store.ts';

export interface HnswIndexOptions {
  /** Folder of the index; null keeps it in memory only. */
  readonly dir: string | null;
  /** What a new index is made with; an existing one that was made with another is refused. */
  readonly fingerprint: Readonly<Record<string, string | number>>;
  readonly dimensions: number;
  /** Whether an index that does not exist is made, by the first change. */
  readonly create: boolean;
  readonly exactUpTo: number;
  readonly targetRecall: number;
  readonly efMax: number;
}

interface Open {
  readonly store: Store;
  readonly library: Loaded;
  generation: Generation;
  searcher: Searcher;
}

/** Passages in one append-only file, searched through hnswlib: exactly while they are few, with HNSW above. Opened at the first call. */
export function hnswIndex(options: HnswIndexOptions): PassageIndex {
  let opened: Promise<Open> | null = null;
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();

  const open = async (): Promise<Open> => {
    const library = await loadHnswlib();
    const store = await openStore(options satisfies StoreOptions);
    const generation = store.current();
    return { store, library, generation, searcher: await searcher(generation, options, library) };
  };
  const ready = async (call: CallOptions = {}): Promise<Open> => {
    if (closed) throw new DiscernError('BACKEND_CLOSED', 'the index was closed');
    throwIfAborted(call.signal);
    opened ??= open().catch((error: unknown) => {
      opened = null;
      if (DiscernError.is(error)) throw error;
      throw new DiscernError('BACKEND_FAILED', `cannot open the index ${options.dir}: ${messageOf(error)}`, {
        cause: error,
      });
    });
    const state = await opened;
    if (closed) throw new DiscernError('BACKEND_CLOSED', 'the index was closed');
    throwIfAborted(call.signal);
    return state;
  };
  /** Changes go one after another. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  return {
    id: 'hnsw@1',
    async info() {
      const { generation, searcher: by } = await ready();
      return {
        passages: generation.table.live(),
        sources: generation.table.sources.size,
        dimensions: options.dimensions,
        fingerprint: options.fingerprint,
        ...by.plan(Math.min(CHECK_K, Math.max(1, generation.table.live()))),
      };
    },
    async search(vector, k, call = {}) {
      checkVector(vector, options.dimensions, 'the query');
      if (!Number.isInteger(k) || k < 1)
        throw new DiscernError('INPUT_INVALID', `k must be a whole number from 1, not ${k}`);
      const state = await ready(call);
      return state.searcher.search(vector, k, call.filter, call.signal);
    },
    async passages(ids) {
      return (await ready()).store.passages(ids);
    },
    async vectors(ids) {
      const { table, rows } = (await ready()).generation;
      return ids.map((id) => {
        const row = table.row(id);
        return row === undefined ? null : rows.vector(row).slice();
      });
    },
    async tokens(ids, tokenizer) {
      return (await ready()).store.tokens(ids, tokenizer);
    },
    async sources() {
      return new Map((await ready()).generation.table.sources);
    },
    apply(change, call = {}) {
      return inTurn(async () => {
        const state = await ready(call);
        for (const { source, passages, vectors, tokens } of change.add) {
          if (vectors.length !== passages.length || source.passages !== passages.length)
            throw new DiscernError(
              'INPUT_INVALID',
              `source "${source.key}" has ${passages.length} passages, ${vectors.length} vectors, and says ${source.passages}`,
            );
          if (tokens && tokens.ids.length !== passages.length)
            throw new DiscernError(
              'INPUT_INVALID',
              `source "${source.key}" has ${passages.length} passages, and token ids of ${tokens.ids.length}`,
            );
          for (const [i, vector] of vectors.entries())
            checkVector(vector, options.dimensions, `vector ${i} of source "${source.key}"`);
        }
        if (change.add.length === 0 && change.remove.length === 0) return;
        await state.store.apply(change, call.signal);
        const generation = state.store.current();
        if (generation === state.generation) return;
        const before = state.searcher;
        state.searcher = await searcher(generation, options, state.library);
        state.generation = generation;
        await before.retire();
      });
    },
    async prepare(call = {}) {
      await (await ready(call)).searcher.prepare(call);
    },
    async close() {
      if (closed) return;
      closed = true;
      await last;
      const state = await opened?.catch(() => null);
      await state?.searcher.close();
      await state?.store.close();
    },
  };
}

/** The index compares by inner product, which is the cosine for vectors of unit length only. */
function checkVector(vector: Float32Array, dimensions: number, what: string): void {
  if (vector.length !== dimensions)
    throw new DiscernError('INPUT_INVALID', `${what} has ${vector.length} dimensions, the index has ${dimensions}`);
  let square = 0;
  for (let i = 0; i < dimensions; i++) square += vector[i]! * vector[i]!;
  if (!(Math.abs(square - 1) < 0.02))
    throw new DiscernError(
      'INPUT_INVALID',
      `${what} has the length ${Math.sqrt(square)}; the index takes vectors of length 1`,
    );
}
