import { access, mkdtemp, readFile, rmdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { NativePackage, NativeState } from '../presets/doctor.ts';
import { type Finding, failed, ok, warning } from './check.ts';

/** What `engines.node` of the package asks for. */
export async function enginesOf(): Promise<string> {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { engines: { node: string } }).engines.node;
}

const numbersOf = (version: string): number[] => version.replace(/^v/, '').split('.').map(Number);

/** `engines` has the form `>=20.19`. */
export function nodeFinding(version: string, engines: string): Finding {
  const least = /^>=\s*(\d+(?:\.\d+){0,2})$/.exec(engines)?.[1];
  if (least === undefined) return warning(`${version}; the package asks for ${engines}`, 'compare the two');
  const [have, need] = [numbersOf(version), numbersOf(least)];
  const at = [0, 1, 2].find((i) => (have[i] ?? 0) !== (need[i] ?? 0)) ?? 0;
  const enough = (have[at] ?? 0) >= (need[at] ?? 0);
  const found = `${version}, the package needs ${engines}`;
  return enough ? ok(found) : failed(found, `install Node ${least} or newer`);
}

/** What is used where a package does not work; null where there is nothing. */
const INSTEAD: Readonly<Record<NativePackage, string | null>> = {
  'onnxruntime-node': 'models run on WebAssembly, several times slower',
  'hnswlib-node': 'search is exact, in JavaScript',
  'node-llama-cpp': null,
};
export const NATIVE_PACKAGES = Object.keys(INSTEAD) as NativePackage[];

/** `needed`: something of the config cannot do without it. */
export function nativeFinding(name: NativePackage, { version, problem }: NativeState, needed: boolean): Finding {
  if (problem === null) return ok(`${version}, works`);
  const instead = INSTEAD[name];
  const found = `${version === null ? '' : `${version} `}${problem}`;
  const advice = `run \`npm ${version === null ? 'install' : 'rebuild'} ${name}\``;
  if (instead !== null) return warning(`${found}: ${instead}`, advice);
  if (needed) return failed(`${found}: a language model of this config needs it`, advice);
  return version === null ? ok(`${found}; nothing in this config needs it`) : warning(found, advice);
}

/** The folder itself, or the nearest above it that is there. */
async function standing(dir: string): Promise<string> {
  const found = await access(dir).then(
    () => true,
    () => false,
  );
  return found || dirname(dir) === dir ? dir : standing(dirname(dir));
}

export async function folderFinding(dir: string): Promise<Finding> {
  const place = await standing(dir);
  try {
    await rmdir(await mkdtemp(join(place, '.discern-doctor-')));
  } catch (error) {
    return failed(
      `cannot be written: ${messageOf(error)}`,
      'make it writable, or choose another folder with --models.dir',
    );
  }
  return ok(place === dir ? `${dir}, can be written` : `${dir}, can be made`);
}

const GIGABYTE = 1e9;
export const sizeOf = (bytes: number): string =>
  bytes >= GIGABYTE ? `${(bytes / GIGABYTE).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;

export async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(await standing(dir));
  return bavail * bsize;
}

/** `missing`: bytes of models that are still to be fetched. */
export function diskFinding(free: number, missing: number): Finding {
  const advice = 'free some space, or choose another folder with --models.dir';
  const found = `${sizeOf(free)} free`;
  if (free < missing) return failed(`${found}, models of this config need ${sizeOf(missing)} more`, advice);
  return free - missing < GIGABYTE ? warning(`${found}, which is little`, advice) : ok(found);
}
