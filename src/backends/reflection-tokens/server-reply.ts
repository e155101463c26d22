import { z } from 'zod';
import { logSumExp } from '../../text/math.ts';
import type { TokenStep, TokenStream } from './format.ts';
import type { LabelStep } from './token-model.ts';

const Token = z.object({
  token: z.string(),
  id: z.int().optional(),
  logprob: z.number(),
  bytes: z.array(z.int()).nullish(),
});

/** Log-probabilities as completions have them, and as llama-server gives them there: the form of chats. */
export const CompletionSchema = z.object({
  choices: z
    .array(
      z.object({
        text: z.string(),
        finish_reason: z.string().nullish(),
        logprobs: z
          .object({
            tokens: z.array(z.string()).nullish(),
            token_logprobs: z.array(z.number().nullable()).nullish(),
            top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
            content: z.array(Token.extend({ top_logprobs: z.array(Token).default([]) })).nullish(),
          })
          .nullish(),
      }),
    )
    .min(1),
});
export type Completion = z.infer<typeof CompletionSchema>;
type Position = z.infer<typeof Token> & { readonly top_logprobs: readonly z.infer<typeof Token>[] };

/** How a server's tokens are known as control tokens: by id where it gives ids, else by text. */
export interface NamedTokens {
  readonly byId: ReadonlyMap<number, string>;
  readonly byText: ReadonlyMap<string, string>;
}

/** What servers write at the end of an answer, where they write it. */
const END = new Set(['</s>', '<|endoftext|>', '<|im_end|>', '<|eot_id|>', '<|end_of_text|>', '<end_of_turn>']);

/** Returned probabilities are rounded: so much may be left where they seem to sum to one. */
const ROUNDING = Math.log(1e-6);

function positionsOf({ logprobs }: Completion['choices'][number]): readonly Position[] | null {
  if (logprobs?.content) return logprobs.content;
  const { tokens, token_logprobs: values, top_logprobs: tops } = logprobs ?? {};
  if (!tokens || !values) return null;
  return tokens.map((token, i) => ({
    token,
    logprob: values[i] ?? 0,
    top_logprobs: Object.entries(tops?.[i] ?? {}).map(([name, logprob]) => ({ token: name, logprob })),
  }));
}

/** The most that a token can have which was not returned: as much as the last of the likeliest, or what they leave. */
function unseenOf({ token, id, logprob, top_logprobs: listed }: Position, asked: number): number {
  const isDrawn = (other: z.infer<typeof Token>) => (id === undefined ? other.token === token : other.id === id);
  const all = [...listed.filter((other) => !isDrawn(other)).map((other) => other.logprob), logprob];
  // The drawn token may stand in the list although it is none of the likeliest.
  const likeliest = listed.length > asked ? listed.filter((other) => !isDrawn(other)) : listed;
  const left = -Math.expm1(Math.min(0, logSumExp(all)));
  return Math.min(0, ...likeliest.map((other) => other.logprob), Math.max(ROUNDING, Math.log(left)));
}

/** The first text between control tokens, as the server wrote it. */
function firstText(text: string, { byText }: NamedTokens): string {
  const marks = [...byText.keys(), ...END].map((mark) => mark.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return text.split(new RegExp(marks.join('|'))).find((piece) => piece.trim() !== '') ?? '';
}

const nameIn =
  ({ byId, byText }: NamedTokens) =>
  ({ token, id }: z.infer<typeof Token>) =>
    id === undefined || byId.size === 0 ? byText.get(token) : byId.get(id);

function stepOf(position: Position, named: NamedTokens, asked: number): TokenStep {
  const nameOf = nameIn(named);
  const labels = [...position.top_logprobs, position].map((token) => [nameOf(token), Math.min(0, token.logprob)]);
  return {
    token: nameOf(position) ?? position.token,
    top: Object.fromEntries(labels.filter(([label]) => label !== undefined)) as Record<string, number>,
    logprob: Math.min(0, position.logprob),
    unseenLogprob: unseenOf(position, asked),
  };
}

/** What a server said of the first token, whichever it drew; null where it gave no log-probabilities. */
export function firstStep({ choices }: Completion, named: NamedTokens, asked: number): LabelStep | null {
  const positions = positionsOf(choices[0]!);
  if (positions === null) return null;
  const { top, unseenLogprob } = positions[0] ? stepOf(positions[0], named, asked) : { top: {}, unseenLogprob: 0 };
  return { top, unseenLogprob };
}

/** What a server wrote, up to so many tokens of text; null where it gave no log-probabilities. */
export function streamOf(
  { choices }: Completion,
  named: NamedTokens,
  asked: number,
  maxTokens: number,
): TokenStream | null {
  const choice = choices[0]!;
  const positions = positionsOf(choice);
  if (positions === null) return null;
  const nameOf = nameIn(named);
  const all = positions.map((position) => ({ position, name: nameOf(position) }));
  const stop = all.findIndex(({ position, name }) => name === undefined && END.has(position.token));
  const beyond = all.findIndex(
    ({ name }, i) => name === undefined && all.slice(0, i).filter((one) => one.name === undefined).length === maxTokens,
  );
  const cut = beyond >= 0 && (stop < 0 || beyond < stop);
  const own = all.slice(0, cut ? beyond : stop < 0 ? all.length : stop);

  const texts = own.filter(({ name }) => name === undefined).map(({ position }) => position);
  const begins = own.findIndex(({ position, name }) => name === undefined && position.token.trim() !== '');
  const ends = own.findIndex(({ name }, i) => i > begins && name !== undefined);
  const first = own.slice(0, ends < 0 ? own.length : ends).filter(({ name }) => name === undefined).length;
  return {
    steps: own.map(({ position }) => stepOf(position, named, asked)),
    ended: !cut && (stop >= 0 || choice.finish_reason === 'stop'),
    text(count) {
      const wanted = texts.slice(0, count);
      if (wanted.every(({ bytes }) => bytes))
        return new TextDecoder().decode(new Uint8Array(wanted.flatMap(({ bytes }) => bytes!)));
      const joined = wanted.map(({ token }) => token).join('');
      // Characters of several tokens come broken without bytes; the server's own text has them whole.
      return joined.includes('\ufffd') && count === first && !cut ? firstText(choice.text, named) : joined;
    },
  };
}
