import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { IndexChange } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { Passage } from '../../types.ts';
import { compacted, type Generation, type Kind, openingFrame, readGeneration } from './hnsw-generation.ts';
import { lockFolder, type WriterLock } from './hnsw-lock.ts';
import { encodeFrame, isFree } from './hnsw-log.ts';
import { fileStorage, memoryStorage, writeNew } from './hnsw-storage.ts';
import { encodeChange } from './hnsw-table.ts';

export interface StoreOptions extends Kind {
  readonly dir: string | null;
  readonly create: boolean;
}

/** The passages on disk. It is locked from the first change until it is closed. */
export interface Store {
  current(): Generation;
  passages(ids: readonly string[]): Promise<Passage[]>;
  /**
   * Token ids that this tokenizer made. They are read where they stand in the log, as texts are: in memory they would
   * take 30 MB for 100,000 passages, and reading those of 50 takes a millisecond.
   */
  tokens(ids: readonly string[], tokenizer: string): Promise<(Uint16Array | null)[]>;
  apply(change: IndexChange, signal: AbortSignal | undefined): Promise<void>;
  close(): Promise<void>;
}

/** The log is written anew when more than half of its rows are dead, and at least so many. */
const COMPACT_FROM = 1024;

export async function openStore(options: StoreOptions): Promise<Store> {
  const { dir } = options;
  const path = dir === null ? null : join(dir, 'passages.log');
  const name = path ?? 'the index in memory';
  const opened: Generation[] = [];
  let lock: WriterLock | null = null;
  let begun = false;
  /** False while the file does not exist yet: it is made by the first change. */
  let kept = path === null;

  const open = async (): Promise<Generation> => {
    const exists =
      path !== null &&
      (await access(path).then(
        () => true,
        () => false,
      ));
    if (path !== null && !exists && !options.create)
      throw new DiscernError('INDEX_MISSING', `there is no index in ${dir}`);
    const storage = path !== null && exists ? await fileStorage(path) : memoryStorage();
    try {
      if (!exists) await storage.append(0, await openingFrame(options));
      const generation = await readGeneration(storage, options, name);
      kept = path === null || exists;
      opened.push(generation);
      return generation;
    } catch (error) {
      await storage.close();
      throw error;
    }
  };
  let current = await open();

  /** Takes the lock, and reads again what another writer changed since. */
  const beginWriting = async () => {
    if (path === null) return;
    lock ??= await lockFolder(dir!);
    const { storage, end } = current;
    const isOurs = (await isFree(storage, end)) && !(kept && (await storage.isReplaced()));
    if (begun && (lock.lost() || !isOurs))
      throw new DiscernError('INDEX_LOCKED', `another process took over the index ${dir}`, {
        hint: 'open the index again',
      });
    if (begun) return;
    if (!kept || !isOurs) {
      current = await open();
      if (!kept) {
        await writeNew(path, await openingFrame(options));
        current = await open();
      }
    }
    if ((await current.storage.size()) !== current.end) await current.storage.truncate(current.end);
    begun = true;
  };

  const compact = async () => {
    const { count } = current.table.view();
    const dead = count - current.table.live();
    if (dead < COMPACT_FROM || dead * 2 <= count) return;
    const pieces = compacted(current, options);
    if (path !== null) {
      await writeNew(path, pieces);
      current = await open();
      return;
    }
    const storage = memoryStorage();
    let at = 0;
    for await (const piece of pieces) {
      await storage.append(at, [piece]);
      at += piece.length;
    }
    current = await readGeneration(storage, options, name);
    opened.push(current);
  };

  return {
    current: () => current,
    async passages(ids) {
      const { table, storage } = current;
      const rows = ids.map((id) => {
        const row = table.row(id);
        if (row === undefined) throw new DiscernError('INPUT_INVALID', `the index has no passage "${id}"`);
        return row;
      });
      return Promise.all(
        rows.map(async (row) => {
          const { offset, bytes } = table.place(row);
          return table.parse(row, await storage.read(offset, bytes));
        }),
      );
    },
    tokens(ids, tokenizer) {
      const { table, storage } = current;
      return Promise.all(
        ids.map(async (id) => {
          const row = table.row(id);
          const place = row === undefined || table.tokenizer(row) !== tokenizer ? null : table.tokenPlace(row);
          if (place === null) return null;
          const bytes = await storage.read(place.offset, place.bytes);
          return new Uint16Array(new Uint8Array(bytes).buffer);
        }),
      );
    },
    async apply(change, signal) {
      await beginWriting();
      current.table.check(change);
      const { head, headLines, texts } = await encodeChange(change);
      const vectors = change.add.flatMap((entry) => entry.vectors.map(bytesOf));
      const { pieces, textsAt, bytes } = await encodeFrame({ head: headLines, texts, vectors });
      throwIfAborted(signal);
      await current.storage.append(current.end, pieces);
      // From here on the change has happened: memory follows in one go, so that no search sees half of it.
      let row = current.table.view().count;
      for (const vector of vectors) current.rows.write(row++, vector);
      current.table.commit(head, current.end + textsAt);
      current.end += bytes;
      await compact().catch((error: unknown) => {
        // Only room is gained by it: it is tried again after the next change.
        if (!DiscernError.is(error, 'DISK_FULL') && !DiscernError.is(error, 'BACKEND_FAILED')) throw error;
      });
    },
    async close() {
      if (begun && !lock?.lost() && (await isFree(current.storage, current.end)))
        await current.storage.truncate(current.end);
      for (const { storage } of opened) await storage.close();
      await lock?.release();
      lock = null;
    },
  };
}

const bytesOf = (vector: Float32Array) => new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
