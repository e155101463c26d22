import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { loadClassifier } from './classifier-definition.ts';
import { loadEstimator } from './gate-estimator.ts';

export interface ShippedCritic {
  /** `mini@1` */
  readonly name: string;
  /** Files that were compared with their checksums. */
  readonly files: number;
  /** What is wrong with it; null where all is as shipped. */
  readonly problem: string | null;
}

const SHIPPED = fileURLToPath(new URL('../../critics/', import.meta.url));

/** Reads every version of every critic that the package ships, and the gate's estimate, and checks their files. */
export async function checkShipped({
  dir = SHIPPED,
  signal,
}: {
  readonly dir?: string;
  readonly signal?: AbortSignal;
} = {}): Promise<ShippedCritic[]> {
  const found: ShippedCritic[] = [];
  for (const id of (await readdir(dir)).sort())
    for (const version of (await readdir(join(dir, id)).catch(() => [])).filter((one) => /^\d+$/.test(one)).sort()) {
      throwIfAborted(signal);
      found.push(await checkOne(`${id}@${version}`, join(dir, id, version), signal));
    }
  return found;
}

async function checkOne(name: string, folder: string, signal?: AbortSignal): Promise<ShippedCritic> {
  try {
    if ((await readdir(folder)).includes('gate.json')) {
      await loadEstimator(folder);
      return { name, files: 0, problem: null };
    }
    const { type } = JSON.parse(await readFile(join(folder, 'critic.json'), 'utf8')) as { type?: unknown };
    if (type !== 'classifier') return { name, files: 0, problem: null };
    return { name, files: (await loadClassifier(folder, signal)).definition.files.length, problem: null };
  } catch (error) {
    throwIfAborted(signal);
    return { name, files: 0, problem: DiscernError.is(error) ? error.message : `cannot be read: ${messageOf(error)}` };
  }
}
