import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import lockfile from 'proper-lockfile';
import { z } from 'zod';
import { DiscernError, messageOf } from '../../errors.ts';

export interface WriterLock {
  /** True once another process took the lock over, because this one did not answer for long. */
  lost(): boolean;
  release(): Promise<void>;
}

const Holder = z.object({ pid: z.int(), host: z.string() });

/** One writer for an index folder. The lock of a writer that was killed is taken over at once. */
export async function lockFolder(dir: string): Promise<WriterLock> {
  const path = join(dir, 'writer.lock');
  const holderPath = join(dir, 'writer.json');
  let lost = false;
  const take = () =>
    lockfile.lock(dir, {
      lockfilePath: path,
      realpath: false,
      stale: 10_000,
      update: 2_000,
      onCompromised: () => {
        lost = true;
      },
    });
  let release: () => Promise<void>;
  try {
    await mkdir(dir, { recursive: true });
    release = await take().catch(async (error: unknown) => {
      if (!isHeld(error) || !(await dropDead(path, holderPath))) throw error;
      return take();
    });
  } catch (error) {
    if (!isHeld(error))
      throw new DiscernError('BACKEND_FAILED', `cannot lock ${dir}: ${messageOf(error)}`, { cause: error });
    const holder = await readHolder(holderPath);
    const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
    throw new DiscernError('INDEX_LOCKED', `${who} writes to the index ${dir}`, { cause: error });
  }
  await writeFile(holderPath, JSON.stringify({ pid: process.pid, host: hostname() }));
  return {
    lost: () => lost,
    async release() {
      if (lost) return;
      await rm(holderPath, { force: true });
      await release().catch(() => undefined);
    },
  };
}

const isHeld = (error: unknown) => (error as { code?: string } | null)?.code === 'ELOCKED';

async function readHolder(path: string): Promise<z.infer<typeof Holder> | null> {
  try {
    return Holder.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}

/** Removes a lock whose process, of this machine, is gone. The folder is looked at twice, in case another did so first. */
async function dropDead(path: string, holderPath: string): Promise<boolean> {
  const before = await stat(path).catch(() => null);
  const holder = await readHolder(holderPath);
  if (before === null) return true;
  if (holder === null || holder.host !== hostname() || isAlive(holder.pid)) return false;
  const after = await stat(path).catch(() => null);
  if (after !== null && after.ino === before.ino && after.birthtimeMs === before.birthtimeMs)
    await rm(path, { recursive: true, force: true });
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
