import type { CallOptions, TokenIds } from '../contracts.ts';
import { passageText } from '../text/passage.ts';
import type { Passage } from '../types.ts';
import type { OnnxWorker } from './onnx-worker-client.ts';
import type { Part } from './onnx-worker-pairs.ts';
import type { Tokenizer } from './onnx-worker-tokenizer.ts';

/** The ids of a text alone. They fit into the 24 bits of a float32. */
export interface TokensTask {
  readonly type: 'tokens';
  readonly text: string;
  readonly maxTokens: number;
}

/** The fingerprint of the tokenizer, as 16-bit numbers; none where its ids need more than 16 bits. */
export interface TokenizerTask {
  readonly type: 'tokenizer';
}

export function tokenAnswers(tokenizer: Tokenizer): (task: TokensTask | TokenizerTask) => Float32Array {
  const fits = () => [...tokenizer.vocabulary.values()].every((id) => id < 2 ** 16);
  let words: Float32Array | null = null;
  return (task) => {
    if (task.type === 'tokens') return Float32Array.from(tokenizer.ids(task.text, task.maxTokens));
    words ??= fits() ? wordsOf(tokenizer.fingerprint()) : new Float32Array();
    return words.slice();
  };
}

const wordsOf = (hex: string): Float32Array =>
  Float32Array.from(hex.match(/.{4}/g)!, (word) => Number.parseInt(word, 16));
const hexOf = (words: Float32Array): string => [...words].map((word) => word.toString(16).padStart(4, '0')).join('');

/** Longer texts are cut to this many tokens. */
const MOST_TOKENS = 4096;

type Asking = CallOptions & { readonly urgent: boolean };

/** The fingerprint of the tokenizer of a worker; null where its ids do not fit into 16 bits. */
export async function tokenizerOf(worker: OnnxWorker, options: Asking): Promise<string | null> {
  const [words] = await worker.ask([{ type: 'tokenizer' }], options);
  return words!.length === 0 ? null : hexOf(words!);
}

export async function tokensOf(
  worker: OnnxWorker,
  texts: readonly string[],
  options: Asking,
): Promise<TokenIds | null> {
  const tokenizer = await tokenizerOf(worker, options);
  if (tokenizer === null) return null;
  const answers = await worker.ask(
    texts.map((text) => ({ type: 'tokens', text, maxTokens: MOST_TOKENS })),
    options,
  );
  return { tokenizer, ids: answers.map((ids) => Uint16Array.from(ids)) };
}

/** Token ids of passages that exist already, such as those of the index: null where this tokenizer made none. */
export type TokensOf = (ids: readonly string[], tokenizer: string) => Promise<(Uint16Array | null)[]>;

/** What a worker is given to read of passages: stored token ids where its own tokenizer made them, else the text. */
export function partsOf(
  worker: OnnxWorker,
  stored: TokensOf | undefined,
): (passages: readonly Passage[], options?: CallOptions) => Promise<Part[]> {
  let tokenizer: string | null | undefined;
  return async (passages, { signal } = {}) => {
    if (stored === undefined || passages.length === 0) return passages.map(passageText);
    if (tokenizer === undefined) tokenizer = await tokenizerOf(worker, { urgent: true, signal });
    const ids = passages.map(({ id }) => id);
    const tokens = tokenizer === null ? [] : await stored(ids, tokenizer);
    return passages.map((passage, i) => tokens[i] ?? passageText(passage));
  };
}
