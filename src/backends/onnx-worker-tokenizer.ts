import { readFile } from 'node:fs/promises';

/** Texts to token ids, with the model's own frame ([CLS] … [SEP]) around them and never inside. */
export type Encode = (text: string, maxTokens: number) => number[];

interface TokenizerFile {
  readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly model?: { readonly unk_token?: string | null };
  readonly [key: string]: unknown;
}

/** Reads texts with a tokenizer file: with its frame around them or without. */
export type Reader = (file: object) => (text: string, framed: boolean) => number[];

export async function transformersReader(): Promise<Reader> {
  const { PreTrainedTokenizer } = await import('@xenova/transformers');
  return (file) => {
    const tokenizer = new PreTrainedTokenizer(file, {});
    return (text, framed) => tokenizer(text, { add_special_tokens: framed, return_tensor: false }).input_ids;
  };
}

export async function tokenizersReader(): Promise<Reader> {
  const { Tokenizer } = await import('@huggingface/tokenizers');
  return (file) => {
    const tokenizer = new Tokenizer(file, {});
    return (text, framed) => tokenizer.encode(text, { add_special_tokens: framed }).ids;
  };
}

/** The second is the library that the first hands the work to: whatever keeps it from loading, the ids are the same. */
const anyReader = (): Promise<Reader> => transformersReader().catch(tokenizersReader);

/** No token of a text is longer than this on average, so what lies beyond cannot reach the model. */
const CHARACTERS_PER_TOKEN = 64;

/**
 * Reads a tokenizer.json. Its padding and truncation are ignored (the files of some packages pad every text to 128
 * tokens). Control tokens are taken out of what is matched in a text, so a written `[SEP]` is only four characters
 * between brackets; the frame is learnt by encoding one word both ways.
 */
export async function loadTokenizer(path: string, reader?: Reader): Promise<Encode> {
  const file = JSON.parse(await readFile(path, 'utf8')) as TokenizerFile;
  const read = reader ?? (await anyReader());
  const clean = { ...file, padding: null, truncation: null };
  const whole = read(clean);
  const bare = whole('a', false);
  const framed = whole('a', true);
  const at = framed.findIndex((_, i) => bare.every((id, k) => framed[i + k] === id));
  const before = framed.slice(0, at);
  const after = framed.slice(at + bare.length);

  const control = new Set(
    (file.added_tokens ?? [])
      .filter(({ special, content }) => special && content !== file.model?.unk_token)
      .map(({ id }) => id),
  );
  const plain = read({ ...clean, added_tokens: [] });

  return (text, maxTokens) => {
    const readable = text.slice(0, maxTokens * CHARACTERS_PER_TOKEN);
    const content = plain(readable, false);
    const room = Math.max(0, maxTokens - before.length - after.length);
    return [...before, ...content.filter((id) => !control.has(id)).slice(0, room), ...after];
  };
}
