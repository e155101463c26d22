import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiscernError } from '../errors.ts';
import { parseTrace } from '../trace.ts';
import type { Trace } from '../types.ts';

/** What a list says of a trace. */
export interface TraceSummary {
  readonly id: string;
  /** When it was saved, ISO 8601. */
  readonly at: string;
}

/** Traces in a folder, a file each, the newest so many. */
export interface TraceStore {
  save(trace: Trace): Promise<void>;
  /** Newest first. */
  list(limit: number, before?: string): TraceSummary[];
  /** Null where there is none. */
  get(id: string): Promise<Trace | null>;
  remove(id: string): Promise<boolean>;
}

/** `<milliseconds since 1970, 15 digits>-<id>.json`: the order of names is that of time. */
const NAME = /^(\d{15})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.json$/;

/** Opens or makes the folder. Other files in it are left alone. */
export async function openTraceStore(dir: string, keep: number, now = () => Date.now()): Promise<TraceStore> {
  await mkdir(dir, { recursive: true });
  const names = (await readdir(dir)).filter((name) => NAME.test(name)).sort();
  const files = new Map(names.map((name) => [NAME.exec(name)![2]!, name]));

  async function remove(id: string): Promise<boolean> {
    const name = files.get(id);
    if (name === undefined) return false;
    files.delete(id);
    await rm(join(dir, name), { force: true });
    return true;
  }

  return {
    async save(trace) {
      const name = `${String(now()).padStart(15, '0')}-${trace.id}.json`;
      if (!NAME.test(name)) throw new DiscernError('INPUT_INVALID', 'the id of a stored trace is a UUID');
      const half = join(dir, `.${name}.part`);
      await writeFile(half, `${JSON.stringify(trace)}\n`, { mode: 0o600 });
      await rename(half, join(dir, name));
      files.set(trace.id, name);
      while (files.size > keep) await remove(files.keys().next().value!);
    },
    list(limit, before) {
      const all = [...files].reverse();
      const from = before === undefined ? 0 : all.findIndex(([id]) => id === before) + 1;
      return all
        .slice(from, from + limit)
        .map(([id, name]) => ({ id, at: new Date(Number(NAME.exec(name)![1])).toISOString() }));
    },
    async get(id) {
      const name = files.get(id);
      return name === undefined ? null : parseTrace(await readFile(join(dir, name), 'utf8'));
    },
    remove,
  };
}
