import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { firstLogOdds, softmax } from '../calibration.ts';
import { DiscernError, messageOf } from '../errors.ts';
import { isMissing } from '../models/failure.ts';
import type { InputSizes } from './classifier-input.ts';

const activation = z.string().nullish();

/** What is read of the config.json of a model that reads pairs of texts: a cross-encoder, or one of NLI. */
const ConfigSchema = z.object({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  num_labels: z.int().positive().nullish(),
  max_position_embeddings: z.int().nullish(),
  pad_token_id: z.int().nullish(),
  type_vocab_size: z.int().nullish(),
  sbert_ce_default_activation_function: activation,
  sentence_transformers: z.object({ activation_fn: activation }).nullish(),
});

export type CrossEncoderConfig = z.infer<typeof ConfigSchema>;

/** Throws MODEL_UNKNOWN where the file is missing or says that the model is no classifier, MODEL_UNAVAILABLE where it is not readable. */
export async function readCrossEncoderConfig(path: string): Promise<CrossEncoderConfig> {
  let config: CrossEncoderConfig;
  try {
    config = ConfigSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    if (isMissing(cause))
      throw new DiscernError('MODEL_UNKNOWN', `there is no ${path}, which says what its outputs mean`, {
        hint: 'give a folder with model.onnx, tokenizer.json and config.json',
        cause,
      });
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    throw new DiscernError('MODEL_UNAVAILABLE', `${path} is not readable: ${problem}`, {
      hint: 'put the config.json of the model in its place',
      cause,
    });
  }
  const other = config.architectures?.find((name) => !name.endsWith('ForSequenceClassification'));
  if (other !== undefined)
    throw new DiscernError('MODEL_UNKNOWN', `${path} is of a ${other}, which does not judge pairs of texts`, {
      hint: 'give a sequence-classification model, such as a cross-encoder of sentence-transformers or an NLI model',
    });
  return config;
}

/** What a model can hold is not read beyond this, however long its table of positions is. */
const MOST_TOKENS = 512;
const LEAST_TOKENS = 16;
const LEAST_PASSAGE = 64;

/** Families that number the tokens of a text from `pad_token_id + 1` on, so that so many positions are never used. */
const OFFSET_POSITIONS = /^(xlm-)?roberta|^(camembert|mpnet|longformer|data2vec-text)$/;

/** Windows as long as the model can read: a passage that fits is read whole, as in its training. Throws MODEL_UNAVAILABLE. */
export function pairSizes(config: CrossEncoderConfig): InputSizes {
  const positions = config.max_position_embeddings ?? MOST_TOKENS;
  const unused = OFFSET_POSITIONS.test(config.model_type ?? '') ? (config.pad_token_id ?? 1) + 1 : 0;
  const limit = Math.min(MOST_TOKENS, positions - unused);
  if (limit < LEAST_TOKENS)
    throw new DiscernError('MODEL_UNAVAILABLE', `config.json gives room for ${limit} tokens, too few for a pair`, {
      hint: 'put the config.json of the model in its place',
    });
  const leastLast = Math.min(LEAST_PASSAGE, limit >> 2);
  return { maxTokens: limit, limit, leastLast, shared: leastLast, mostWindows: 8 };
}

/** How the outputs for a pair become its score. */
export interface Scoring {
  readonly outputs: number;
  /** The output that speaks for the passage. */
  readonly pick: number;
  /** Higher is better: a logit, the log-odds of `pick` against all others, or a probability 0..1. */
  readonly score: (logits: readonly number[]) => number;
}

/** Names that say of one label among two that it speaks for the passage. */
const POSITIVE = ['relevant', 'yes', 'true', 'entailment', 'positive', 'match', 'label_1', '1'];

/**
 * One output is a logit, or its sigmoid. Of two or more outputs one counts: its softmax, its own sigmoid, or without an
 * activation in the config its log-odds. `positive` names the label that counts; of two labels it is known without.
 * Throws CONFIG_INVALID where it is not clear which label counts.
 */
export function scoringOf(config: CrossEncoderConfig, positive?: string): Scoring {
  const labels = labelsOf(config);
  const pick = positiveLabel(labels, positive);
  const others = (logits: readonly number[]) => logits.filter((_, i) => i !== pick);
  const named = config.sentence_transformers?.activation_fn ?? config.sbert_ce_default_activation_function ?? '';
  const kind = /(?:^|\.)(sigmoid|softmax)$/i.exec(named)?.[1]?.toLowerCase();
  const score: Scoring['score'] =
    kind === 'sigmoid'
      ? (logits) => 1 / (1 + Math.exp(-logits[pick]!))
      : labels.length === 1
        ? ([logit]) => logit!
        : kind === 'softmax'
          ? (logits) => softmax(logits)[pick]!
          : (logits) => firstLogOdds([logits[pick]!, ...others(logits)]);
  return { outputs: labels.length, pick, score };
}

/** By their numbers. A config that names none has two: that is what the library leaves out when it writes one. */
function labelsOf({ id2label, num_labels }: CrossEncoderConfig): string[] {
  const named = Object.entries(id2label ?? {});
  const count = named.length || (num_labels ?? 2);
  const table = new Map(named.map(([id, label]) => [Number(id), label]));
  return Array.from({ length: count }, (_, i) => table.get(i) ?? `LABEL_${i}`);
}

function positiveLabel(labels: readonly string[], positive: string | undefined): number {
  const lower = labels.map((label) => label.toLowerCase());
  if (positive !== undefined) {
    const at = lower.indexOf(positive.toLowerCase());
    if (at >= 0) return at;
    throw unclear(`the reranker has no label "${positive}"; its labels are ${labels.join(', ')}`);
  }
  if (labels.length > 2)
    throw unclear(`the reranker has ${labels.length} labels (${labels.join(', ')}), of which one has to count`);
  const clear = lower.flatMap((label, i) => (POSITIVE.includes(label) ? [i] : []));
  return clear.length === 1 ? clear[0]! : labels.length - 1;
}

const unclear = (message: string): DiscernError =>
  new DiscernError('CONFIG_INVALID', message, {
    hint: 'name the label that speaks for the passage as `positive` of onnxReranker',
  });

/** Names the weights, so that a trace says which they were: `onnx-<name>@<start of their sha256>`. */
export function pairModelId(name: string, sha256: string): string {
  const safe = name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
  return `onnx-${safe}@${sha256.slice(0, 8)}`;
}
