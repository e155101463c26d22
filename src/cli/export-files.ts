import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, readdir, readFile, realpath, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { DiscernError, messageOf } from '../errors.ts';
import type { ExportCard, InputFile, OutputFile } from '../evaluate/export/card.ts';
import type { ExportFile } from '../evaluate/export/export.ts';

const CARD = 'card.json';
const PAGE = 'CARD.md';

const Made = z.looseObject({
  made: z.literal('discern export'),
  files: z.array(z.looseObject({ path: z.string() })),
});

const refused = (message: string, hint: string, cause?: unknown) =>
  new DiscernError('INPUT_INVALID', message, { hint, cause });

/**
 * Files that an earlier export left in this folder, the card that names them last; none where it is empty or not there.
 * Throws INPUT_INVALID where others stand there too.
 */
export async function checkFolder(dir: string): Promise<string[]> {
  const hint = 'give a new or empty folder with --out, or one that holds nothing but an earlier export';
  const found = await stat(dir).catch(() => null);
  if (found === null) return [];
  if (!found.isDirectory()) throw refused(`${dir} is not a folder`, hint);
  const present = await filesBelow(dir);
  if (present.length === 0) return [];
  const card = await readFile(join(dir, CARD), 'utf8').catch(() => '');
  const made = Made.safeParse(tryJson(card));
  const own = made.success ? [...made.data.files.map(({ path }) => path), PAGE, CARD] : [];
  const other = present.find((path) => !own.includes(path));
  if (other !== undefined) throw refused(`${dir} holds ${other}, which is of no export`, hint);
  return own.filter((path) => present.includes(path));
}

/** Relative paths with forward slashes. Anything but files and folders counts as a file of others. */
async function filesBelow(dir: string, below = ''): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(join(dir, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) paths.push(...(await filesBelow(dir, path)));
    else paths.push(entry.isFile() ? path : `${path} (no plain file)`);
  }
  return paths;
}

/** Throws INPUT_INVALID where a file that is read, or a review file, lies in the folder that is written. */
export async function checkInputs(dir: string, paths: readonly string[]): Promise<void> {
  const folder = await real(dir);
  for (const path of paths)
    if (`${await real(path)}${sep}`.startsWith(`${folder}${sep}`))
      throw refused(`${path} lies in ${dir}, which is written`, 'give another folder with --out');
}

/** The path with links followed, as far as it exists. */
async function real(path: string): Promise<string> {
  const whole = resolve(path);
  const found = await realpath(whole).catch(() => null);
  return found ?? (dirname(whole) === whole ? whole : join(await real(dirname(whole)), basename(whole)));
}

/** Writes the files and, from what came of them, the cards. What an earlier export left goes first. */
export async function writeFolder(
  dir: string,
  files: readonly ExportFile[],
  cardOf: (files: readonly OutputFile[]) => { readonly card: ExportCard; readonly page: string },
): Promise<ExportCard> {
  const old = await checkFolder(dir);
  try {
    // The card goes last and comes first, so that a stop in between leaves a folder that is still known as ours.
    for (const path of old) await rm(join(dir, path));
    // Folders that are empty now; another one stays.
    for (const below of new Set(old.map((path) => dirname(path)).filter((one) => one !== '.')))
      await rmdir(join(dir, below)).catch(() => {});
    const written: OutputFile[] = [];
    const facts = files.map((file) => ({ file, content: contentOf(file) }));
    for (const { file, content } of facts)
      written.push({ path: file.path, rows: file.rows, bytes: content.length, sha256: sha256(content) });
    const { card, page } = cardOf(written);
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, CARD), `${JSON.stringify(card, null, 2)}\n`);
    await writeFile(join(dir, PAGE), page);
    for (const { file, content } of facts) {
      await mkdir(dirname(join(dir, file.path)), { recursive: true });
      await writeFile(join(dir, file.path), content);
    }
    return card;
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${dir} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

const contentOf = ({ path, text }: ExportFile): Buffer => {
  const plain = Buffer.from(text, 'utf8');
  return path.endsWith('.gz') ? gzipSync(plain) : plain;
};

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** A file that must not be there yet: what people filled in is never written over. */
export async function writeNew(path: string, text: string): Promise<void> {
  const exists = await lstat(path).catch(() => null);
  if (exists !== null)
    throw refused(`${path} is there already`, 'a review file is never written over; give another path');
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** The name without its folder, which may say more than a card should. */
export async function inputFile(path: string, name = basename(path)): Promise<InputFile> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { name, sha256: hash.digest('hex') };
}

/** What rows name trace files by: their names without folder and ending, numbered where two are the same. */
export function sourceNames(paths: readonly string[]): string[] {
  const stems = paths.map((path) => basename(path).replace(/(\.(jsonl|json|ndjson))?(\.gz)?$/i, ''));
  const names = new Set<string>();
  for (const stem of stems) {
    let name = stem;
    for (let n = 2; names.has(name); n++) name = `${stem}-${n}`;
    names.add(name);
  }
  return [...names];
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
