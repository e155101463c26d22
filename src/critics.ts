import { createHash } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Calibration } from './calibration.ts';
import type { Config } from './config.ts';
import type { Critic, Embedder, Entailment } from './contracts.ts';
import { DiscernError, messageOf } from './errors.ts';
import { hashFile } from './models/checked-file.ts';
import { createModelStore, type ModelStoreOptions } from './models/store.ts';
import {
  type Classifier,
  createCritic,
  createEmbedder,
  createEntailment,
  openClassifier,
  type PresetContext,
} from './presets.ts';
import { REFLECTIONS } from './types.ts';

export interface OpenCriticOptions {
  readonly config: Config;
  readonly keys?: Readonly<Record<string, string | undefined>>;
  readonly onModelProgress?: ModelStoreOptions['onProgress'];
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** A critic outside a pipeline, with what it says of two answers where it says that. */
export interface OpenedCritic {
  readonly critic: Critic;
  /** Threshold on P(relevant) that was fitted for it; null where none was. */
  readonly isRelThreshold: number | null;
  readonly entailment: Entailment | null;
  /** The same before calibration. */
  readonly rawEntailment: Entailment | null;
  /** Of a classifier: the folder of its critic.json. */
  readonly folder: string | null;
  /** May be called twice. */
  close(): Promise<void>;
}

/** Opens a critic by a name of the config or by its folder, ready to be asked. Throws BACKEND_UNKNOWN for another name. */
export async function openCritic(name: string, options: OpenCriticOptions): Promise<OpenedCritic> {
  const { config, keys = {}, onModelProgress, onNotice, signal } = options;
  const closers: (() => Promise<void>)[] = [];
  const owned = <P extends { close(): Promise<void> }>(part: P): P => {
    closers.push(() => part.close());
    return part;
  };
  const embedders: Promise<Embedder>[] = [];
  const classifiers = new Map<string, Classifier>();
  const context: PresetContext = {
    ...{ config, keys, signal, store: createModelStore({ ...config.models, onProgress: onModelProgress }) },
    embedder: () => (embedders[0] ??= createEmbedder(context).then(owned)),
    vectorsOf: async (ids) => ids.map(() => null),
    tokensOf: async (ids) => ids.map(() => null),
    classifier: async (folder) => {
      const classifier = classifiers.get(folder) ?? owned(await openClassifier(folder, signal));
      classifiers.set(folder, classifier);
      return classifier;
    },
  };
  async function close(): Promise<void> {
    for (let next = closers.pop(); next; next = closers.pop()) await next();
  }
  try {
    const { critic, isRelThreshold, notice: told } = await createCritic(name, context);
    owned(critic);
    if (told !== undefined) onNotice?.(told);
    await critic.prepare?.({ signal });
    // A critic made of others has no folder of its own.
    const [folder, classifier] = [...classifiers].find(([, { id }]) => id === critic.id) ?? [null, null];
    const compares = classifier?.has('entail') || classifier?.has('equivalent');
    const uncalibrated = async () => withoutCalibration(classifier!);
    const notice = (await classifier?.notice()) ?? (await (await embedders[0])?.notice?.()) ?? null;
    if (notice !== null) onNotice?.(notice);
    return {
      critic,
      isRelThreshold,
      entailment: compares ? await createEntailment(name, context) : null,
      rawEntailment: compares ? await createEntailment(name, { ...context, classifier: uncalibrated }) : null,
      folder,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const withoutCalibration = (classifier: Classifier): Classifier => ({
  ...classifier,
  probabilities: async (head, requests, options) =>
    (await classifier.probabilities(head, requests, options)).map(({ raw }) => ({ raw, calibrated: raw })),
});

/** A critic that comes with the package. */
export interface ShippedCritic {
  readonly name: string;
  readonly version: number;
  readonly type: string;
  /** Reflection tokens, and `entail`, `equivalent`, `sentence` of a classifier. */
  readonly kinds: readonly string[];
  /** `none`: it has no files of its own. */
  readonly files: 'ok' | 'missing' | 'wrong' | 'none';
  /** Which of the kinds are calibrated. */
  readonly calibrated: readonly string[];
  readonly isRelThreshold: number | null;
}

const record = z.record(z.string(), z.unknown());
const CriticFile = z.looseObject({
  id: z.string(),
  version: z.int(),
  type: z.string(),
  heads: record.optional(),
  calibration: record.default({}),
  files: z.array(z.looseObject({ path: z.string(), sha256: z.string() })).default([]),
  isRelThreshold: z.number().nullable().default(null),
});

/** The place of what the package ships is the same seen from src and from dist. */
const SHIPPED = fileURLToPath(new URL('../critics/', import.meta.url));

/** Every shipped critic, each version; the files are read and their sha256 compared. */
export async function listCritics(dir = SHIPPED, signal?: AbortSignal): Promise<ShippedCritic[]> {
  const files = (await readdir(dir, { recursive: true }))
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => /^[a-z0-9-]+\/\d+\/critic\.json$/.test(file))
    .sort();
  const shipped = await Promise.all(files.map((file) => describe(join(dir, file), signal)));
  const prompted = { name: 'prompted', version: 1, type: 'prompted', kinds: Object.keys(REFLECTIONS) };
  return [...shipped, { ...prompted, files: 'none', calibrated: [], isRelThreshold: null }];
}

async function describe(path: string, signal: AbortSignal | undefined): Promise<ShippedCritic> {
  const parsed = CriticFile.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success)
    throw new DiscernError('CRITIC_INVALID', `${path} does not define a critic: ${z.prettifyError(parsed.error)}`);
  const { id, version, type, heads, calibration, files, isRelThreshold, ...rest } = parsed.data;
  const states = await Promise.all(
    files.map(async (file) => {
      const found = await hashFile(join(path, '..', file.path), signal).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
      return found === null ? 'missing' : found === file.sha256 ? 'ok' : 'wrong';
    }),
  );
  return {
    ...{ name: id, version, type, isRelThreshold },
    kinds: Object.keys(heads ?? rest).filter((kind) => heads !== undefined || kind in REFLECTIONS),
    files:
      files.length === 0 ? 'none' : ((['missing', 'wrong'] as const).find((state) => states.includes(state)) ?? 'ok'),
    calibrated: Object.keys(calibration),
  };
}

/** A fitted calibration of one head, and the rows that it was fitted on. */
export interface FittedCalibration {
  readonly use: Calibration;
  readonly fittedOn: { readonly data: string; readonly n: number };
}

/** Writes calibrations, and a threshold unless it is null, into the critic.json of a folder; all else stays as it is. */
export async function storeCalibration(
  folder: string,
  fitted: Readonly<Record<string, FittedCalibration>>,
  isRelThreshold: number | null,
): Promise<void> {
  const path = join(folder, 'critic.json');
  const definition = record.parse(JSON.parse(await readFile(path, 'utf8')));
  const changed = {
    ...definition,
    calibration: { ...record.parse(definition.calibration ?? {}), ...fitted },
    ...(isRelThreshold !== null && { isRelThreshold }),
  };
  const part = `${path}.part`;
  try {
    await writeFile(part, `${JSON.stringify(changed, null, 2)}\n`);
    await rename(part, path);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

/** A file's name with the folder above it, and the first eight digits of its sha256: what a fit names its rows by. */
export async function dataName(path: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return `${path.split(/[\\/]/).slice(-2).join('/')} ${hash.slice(0, 8)}`;
}
