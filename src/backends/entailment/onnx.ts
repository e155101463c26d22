import { join } from 'node:path';
import { softmax } from '../../calibration.ts';
import type { CallOptions, Entailed, Entailment } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { type CrossEncoderConfig, pairModelId, pairSizes, readCrossEncoderConfig } from '../onnx-pair-config.ts';
import { onnxWorker } from '../onnx-worker-client.ts';
import { nliText } from './nli-text.ts';

export interface OnnxEntailmentOptions {
  /** Of the model store: a folder of this machine or of the hub with model.onnx, tokenizer.json and config.json. */
  readonly model: Pick<ResolvedModel, 'name' | 'dir' | 'files'>;
  readonly threads?: number;
}

/**
 * Any NLI model for sequence classification on the CPU, read by its own label table; in a thread of its own, its weights
 * are loaded by the first call. Of a model that knows only entailment and not_entailment the latter is given as neutral,
 * and contradiction is 0. A hypothesis that does not fit beside its premise is read in windows, and the one that is
 * entailed most counts. Throws MODEL_UNKNOWN, MODEL_UNAVAILABLE, and CONFIG_INVALID for labels that are not those of NLI.
 */
export async function onnxEntailment({ model, threads = 1 }: OnnxEntailmentOptions): Promise<Entailment> {
  const weights = model.files['model.onnx'];
  const tokenizer = model.files['tokenizer.json'];
  if (!weights || !tokenizer)
    throw new DiscernError('MODEL_UNKNOWN', `${model.name} is not an NLI model with model.onnx and tokenizer.json`);
  const config = await readCrossEncoderConfig(join(model.dir, 'config.json'));
  const classes = classesOf(config, model.name);
  const sizes = pairSizes(config);
  const twoTypes = (config.type_vocab_size ?? 2) > 1;
  const pick = classes.indexOf('entailment');
  const worker = onnxWorker(model.name, { model: weights.path, tokenizer: tokenizer.path, threads });

  function entailed(logits: Float32Array): Entailed {
    if (logits.length !== classes.length)
      throw new DiscernError(
        'BACKEND_FAILED',
        `${model.name} gives ${logits.length} numbers for a pair, where its config.json has ${classes.length} labels`,
        { hint: 'an NLI model is a sequence-classification model with the config.json that belongs to it' },
      );
    const probs = softmax([...logits]);
    const of = (wanted: keyof Entailed) => probs[classes.indexOf(wanted)] ?? 0;
    return { contradiction: of('contradiction'), neutral: of('neutral'), entailment: of('entailment') };
  }

  return {
    id: pairModelId(model.name, weights.sha256),
    outputs: ['entail'],
    async entail(requests, { signal }: CallOptions = {}) {
      const tasks = requests.map(({ question, first, second }) => ({
        type: 'pair' as const,
        first: nliText(question, first),
        last: nliText(question, second),
        sizes,
        twoTypes,
        pick,
      }));
      return (await worker.ask(tasks, { urgent: true, signal })).map(entailed);
    },
    async equivalent() {
      throw new DiscernError('INPUT_INVALID', `${model.name} gives entail, not equivalent`);
    },
    close: () => worker.close(),
  };
}

const THREE = ['contradiction', 'entailment', 'neutral'];
const TWO = ['entailment', 'not_entailment'];

/** The class of each output, in the model's order. */
function classesOf({ id2label }: CrossEncoderConfig, name: string): (keyof Entailed)[] {
  const labels = Object.values(id2label ?? {}); // numbers as keys: in rising order
  const words = labels.map((label) => label.toLowerCase().replace(/[^a-z0-9]+/g, '_'));
  const sorted = [...words].sort().join();
  if (sorted === THREE.join()) return words as (keyof Entailed)[];
  if (sorted === TWO.join()) return words.map((word) => (word === 'entailment' ? word : 'neutral'));
  const found = labels.length === 0 ? 'not named' : labels.join(', ');
  throw new DiscernError(
    'CONFIG_INVALID',
    `the labels of ${name} are ${found}; those of an NLI model are ${THREE.join(', ')}, or ${TWO.join(', ')}`,
    { hint: 'write what each output means into id2label of the config.json beside the model' },
  );
}
