import type { HierarchicalNSW } from 'hnswlib-node';
import type { CallOptions, Hit, MetadataFilter } from '../../contracts.ts';
import { messageOf, throwIfAborted } from '../../errors.ts';
import { type ExactSearcher, exactSearcher, type Loaded } from './hnsw-exact.ts';
import type { Generation } from './hnsw-generation.ts';
import { buildGraph, type Graph, type GraphOptions, loadGraph, withMarks } from './hnsw-graph.ts';
import { pauses } from './hnsw-log.ts';
import { byScore, plain, type RowHit, scanInTurns, topRows } from './hnsw-rows.ts';
import { scanThread } from './hnsw-scan.ts';
import { CHECK_K } from './hnsw-self-check.ts';

export interface SearchOptions {
  readonly dir: string | null;
  readonly exactUpTo: number;
  readonly targetRecall: number;
  readonly efMax: number;
}

/** How a search without a filter is answered, and why. */
export interface Plan {
  readonly search: 'exact' | 'hnsw';
  readonly ef: number | null;
  readonly note: string;
}

export type PrepareOptions = CallOptions & { readonly onProgress?: (done: number, total: number) => void };

export interface Searcher {
  plan(k: number): Plan;
  search(
    query: Float32Array,
    k: number,
    filter: MetadataFilter | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Hit[]>;
  prepare(options: PrepareOptions): Promise<void>;
  /** Closes once the searches in flight are answered. */
  retire(): Promise<void>;
  close(): Promise<void>;
}

/** What the calling thread scans itself; more goes to a thread. About 1 ms in hnswlib; in JavaScript 5 ms, in turns. */
const DIRECT_ROWS = 16_384;
const DIRECT_FLOATS = DIRECT_ROWS * 384;
/** A graph is built without being asked only where searches are many. */
const BUILD_AFTER_SEARCHES = 20;
/** Time of one turn of the event loop that copying rows into hnswlib may take. */
const WARM_MS = 3;

/**
 * Search in one generation. Up to `exactUpTo` passages, exact; above, HNSW over the rows that the graph has, together
 * with an exact search of the rows that came later, so that a change costs no work on the graph. Without hnswlib all
 * is exact: in turns up to what the calling thread may scan, in a thread above.
 */
export async function searcher(
  generation: Generation,
  options: SearchOptions,
  { library, lacking }: Loaded,
): Promise<Searcher> {
  const { rows, table } = generation;
  const directRows = Math.min(DIRECT_ROWS, Math.floor(DIRECT_FLOATS / rows.dimensions));
  const graphOptions: GraphOptions | null =
    library === null ? null : { ...options, identity: generation.identity, rows, library };
  const thread = scanThread(rows);
  const closing = new AbortController();
  let graph: Graph | null =
    graphOptions !== null && table.live() > options.exactUpTo ? await loadGraph(graphOptions, table.view()) : null;
  let building: Promise<void> | null = null;
  let trouble: string | null = null;
  let searches = 0;
  const inFlight = new Set<Promise<unknown>>();
  let warming = false;
  let exact: { readonly from: number; readonly searcher: ExactSearcher } | null = null;

  const exactFrom = (from: number): ExactSearcher => {
    if (exact?.from !== from) exact = { from, searcher: exactSearcher(rows, library, from) };
    return exact.searcher;
  };
  const tailOf = ({ covered }: Graph) => table.view().count - covered;
  const isStale = (of: Graph) =>
    of.index === null ? tailOf(of) > 0.5 * of.covered : tailOf(of) > Math.min(directRows / 2, 0.05 * of.covered);
  const wantsGraph = () =>
    graphOptions !== null && table.live() > options.exactUpTo && (graph === null || isStale(graph));

  const plan = (k: number): Plan => {
    const live = table.live();
    const because = (note: string): Plan => ({ search: 'exact', ef: null, note });
    if (lacking !== null) return because(lacking);
    if (live <= options.exactUpTo)
      return because(`exact: ${live} passages, and up to ${options.exactUpTo} are searched exactly`);
    if (building !== null && graph === null) return because(`exact until the graph of ${live} passages is built`);
    if (trouble !== null) return because(`exact: the graph could not be built: ${trouble}`);
    if (graph === null) return because(`exact: there is no graph of the ${live} passages yet`);
    const { check, index, covered } = graph;
    const share = `${check.recall.toFixed(3)} ± ${check.margin.toFixed(3)}`;
    if (index === null || check.ef === null)
      return because(
        `exact: HNSW found ${share} of the exact top ${CHECK_K} at ef ${check.triedEf}: not enough to be sure of ${check.targetRecall}`,
      );
    const tail = tailOf(graph);
    if (tail > directRows || tail > 0.25 * (covered + tail))
      return because(`exact: the graph lacks ${tail} of ${live} passages`);
    const ef = Math.max(4 * k, 200, Math.ceil((check.ef * k) / CHECK_K), check.ef);
    if (ef > options.efMax)
      return because(`exact: ${k} passages need ef ${ef}, and at most ${options.efMax} is allowed`);
    return {
      search: 'hnsw',
      ef,
      note: `HNSW of ${live} passages: it found ${share} of the exact top ${CHECK_K} at ef ${check.ef}`,
    };
  };

  const warm = (from: number) => {
    if (warming || searches < 2) return;
    warming = true;
    const step = () => {
      if (closing.signal.aborted || exact?.from !== from || exact.searcher.warm(table.view(), WARM_MS)) warming = false;
      else setImmediate(step);
    };
    setImmediate(step);
  };

  const exactly = async (query: Float32Array, k: number, signal: AbortSignal | undefined): Promise<RowHit[]> => {
    const view = table.view();
    if (view.count > directRows) return thread.scan(query, k, view, null, signal);
    const direct = exactFrom(0);
    warm(0);
    return direct.cold(view) > directRows / 4
      ? scanInTurns(rows, query, k, view, null, pauses())
      : direct.search(query, k, view);
  };

  const throughGraph = (query: Float32Array, k: number, ef: number): RowHit[] => {
    const view = table.view();
    const { index, covered } = withMarks(graph!, rows, view);
    index!.setEf(ef);
    const found = neighbours(index!, query, Math.min(k, covered), Math.min(ef, covered));
    if (view.count === covered) return found.sort(byScore).slice(0, k);
    const top = topRows(k);
    // Scored anew, because hnswlib rounds otherwise than we do: a tie would be none.
    for (const { row } of found) top.offer(row, rows.dot(row, query));
    for (const { row, score } of exactFrom(covered).search(query, k, view)) top.offer(row, score);
    warm(covered);
    return top.sorted();
  };

  const filtered = async (
    query: Float32Array,
    k: number,
    filter: MetadataFilter,
    signal: AbortSignal | undefined,
  ): Promise<RowHit[]> => {
    const view = table.view();
    const matching = await table.matching(filter, view);
    throwIfAborted(signal);
    if (matching.length > directRows / 2) return thread.scan(query, k, view, matching, signal);
    return scanInTurns(rows, query, k, view, matching, pauses());
  };

  const build = (signal: AbortSignal, onProgress: (done: number, total: number) => void): Promise<void> => {
    const view = table.view();
    building = buildGraph(graphOptions!, view, signal, (done) => onProgress(done, view.count)).then(
      (built) => {
        graph = built;
        trouble = null;
        building = null;
      },
      (error: unknown) => {
        building = null;
        throw error;
      },
    );
    return building;
  };

  const close = async () => {
    closing.abort();
    await thread.close();
    await building?.catch(() => undefined);
  };

  const find = async (
    query: Float32Array,
    k: number,
    filter: MetadataFilter | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Hit[]> => {
    const most = Math.min(k, table.live());
    if (most === 0) return [];
    searches++;
    const chosen = plan(most);
    let hits: RowHit[];
    if (filter !== undefined && Object.keys(filter).length > 0) hits = await filtered(query, most, filter, signal);
    else {
      hits = chosen.search === 'hnsw' ? throughGraph(query, most, chosen.ef!) : await exactly(query, most, signal);
      // A graph can have parts that no path leads to.
      if (chosen.search === 'hnsw' && hits.length < most) hits = await exactly(query, most, signal);
    }
    if (searches > BUILD_AFTER_SEARCHES && building === null && trouble === null && wantsGraph())
      build(closing.signal, () => undefined).catch((error: unknown) => {
        trouble = messageOf(error);
      });
    return hits.map(({ row, score }) => ({ id: table.id(row), score: Math.max(-1, Math.min(1, score)) }));
  };

  return {
    plan,
    search(query, k, filter, signal) {
      const answer = find(query, k, filter, signal);
      inFlight.add(answer);
      const done = () => inFlight.delete(answer);
      answer.then(done, done);
      return answer;
    },
    async prepare({ signal, onProgress = () => undefined }) {
      throwIfAborted(signal);
      // One build at a time: a build that another call began may already be what is wanted.
      while (building !== null) await building;
      if (wantsGraph())
        await build(signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]), onProgress);
    },
    async retire() {
      await Promise.allSettled(inFlight);
      await close();
    },
    close,
  };
}

/** hnswlib cuts ties at the end of its list at will: where there are some, all it looked at are asked for. */
function neighbours(index: HierarchicalNSW, query: Float32Array, k: number, most: number): RowHit[] {
  const asked = plain(query);
  let { distances, neighbors } = index.searchKnn(asked, Math.min(k + 1, most));
  if (distances.length > k && distances[k]! - distances[k - 1]! < 1e-6)
    ({ distances, neighbors } = index.searchKnn(asked, most));
  return neighbors.map((row, i) => ({ row, score: 1 - distances[i]! }));
}
