import type { LlamaModel, Token } from 'node-llama-cpp';
import { DiscernError } from '../../errors.ts';
import { fitValues } from '../llama-layout.ts';
import { CONTROL_TOKENS, inert, LABEL_TOKENS, type Spelling, type TokenPrompt } from './format.ts';

/** Longest run of tokens between two looks at the signal. */
const PART = 256;

/** The reflection tokens in a model's vocabulary. */
export interface Vocabulary {
  /** By published token. */
  readonly ids: ReadonlyMap<string, Token>;
  readonly labels: readonly Token[];
  readonly names: ReadonlyMap<Token, string>;
}

/** The ids of the reflection tokens. Throws LABELS_NOT_SINGLE_TOKENS where one is more than one token, or another's. */
export function vocabularyOf(model: LlamaModel, name: string, spelling: Spelling): Vocabulary {
  const tokens = CONTROL_TOKENS.map((token) => [token, model.tokenize(spelling[token] ?? token, true)] as const);
  const labels = tokens.slice(0, LABEL_TOKENS.length);
  const wrong = labels.filter(
    ([token, ids]) => ids.length !== 1 || labels.some(([other, [id]]) => other !== token && id === ids[0]),
  );
  if (wrong.length > 0)
    throw new DiscernError(
      'LABELS_NOT_SINGLE_TOKENS',
      `${name} does not have these reflection tokens as one token each: ${wrong.map(([token, ids]) => `${token} (${ids.length})`).join(', ')}`,
      { hint: 'use a model that was trained to write them, such as selfrag_llama2_7b, or the critic prompted' },
    );
  const single = tokens.filter(([, ids]) => ids.length === 1);
  return {
    ids: new Map(single.map(([token, ids]) => [token, ids[0]!])),
    labels: labels.map(([, ids]) => ids[0]!),
    names: new Map(single.map(([token, ids]) => [ids[0]!, token])),
  };
}

/**
 * A prompt as token parts, its values cut to fit into `budget` tokens: control tokens by their ids, all else tokenised
 * without them. A tokenizer that puts a space before a text does so behind each control token, as in the training of the
 * published models.
 */
export function promptParts(
  model: LlamaModel,
  prompt: TokenPrompt,
  { ids }: Vocabulary,
  spelling: Spelling,
  budget: number,
): Token[][] {
  const plain = (text: string) => (text === '' ? [] : model.tokenize(text, false));
  const values = Object.fromEntries(
    Object.entries(prompt.values).map(([name, value]) => [name, inert(value, spelling)]),
  );
  const layout = prompt.pieces.map((piece) => [
    'control' in piece ? { special: spelling[piece.control] ?? piece.control } : piece,
  ]);
  const fitted = fitValues(model, layout, values, Object.keys(values), budget);
  const { bos, shouldPrependBosToken } = model.tokens;
  const parts: Token[][] = [bos !== null && shouldPrependBosToken ? [bos] : []];
  let text = '';
  let controls = false;
  const flush = () => {
    parts.at(-1)!.push(...plain(text));
    text = '';
  };
  for (const piece of prompt.pieces) {
    if ('control' in piece !== controls) {
      flush();
      parts.push([]);
      controls = 'control' in piece;
    }
    if ('control' in piece) {
      const id = ids.get(piece.control);
      parts.at(-1)!.push(...(id === undefined ? plain(spelling[piece.control] ?? piece.control) : [id]));
    } else text += 'text' in piece ? piece.text : fitted[piece.variable]!;
  }
  flush();
  return parts
    .filter((part) => part.length > 0)
    .flatMap((part) =>
      Array.from({ length: Math.ceil(part.length / PART) }, (_, i) => part.slice(i * PART, (i + 1) * PART)),
    );
}
