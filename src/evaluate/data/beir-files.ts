import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DiscernError } from '../../errors.ts';

/** The first of these files that the folder holds. Throws INPUT_INVALID without one. */
export function fileOf(folder: string, names: readonly string[]): string {
  const held = filesOf(folder);
  const name = names.find((name) => held.includes(name));
  if (name === undefined)
    throw new DiscernError('INPUT_INVALID', `the folder ${folder} holds no ${names.join(' or ')}`);
  return join(folder, name);
}

/** `name` and `name.gz`. */
export const packed = (name: string): string[] => [name, `${name}.gz`];

/**
 * The judgements of a retrieval set: BEIR keeps one file for each split in `qrels/`. Without the name of a split that of
 * the test, else the only one; a folder without `qrels/` has them beside the corpus. `hint` says how to choose one.
 */
export function qrelsFile(folder: string, split: string | null, hint: string): string {
  if (!filesOf(folder).includes('qrels'))
    return fileOf(folder, split === null ? FLAT.flatMap(packed) : names(`qrels.${split}`).concat(names(split)));
  const inner = join(folder, 'qrels');
  const held = filesOf(inner).filter((name) => /\.(tsv|txt)(\.gz)?$/.test(name));
  const wanted = held.find((name) => name.replace(/\.(tsv|txt)(\.gz)?$/, '') === (split ?? 'test'));
  const name = wanted ?? (split === null && held.length === 1 ? held[0] : undefined);
  if (name !== undefined) return join(inner, name);
  throw new DiscernError('INPUT_INVALID', `${inner} holds ${held.join(', ') || 'no .tsv'}`, { hint });
}

const FLAT = ['qrels.tsv', 'qrels.txt'];
const names = (stem: string): string[] => [`${stem}.tsv`, `${stem}.txt`].flatMap(packed);

export const filesOf = (folder: string): string[] => readdirSync(folder).sort();
