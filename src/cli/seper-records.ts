import { type FileHandle, open } from 'node:fs/promises';
import { DiscernError, messageOf } from '../errors.ts';
import type { SeperFacts } from '../evaluate/seper/collect.ts';
import { parseRecord, RECORD_START, recordLine } from '../evaluate/seper/records.ts';
import { splitLines } from './lines.ts';

/** The questions that were asked already, and where those to come are written. */
export interface SeperRecords {
  readonly done: Map<string, SeperFacts>;
  keep(key: string, facts: SeperFacts): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file of records made with these settings; a last line that a kill cut off is removed. Null: kept in memory. */
export async function openRecords(path: string | null, settings: string): Promise<SeperRecords> {
  const done = new Map<string, SeperFacts>();
  if (path === null) return { done, keep: async (key, facts) => void done.set(key, facts), close: async () => {} };
  const file = await open(path, 'a+').catch((cause: unknown) => {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be opened for writing: ${messageOf(cause)}`, { cause });
  });
  try {
    await readInto(done, file, path, settings);
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    done,
    async keep(key, facts) {
      await file.appendFile(`${recordLine(facts, settings, key)}\n`).catch((cause: unknown) => {
        throw new DiscernError('DISK_FULL', `${path} cannot be written: ${messageOf(cause)}`, { cause });
      });
      done.set(key, facts);
    },
    close: () => file.close(),
  };
}

async function readInto(
  done: Map<string, SeperFacts>,
  file: FileHandle,
  path: string,
  settings: string,
): Promise<void> {
  const { size } = await file.stat();
  let whole = 0;
  let number = 0;
  for await (const line of splitLines(file.createReadStream({ start: 0, autoClose: false }))) {
    number += 1;
    const end = whole + Buffer.byteLength(line) + 1;
    if (end > size && (line.startsWith(RECORD_START) || RECORD_START.startsWith(line))) break;
    const place = `${path}, line ${number}`;
    const record = parseRecord(tryJson(line), place);
    if (record.settings !== settings)
      throw new DiscernError('INPUT_INVALID', `${place}: was made with other models, options or index`, {
        hint: 'give another file with --out, or the options of that run',
      });
    done.set(record.key, record.facts);
    whole = end;
  }
  await file.truncate(Math.min(whole, size));
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
