import type {
  CallOptions,
  Embedder,
  FileListing,
  IndexChange,
  Loader,
  LoaderFile,
  PassageIndex,
  SourceRecord,
  Splitter,
} from '../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { keyOf } from '../text/hash.ts';
import { passageText } from '../text/passage.ts';
import type { Passage, SourceDocument } from '../types.ts';

/** Texts that go to the embedder in one call: a kill loses at most the vectors of so many. */
const EMBED_CHUNK = 32;
const HASH_AT_ONCE = 16;

export interface IngestProgress {
  /** `index`: building what makes searches of many passages fast. */
  readonly phase: 'read' | 'embed' | 'commit' | 'index';
  readonly done: number;
  readonly total: number;
}

export interface IngestFailure {
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

export interface IngestReport {
  /** Numbers of sources. */
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly removed: number;
  /** Sources that could not be read. What the index had of them before is kept. */
  readonly failed: readonly IngestFailure[];
  /** Keys of files that no format fits. */
  readonly ignored: readonly string[];
  /** Passages written to the index in this run. */
  readonly passages: number;
  /** Texts that were embedded for them. */
  readonly embedded: number;
}

interface IngestParts extends CallOptions {
  readonly splitter: Splitter;
  readonly embedder: Embedder;
  readonly index: PassageIndex;
  readonly onProgress?: (progress: IngestProgress) => void;
}

export interface IngestOptions extends IngestParts {
  readonly paths: readonly string[];
  /** The folders or files stand in another place than at the last ingest: what the index has of them is theirs. */
  readonly moved?: boolean;
  readonly loader: Loader;
}

/** A document given as a value; what is left out is empty. */
export type DocumentInput = Pick<SourceDocument, 'id' | 'text'> & Partial<SourceDocument>;

export interface IngestDocumentsOptions extends IngestParts {
  readonly documents: readonly DocumentInput[];
}

interface Prepared {
  readonly source: SourceRecord;
  readonly passages: readonly Passage[];
}

/**
 * Brings the index up to date with files and folders: new and changed files are read, cut and embedded, files that are
 * gone from a given folder are removed, the rest is left alone. The index changes once, at the end, or not at all.
 */
export async function ingest(options: IngestOptions): Promise<IngestReport> {
  const { paths, loader, splitter, index, signal, onProgress } = options;
  const { files, roots, ignored } = await loader.list(paths, { signal });
  const known = await index.sources();
  if (!options.moved) refuseStrangers(files, roots, known);
  const failed: IngestFailure[] = [];
  const prepared: Prepared[] = [];
  let read = 0;
  let unchanged = 0;

  const attempt = async <T>(key: string, work: () => Promise<T>): Promise<T | null> => {
    throwIfAborted(signal);
    try {
      return await work();
    } catch (error) {
      throwIfAborted(signal);
      failed.push({
        key,
        code: DiscernError.is(error) ? error.code : 'DOCUMENT_UNREADABLE',
        message: messageOf(error),
      });
      return null;
    }
  };
  const prepare = async (file: LoaderFile, hash: string): Promise<Prepared> => {
    const documents = await loader.load(file, { signal });
    const passages: Passage[] = [];
    for (const document of documents) for (const passage of await splitter.split(document)) passages.push(passage);
    return { source: { key: file.key, hash, origin: file.origin, passages: passages.length }, passages };
  };

  for (let i = 0; i < files.length; i += HASH_AT_ONCE) {
    const group = files.slice(i, i + HASH_AT_ONCE);
    const hashes = await Promise.all(group.map((file) => attempt(file.key, () => loader.hash(file, { signal }))));
    for (const [j, file] of group.entries()) {
      const content = hashes[j] ?? null;
      const hash = content === null ? null : keyOf([content, loader.id, splitter.id]);
      const before = known.get(file.key);
      if (hash !== null && before?.hash === hash && before.origin === file.origin) unchanged++;
      else if (hash !== null) {
        const made = await attempt(file.key, () => prepare(file, hash));
        if (made !== null) prepared.push(made);
      }
      onProgress?.({ phase: 'read', done: ++read, total: files.length });
    }
  }
  const listed = new Set(files.map((file) => file.key));
  const gone = [...known.keys()].filter(
    (key) => !listed.has(key) && roots.some(({ name }) => key.startsWith(`${name}/`)),
  );
  return { ...(await commit(options, known, prepared, gone)), unchanged, failed, ignored };
}

/** Another folder of the same name would replace what the index holds: that is refused, not guessed. */
function refuseStrangers(
  files: readonly LoaderFile[],
  roots: FileListing['roots'],
  known: ReadonlyMap<string, SourceRecord>,
): void {
  const origins = new Map<string, Set<string>>();
  const add = (name: string, origin: string) => origins.set(name, (origins.get(name) ?? new Set()).add(origin));
  for (const { name, origin } of roots) add(name, origin);
  for (const { key, origin } of files) if (!key.includes('/')) add(key, origin);
  for (const { key, origin } of known.values()) {
    const name = key.split('/')[0]!;
    const given = origins.get(name);
    if (given === undefined || given.has(origin)) continue;
    throw new DiscernError(
      'INPUT_INVALID',
      `the index holds "${key}" from another place that is also called "${name}"`,
      {
        hint: 'rename one of them or use another index; if it was moved here, say --moved (in a program: rag.ingest(paths, { moved: true }))',
      },
    );
  }
}

/** Adds documents that are given as values, each its own source, replacing those of the same id. Removes none. */
export async function ingestDocuments(options: IngestDocumentsOptions): Promise<IngestReport> {
  const { documents, splitter, index, signal } = options;
  const known = await index.sources();
  const prepared: Prepared[] = [];
  const ids = new Set<string>();
  for (const input of documents) {
    throwIfAborted(signal);
    const document: SourceDocument = { title: null, pages: [], headings: [], metadata: {}, ...input };
    if (document.id === '' || ids.has(document.id))
      throw new DiscernError(
        'INPUT_INVALID',
        `document ids must be distinct and not empty; got "${document.id}" again`,
      );
    ids.add(document.id);
    const hash = keyOf([document, splitter.id]);
    if (known.get(document.id)?.hash === hash) continue;
    const passages = await splitter.split(document);
    prepared.push({ source: { key: document.id, hash, origin: 'value', passages: passages.length }, passages });
  }
  const report = await commit(options, known, prepared, []);
  return { ...report, unchanged: documents.length - prepared.length, failed: [], ignored: [] };
}

async function commit(
  parts: IngestParts,
  known: ReadonlyMap<string, SourceRecord>,
  prepared: readonly Prepared[],
  gone: readonly string[],
): Promise<Omit<IngestReport, 'unchanged' | 'failed' | 'ignored'>> {
  const { index, signal, onProgress } = parts;
  const changed = prepared.filter(({ source }) => known.has(source.key));
  const { vectors, tokenizer, tokens, embedded } = await readAll(parts, prepared, changed);
  const change: IndexChange = {
    remove: [...gone, ...changed.map(({ source }) => source.key)],
    add: prepared.map(({ source, passages }) => ({
      source,
      passages,
      vectors: passages.map((passage) => vectors.get(passageText(passage))!),
      tokens:
        tokenizer === null
          ? undefined
          : { tokenizer, ids: passages.map((passage) => tokens.get(passageText(passage))!) },
    })),
  };
  throwIfAborted(signal);
  if (change.add.length > 0 || change.remove.length > 0) {
    onProgress?.({ phase: 'commit', done: 0, total: 1 });
    await index.apply(change, { signal }).catch((cause: unknown) => {
      if (!DiscernError.is(cause, 'INPUT_INVALID')) throw cause;
      // The change fits the index as it was when this run began, so it is another one now.
      throw new DiscernError('INDEX_LOCKED', `another run changed the index in the meantime: ${cause.message}`, {
        cause,
        hint: 'run it again: what is in the index already is not embedded again',
      });
    });
    onProgress?.({ phase: 'commit', done: 1, total: 1 });
  }
  await index.prepare?.({ signal, onProgress: (done, total) => onProgress?.({ phase: 'index', done, total }) });
  return {
    added: prepared.length - changed.length,
    changed: changed.length,
    removed: gone.length,
    passages: prepared.reduce((sum, { passages }) => sum + passages.length, 0),
    embedded,
  };
}

/** What models made of texts. Without a tokenizer there are no tokens. */
interface Readings {
  readonly vectors: Map<string, Float32Array>;
  readonly tokenizer: string | null;
  readonly tokens: Map<string, Uint16Array>;
}

/** Vector and token ids of every text of the passages. Equal texts, and those that a changed source still has, cost nothing. */
async function readAll(
  { embedder, index, signal, onProgress }: IngestParts,
  prepared: readonly Prepared[],
  changed: readonly Prepared[],
): Promise<Readings & { embedded: number }> {
  const texts = [...new Set(prepared.flatMap(({ passages }) => passages.map(passageText)))];
  const tokenizer = texts.length === 0 ? null : ((await embedder.tokens?.([], { signal }))?.tokenizer ?? null);
  const { vectors, tokens } = await storedReadings(index, changed, tokenizer);
  const missing = texts
    .filter((text) => !vectors.has(text) || (tokenizer !== null && !tokens.has(text)))
    .sort((a, b) => b.length - a.length);
  const total = missing.filter((text) => !vectors.has(text)).length;
  let embedded = 0;
  for (let start = 0; start < missing.length; start += EMBED_CHUNK) {
    throwIfAborted(signal);
    const chunk = missing.slice(start, start + EMBED_CHUNK);
    const bare = chunk.filter((text) => !vectors.has(text));
    if (bare.length > 0) {
      const progress = (done: number) => onProgress?.({ phase: 'embed', done: embedded + done, total });
      const made = await embedder.embed(bare, 'passage', { signal, onProgress: progress });
      keep(vectors, bare, made, `${embedder.id} gave vectors`);
      progress(bare.length);
      embedded += bare.length;
    }
    const unread = tokenizer === null ? [] : chunk.filter((text) => !tokens.has(text));
    if (unread.length > 0)
      keep(tokens, unread, (await embedder.tokens!(unread, { signal }))?.ids ?? [], `${embedder.id} gave token ids`);
  }
  return { vectors, tokenizer, tokens, embedded };
}

function keep<T>(into: Map<string, T>, texts: readonly string[], made: readonly T[], what: string): void {
  if (made.length !== texts.length)
    throw new DiscernError('BACKEND_FAILED', `${what} of ${made.length} texts for ${texts.length}`);
  for (const [i, text] of texts.entries()) into.set(text, made[i]!);
}

/** What the index holds for texts of the sources which are about to be replaced. */
async function storedReadings(
  index: PassageIndex,
  changed: readonly Prepared[],
  tokenizer: string | null,
): Promise<Readings> {
  const ids = changed.flatMap(({ passages }) => passages.map((passage) => passage.id));
  const vectors = await index.vectors(ids);
  const found = ids.flatMap((id, i) =>
    vectors[i] === null || vectors[i] === undefined ? [] : [{ id, vector: vectors[i] }],
  );
  const known = found.map(({ id }) => id);
  const texts = (await index.passages(known)).map(passageText);
  const tokens = (tokenizer === null ? null : await index.tokens?.(known, tokenizer)) ?? [];
  return {
    vectors: new Map(texts.map((text, i) => [text, found[i]!.vector])),
    tokenizer,
    tokens: new Map(texts.flatMap((text, i) => (tokens[i] ? [[text, tokens[i]]] : []))),
  };
}
