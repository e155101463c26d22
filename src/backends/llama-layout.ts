import type { ChatHistoryItem, ChatWrapper, LlamaModel, Token } from 'node-llama-cpp';
import { type Prompt, renderParts } from '../prompts.ts';

type Piece =
  | { readonly special: string }
  | { readonly builtin: 'BOS' | 'EOS' | 'NL' | 'EOT' | 'SEP' }
  | { readonly text: string }
  | { readonly variable: string };

/** A prompt in the chat template of a model, cut where a value begins. Each part can be kept in memory on its own. */
export type Layout = readonly (readonly Piece[])[];

// Private-use characters: they pass every chat template unchanged and stand in no template.
const mark = (index: number) => `\uE000${index}\uE001`;
const MARK = /\uE000(\d+)\uE001/;

/**
 * Renders the chat template once with marks for the values, and splits on them.
 * So only the template's own text can give control tokens, whatever a value holds.
 */
export function layoutOf(prompt: Prompt, wrapper: ChatWrapper): Layout {
  const names: string[] = [];
  const texts = renderParts(prompt, Object.fromEntries(prompt.variables.map((name) => [name, '']))).map(
    ({ role, parts }) => ({
      role,
      text: parts.map((part) => ('trusted' in part ? part.trusted : mark(names.push(part.variable) - 1))).join(''),
    }),
  );
  if (prompt.style === 'completion') return cutAtValues([{ builtin: 'BOS' }, ...texts.map(({ text }) => text)], names);
  const history = texts.map(
    ({ role, text }): ChatHistoryItem =>
      role === 'assistant' ? { type: 'model', response: [text] } : { type: role, text },
  );
  if (history.at(-1)?.type !== 'model') history.push({ type: 'model', response: [''] });
  const rendered = wrapper.generateContextState({ chatHistory: history }).contextText.toJSON();
  const values = (typeof rendered === 'string' ? [rendered] : rendered).map((value) =>
    typeof value === 'string'
      ? value
      : value.type === 'specialToken'
        ? { builtin: value.value as 'BOS' }
        : { special: value.value },
  );
  return cutAtValues(values, names);
}

/** Texts with marks, and control tokens, cut where a value begins. */
function cutAtValues(pieces: readonly (Piece | string)[], names: readonly string[]): Layout {
  const chunks: Piece[][] = [[]];
  for (const value of pieces) {
    if (typeof value !== 'string') {
      chunks.at(-1)!.push(value);
      continue;
    }
    value.split(MARK).forEach((piece, i) => {
      if (i % 2 === 0) {
        if (piece !== '') chunks.at(-1)!.push({ text: piece });
        return;
      }
      // A space before a value belongs to the value's first token.
      const last = chunks.at(-1)!.at(-1);
      const space = last && 'text' in last ? (/ +$/.exec(last.text)?.[0] ?? '') : '';
      if (space !== '') {
        chunks.at(-1)!.pop();
        const rest = (last as { text: string }).text.slice(0, -space.length);
        if (rest !== '') chunks.at(-1)!.push({ text: rest });
      }
      chunks.push([...(space === '' ? [] : [{ text: space }]), { variable: names[Number(piece)]! }]);
    });
  }
  return chunks.filter((chunk) => chunk.length > 0);
}

/** Values never give control tokens: their text is tokenised with special tokens off. */
export const valueTokens = (model: LlamaModel, text: string): Token[] =>
  model.tokenize(text, false, 'trimLeadingSpace');

/** The tokens of each part of the layout. */
export function chunkTokens(model: LlamaModel, layout: Layout, values: Readonly<Record<string, string>>): Token[][] {
  return layout.map((chunk) => {
    const tokens: Token[] = [];
    let plain = '';
    const flush = () => {
      if (plain !== '') tokens.push(...valueTokens(model, plain));
      plain = '';
    };
    for (const piece of chunk) {
      if ('text' in piece) plain += piece.text;
      else if ('variable' in piece) plain += values[piece.variable]!;
      else {
        flush();
        if ('special' in piece) tokens.push(...model.tokenize(piece.special, true, 'trimLeadingSpace'));
        // A template that writes the first token itself would get it twice.
        else if (piece.builtin !== 'BOS' || model.tokens.shouldPrependBosToken)
          tokens.push(...model.tokenize(piece.builtin, 'builtin'));
      }
    }
    flush();
    return tokens;
  });
}

// Bounds the time to tokenise a text of which most would be cut anyway: real text has 2 to 6 characters a token.
const MAX_CHARS_PER_TOKEN = 6;
// The tokens around a cut can differ a little from those that were counted.
const MARGIN = 8;

/**
 * Cuts the values so that the prompt fits into `budget` tokens. `keep` names them by importance:
 * each may take half of what is left, the last all of it. So a passage is cut first, a question only when it alone is too long.
 * `answerSoFar` loses its beginning, the others their end.
 */
export function fitValues(
  model: LlamaModel,
  layout: Layout,
  values: Readonly<Record<string, string>>,
  keep: readonly string[],
  budget: number,
): Record<string, string> {
  const empty = Object.fromEntries(keep.map((name) => [name, '']));
  let left = budget - chunkTokens(model, layout, empty).flat().length;
  const fitted: Record<string, string> = {};
  keep.forEach((name, i) => {
    const fromEnd = name === 'answerSoFar';
    const most = Math.max(0, i === keep.length - 1 ? left : Math.floor(left / 2));
    const chars = most * MAX_CHARS_PER_TOKEN;
    const text =
      values[name]!.length <= chars
        ? values[name]!
        : fromEnd
          ? values[name]!.slice(-chars)
          : values[name]!.slice(0, chars);
    const tokens = valueTokens(model, text);
    const room = Math.max(0, most - MARGIN);
    fitted[name] =
      text === values[name] && tokens.length <= room
        ? text
        : model.detokenize(fromEnd ? tokens.slice(Math.max(0, tokens.length - room)) : tokens.slice(0, room), false);
    left -= Math.min(most, tokens.length + MARGIN);
  });
  return fitted;
}
