import { realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { glob } from 'tinyglobby';
import type { CallOptions, FileListing, LoaderFile } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { sha256Hex } from '../../text/hash.ts';

interface ListOptions extends CallOptions {
  /** Whether some format reads a file of this name. */
  readonly knows: (path: string) => boolean;
  /** The extensions, for people. */
  readonly formats: readonly string[];
}

/** A file with the place that it really is. */
interface Found extends LoaderFile {
  readonly real: string;
}

/**
 * The files at and below the paths, ordered by key. Hidden files, node_modules and symbolic links below a folder are
 * left out: a link leads out of the folder, or to what is listed anyway. A file that is reached twice is listed once.
 */
export async function listFiles(paths: readonly string[], options: ListOptions): Promise<FileListing> {
  if (paths.length === 0) throw new DiscernError('INPUT_INVALID', 'no files or folders are given');
  const roots: { name: string; origin: string }[] = [];
  const ignored: string[] = [];
  const found: Found[] = [];
  for (const path of paths) {
    throwIfAborted(options.signal);
    const absolute = resolve(path);
    const stats = await stat(absolute).catch((cause: unknown) => {
      throw new DiscernError('INPUT_INVALID', `there is no file or folder ${path}`, { cause });
    });
    const name = basename(absolute) || 'root';
    const origin = sha256Hex(await realpath(absolute)).slice(0, 16);
    if (stats.isDirectory()) {
      roots.push({ name, origin });
      for (const file of await below(absolute, name, origin, options.signal)) {
        if (options.knows(file.path)) found.push(file);
        else ignored.push(file.key);
      }
    } else if (!stats.isFile()) {
      throw new DiscernError('INPUT_INVALID', `${path} is neither a file nor a folder`);
    } else if (!options.knows(absolute)) {
      throw new DiscernError(
        'INPUT_INVALID',
        `${path}: no format has this extension; there are ${options.formats.join(' ')}`,
      );
    } else {
      found.push({ key: name, path: absolute, origin, real: await realpath(absolute) });
    }
  }
  return { files: distinct(found), roots, ignored: [...new Set(ignored)].sort() };
}

async function below(folder: string, root: string, origin: string, signal: AbortSignal | undefined): Promise<Found[]> {
  const home = await realpath(folder);
  const names = await glob('**/*', {
    cwd: home,
    ignore: '**/node_modules/**',
    followSymbolicLinks: false,
    expandDirectories: false,
    signal,
  });
  throwIfAborted(signal);
  return names.map((name) => ({ key: `${root}/${name}`, path: join(folder, name), origin, real: join(home, name) }));
}

/** One entry for each file, under the key of the path that came first. */
function distinct(found: readonly Found[]): LoaderFile[] {
  const byPlace = new Map<string, Found>();
  for (const file of found) if (!byPlace.has(file.real)) byPlace.set(file.real, file);
  const byKey = new Map<string, Found>();
  for (const file of byPlace.values()) {
    const other = byKey.get(file.key);
    if (other !== undefined)
      throw new DiscernError('INPUT_INVALID', `${other.path} and ${file.path} would both be called ${file.key}`, {
        hint: 'give a folder above both of them, or rename one',
      });
    byKey.set(file.key, file);
  }
  return [...byKey.values()]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, path, origin }) => ({ key, path, origin }));
}
