import { access, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { DiscernError } from '../errors.ts';
import { hashFile } from '../models/checked-file.ts';

/** A sequence-classification model in a folder, as the hubs lay it out. */
export interface OnnxFolder {
  /** The folder's name, in the letters that an id may have. */
  readonly name: string;
  /** Absolute paths. */
  readonly model: string;
  readonly tokenizer: string;
  readonly config: {
    /** One for each output, in order. */
    readonly labels: readonly string[];
    /** What a model with one output wants done to it; several outputs are always a softmax. */
    readonly activation: 'none' | 'sigmoid';
    /** Tokens that the model can hold, with its frame. */
    readonly maxTokens: number;
  };
  /** Of the model file. */
  readonly sha256: string;
}

/** The first that is there is taken: the folder itself before `onnx`. */
const MODEL_FILES = ['', 'onnx/'].flatMap((dir) =>
  ['model.onnx', 'model_quantized.onnx', 'model_int8.onnx'].map((file) => dir + file),
);

/** What most encoders hold, where the files do not say. */
const USUAL_TOKENS = 512;
/** Names of models whose positions are counted from behind the padding id on. */
const SHIFTED = /roberta|camembert|mpnet/;

const count = z.int().positive();
const ConfigSchema = z.object({
  id2label: z.record(z.string().regex(/^\d+$/), z.string()).optional(),
  num_labels: count.optional(),
  model_type: z.string().optional(),
  max_position_embeddings: count.optional(),
  pad_token_id: z.int().nullish(),
  sentence_transformers: z.object({ activation_fn: z.string().optional() }).optional(),
  sbert_ce_default_activation_function: z.string().nullish(),
});
type FolderConfig = z.infer<typeof ConfigSchema>;
const TokenizerConfigSchema = z.object({ model_max_length: z.number().positive().optional() });

/**
 * Reads `config.json`, `tokenizer.json` and the place of the model below a folder.
 * Throws MODEL_UNKNOWN where a file is missing, CONFIG_INVALID where a config cannot be read.
 */
export async function readOnnxFolder(dir: string, signal?: AbortSignal): Promise<OnnxFolder> {
  const root = resolve(dir);
  const [model, tokenizer, configFile] = await Promise.all([
    firstOf(root, MODEL_FILES),
    firstOf(root, ['tokenizer.json']),
    firstOf(root, ['config.json']),
  ]);
  const config = await parsed(configFile, ConfigSchema);
  const extra = join(root, 'tokenizer_config.json');
  const { model_max_length } = (await isThere(extra)) ? await parsed(extra, TokenizerConfigSchema) : {};
  return {
    name: nameOf(root),
    model,
    tokenizer,
    config: {
      labels: labelsOf(config, configFile),
      activation: activationOf(config),
      maxTokens: Math.min(positionsOf(config), model_max_length ?? Number.POSITIVE_INFINITY),
    },
    sha256: await hashFile(model, signal),
  };
}

/** Labels in the order of the outputs. Without a table they are called LABEL_0, LABEL_1 … as the hub does. */
function labelsOf({ id2label, num_labels }: FolderConfig, file: string): string[] {
  if (id2label === undefined) return Array.from({ length: num_labels ?? 2 }, (_, i) => `LABEL_${i}`);
  const places = Object.keys(id2label)
    .map(Number)
    .sort((a, b) => a - b);
  if (places.length === 0 || places.some((place, i) => place !== i))
    throw new DiscernError('CONFIG_INVALID', `id2label of ${file} has the places ${places.join(', ')}, not 0, 1, 2 …`, {
      hint: 'repair id2label in config.json: one label for each output of the model',
    });
  return places.map((place) => id2label[`${place}`]!);
}

/** Cross-encoders of sentence-transformers name it; without a name one output is a sigmoid, as they do. */
function activationOf(config: FolderConfig): 'none' | 'sigmoid' {
  const name = config.sentence_transformers?.activation_fn ?? config.sbert_ce_default_activation_function ?? 'Sigmoid';
  return name.endsWith('Identity') ? 'none' : 'sigmoid';
}

function positionsOf({ max_position_embeddings, model_type = '', pad_token_id }: FolderConfig): number {
  if (max_position_embeddings === undefined) return USUAL_TOKENS;
  return max_position_embeddings - (SHIFTED.test(model_type) ? (pad_token_id ?? 1) + 1 : 0);
}

const nameOf = (root: string): string =>
  basename(root)
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '') || 'model';

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function firstOf(root: string, names: readonly string[]): Promise<string> {
  for (const name of names) if (await isThere(join(root, name))) return join(root, name);
  throw new DiscernError('MODEL_UNKNOWN', `${root} has no ${names.join(' or ')}`, {
    hint: 'give a folder with config.json, tokenizer.json and model.onnx (or onnx/model.onnx)',
  });
}

async function parsed<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new DiscernError('CONFIG_INVALID', `${path} is not the config of a model: ${problem}`, {
      hint: 'take the file as it was published with the model',
      cause,
    });
  }
}
