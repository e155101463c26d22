import { readFile } from 'node:fs/promises';
import { keyOf } from '../text/hash.ts';

/** What a model reads a text with. Control tokens are never made of what stands in a text. */
export interface Tokenizer {
  /** Token ids with the model's own frame ([CLS] … [SEP]) around them. */
  encode(text: string, maxTokens: number): number[];
  /** The ids of the text alone, the first `maxTokens` of them. */
  ids(text: string, maxTokens: number): number[];
  /** What stands before, between and after two texts that are read together. */
  readonly pairFrame: PairFrame;
  /** Every piece with its id. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Hash of all that decides the ids of a text alone: tokenizers of one fingerprint give the same. 32 hexadecimal digits. */
  fingerprint(): string;
}

export interface PairFrame {
  readonly before: readonly number[];
  readonly between: readonly number[];
  readonly after: readonly number[];
}

interface TokenizerFile {
  readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly model?: { readonly unk_token?: string | null; readonly vocab?: Readonly<Record<string, number>> };
  readonly [key: string]: unknown;
}

/** Reads texts with a tokenizer file: with its frame around them or without; two texts as a pair. */
export type Reader = (file: object) => (text: string, framed: boolean, second?: string) => number[];

export async function transformersReader(): Promise<Reader> {
  const { PreTrainedTokenizer } = await import('@xenova/transformers');
  return (file) => {
    const tokenizer = new PreTrainedTokenizer(file, {});
    return (text, framed, second) =>
      tokenizer(text, { text_pair: second ?? null, add_special_tokens: framed, return_tensor: false }).input_ids;
  };
}

export async function tokenizersReader(): Promise<Reader> {
  const { Tokenizer } = await import('@huggingface/tokenizers');
  return (file) => {
    const tokenizer = new Tokenizer(file, {});
    return (text, framed, second) =>
      tokenizer.encode(text, { text_pair: second ?? null, add_special_tokens: framed }).ids;
  };
}

/** The second is the library that the first hands the work to: whatever keeps it from loading, the ids are the same. */
const anyReader = (): Promise<Reader> => transformersReader().catch(tokenizersReader);

/** No token of a text is longer than this on average, so what lies beyond cannot reach the model. */
const CHARACTERS_PER_TOKEN = 64;

/**
 * Reads a tokenizer.json. Its padding and truncation are ignored (the files of some packages pad every text to 128
 * tokens). Control tokens are taken out of what is matched in a text, so a written `[SEP]` is only four characters
 * between brackets; the frames are learnt by encoding one word both ways.
 */
export async function loadTokenizer(path: string, reader?: Reader): Promise<Tokenizer> {
  const file = JSON.parse(await readFile(path, 'utf8')) as TokenizerFile;
  const read = reader ?? (await anyReader());
  const clean = { ...file, padding: null, truncation: null };
  const whole = read(clean);
  const bare = whole('a', false);
  const [before, after] = around(whole('a', true), bare);
  const [pairBefore, rest] = around(whole('a', true, 'a'), bare);
  const [between, pairAfter] = around(rest, bare);

  const control = new Set(
    (file.added_tokens ?? [])
      .filter(({ special, content }) => special && content !== file.model?.unk_token)
      .map(({ id }) => id),
  );
  const plain = read({ ...clean, added_tokens: [] });
  const ids = (text: string, maxTokens: number) =>
    plain(text.slice(0, maxTokens * CHARACTERS_PER_TOKEN), false)
      .filter((id) => !control.has(id))
      .slice(0, maxTokens);

  return {
    encode: (text, maxTokens) => [
      ...before,
      ...ids(text, Math.max(0, maxTokens - before.length - after.length)),
      ...after,
    ],
    ids,
    pairFrame: { before: pairBefore, between, after: pairAfter },
    vocabulary: new Map(Object.entries(file.model?.vocab ?? {})),
    fingerprint: () =>
      keyOf({
        model: file.model ?? null,
        normalizer: file.normalizer ?? null,
        pre_tokenizer: file.pre_tokenizer ?? null,
      }),
  };
}

/** What stands before and after the first place of `part` in `whole`. */
function around(whole: readonly number[], part: readonly number[]): [number[], number[]] {
  const at = whole.findIndex((_, i) => part.every((id, k) => whole[i + k] === id));
  return [whole.slice(0, at), whole.slice(at + part.length)];
}
