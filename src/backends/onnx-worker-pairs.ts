/** What a worker answers about texts that are read together: our classifiers with several heads, and any cross-encoder. */
import { LRUCache } from 'lru-cache';
import { softmax } from '../calibration.ts';
import { type WordReader, wordReader } from '../text/overlap.ts';
import { type Head, type InputFrame, type InputSizes, inputsOf, windowsOf } from './classifier-input.ts';
import type { OnnxSession } from './onnx-worker-session.ts';
import type { Tokenizer } from './onnx-worker-tokenizer.ts';

/** A text, or its token ids where they are known already. */
export type Part = string | Uint16Array;

/** One request to one head. The answer is that head's logits, of the window that speaks most for `pick`. */
export interface ClassifyTask {
  readonly type: 'classify';
  readonly head: Head;
  readonly first: readonly Part[];
  readonly last: Part;
  readonly frame: InputFrame;
  readonly sizes: InputSizes;
  /** Where the outputs of the head stand among all, and how many there are. */
  readonly at: number;
  readonly outputs: number;
  /** The output whose probability is largest in the window that counts. */
  readonly pick: number;
}

/** A pair for a sequence-classification model: all its logits, of the window in which output `pick` is largest. */
export interface PairTask {
  readonly type: 'pair';
  readonly first: Part;
  readonly last: Part;
  readonly sizes: InputSizes;
  /** Whether the model knows two token types: then, where it takes any, the second text has type 1. */
  readonly twoTypes: boolean;
  readonly pick: number;
}

/** Texts whose ids are remembered: a question comes with each of its passages. */
const KEPT_TEXTS = 512;

export function pairAnswers(
  tokenizer: Tokenizer,
  session: OnnxSession,
): (task: ClassifyTask | PairTask) => Promise<Float32Array> {
  let reader: WordReader | null = null; // of no use to a model that only reads pairs
  const known = new LRUCache<string, readonly number[]>({ max: KEPT_TEXTS });
  const idsOf = (part: Part, most: number): readonly number[] => {
    if (typeof part !== 'string') return [...part.subarray(0, most)];
    const found = known.get(part) ?? tokenizer.ids(part, most);
    known.set(part, found);
    return found;
  };
  const strongest = (answers: readonly Float32Array[], pick: number) => {
    const chance = (logits: Float32Array) => (logits.length === 1 ? logits[0]! : softmax([...logits])[pick]!);
    return answers.reduce((best, logits) => (chance(logits) > chance(best) ? logits : best));
  };

  async function classify(task: ClassifyTask): Promise<Float32Array> {
    const most = task.sizes.limit * task.sizes.mostWindows;
    const parts = { first: task.first.map((part) => idsOf(part, most)), last: idsOf(task.last, most) };
    reader ??= wordReader(tokenizer.vocabulary);
    const answers: Float32Array[] = [];
    for (const input of inputsOf(task.head, parts, task.frame, reader, task.sizes)) {
      const { data } = await session.run(input);
      answers.push(data.slice(task.at, task.at + task.outputs));
    }
    return strongest(answers, task.pick);
  }

  async function pair({ first, last, sizes, twoTypes, pick }: PairTask): Promise<Float32Array> {
    const { before, between, after } = tokenizer.pairFrame;
    const marks = before.length + between.length + after.length;
    const most = sizes.limit * sizes.mostWindows;
    const question = idsOf(first, most).slice(0, sizes.limit - marks - sizes.leastLast);
    const room = Math.max(sizes.leastLast, sizes.maxTokens - marks - question.length);
    const head = [...before, ...question, ...between];
    const answers: Float32Array[] = [];
    for (const window of windowsOf(idsOf(last, most), room, sizes)) {
      const ids = [...head, ...window, ...after];
      answers.push((await session.run({ ids, secondFrom: twoTypes ? head.length : ids.length })).data.slice());
    }
    return strongest(answers, pick);
  }

  return (task) => (task.type === 'classify' ? classify(task) : pair(task));
}
