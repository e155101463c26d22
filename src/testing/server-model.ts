import { seededRandom } from '../text/random.ts';
import type { Shape } from './server-core.ts';

/** What a scripted model says to a prompt. */
export interface ModelReply {
  /** Probabilities of the first token. What they leave of one lies on tokens that are in no answer. */
  readonly next: Readonly<Record<string, number>>;
  /** What it writes; absent: one token drawn from `next`, the likeliest at temperature 0. */
  readonly text?: string;
  /** What it writes as each of several choices; the last one again where more are asked for. */
  readonly choices?: readonly string[];
}

/** From the whole prompt, with the template around the messages, to what is said. */
export type ScriptedModel = (prompt: string) => ModelReply;

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** One token of an answer, and what stood to choose there: likeliest first. */
export interface Position {
  readonly token: string;
  readonly logprob: number;
  readonly choices: readonly Alternative[];
}

export interface Alternative {
  readonly token: string;
  readonly logprob: number;
}

export interface Written {
  /** With the tokens of a thought. */
  readonly positions: readonly Position[];
  readonly text: string;
  /** What was thought before; null where nothing was. */
  readonly thought: string | null;
  readonly finish: 'stop' | 'length' | 'word';
  readonly stopWord: string;
}

export interface WriteOptions {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly stop?: readonly string[];
  /** Number of the choice. */
  readonly index?: number;
  /** False where the request asks for no thinking. */
  readonly think?: boolean;
  /** What the answer is cut with before it is looked at, as `post_sampling_probs` does. */
  readonly cut?: (alternatives: readonly Alternative[]) => readonly Alternative[];
}

/** Words and numbers with the space before them, every other character by itself. */
export const piecesOf = (text: string): string[] => text.match(/ ?[\p{L}\p{M}]+| ?\p{N}|[\s\S]/gu) ?? [];

/** Tokens and their ids: an id is given when a token is first seen, from 100 on. */
export function vocabulary(split: (text: string) => readonly string[] = piecesOf) {
  const tokens: string[] = [];
  const ids = new Map<string, number>();
  const idOf = (token: string): number => {
    const known = ids.get(token);
    if (known !== undefined) return known;
    ids.set(token, 100 + tokens.length);
    return 99 + tokens.push(token);
  };
  return {
    split,
    idOf,
    tokenOf: (id: number): string | undefined => tokens[id - 100],
    /** Text of a prompt that is given as text, ids, or both. Unknown ids are left out. */
    textOf: (prompt: readonly unknown[]): string =>
      prompt.map((part) => (typeof part === 'number' ? (tokens[part - 100] ?? '') : String(part))).join(''),
  };
}

export type Vocabulary = ReturnType<typeof vocabulary>;

/** The chat template of the fakes. `open`: the last message is to be gone on with. */
export function applyTemplate(messages: readonly Message[], open = false): string {
  const turns = messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join('');
  return open ? turns.slice(0, -'<|im_end|>\n'.length) : `${turns}<|im_start|>assistant\n`;
}

/** Shares of probability in no alternative: a server that is asked for more gets these. */
const OTHERS = Array.from({ length: 40 }, (_, i) => `<other-${i}>`);

/** The whole distribution as log-probabilities, likeliest first. */
function ranked(next: Readonly<Record<string, number>>): Alternative[] {
  const named = Object.entries(next);
  const rest = 1 - named.reduce((sum, [, p]) => sum + p, 0);
  if (rest < -1e-9) throw new Error(`the script gives the first token more than one: ${JSON.stringify(next)}`);
  const others = rest > 1e-9 ? OTHERS.map((token): [string, number] => [token, rest / OTHERS.length]) : [];
  return [...named, ...others]
    .filter(([, p]) => p > 0)
    .map(([token, p]) => ({ token, logprob: Math.log(p) }))
    .sort((a, b) => b.logprob - a.logprob);
}

const drawn = (alternatives: readonly Alternative[], random: () => number): string => {
  let left = random();
  for (const { token, logprob } of alternatives) {
    left -= Math.exp(logprob);
    if (left < 0) return token;
  }
  return alternatives[0]!.token;
};

const THOUGHT = ['<think>', '\n', 'Let', ' me', ' see', '.', '\n', '</think>', '\n', '\n'];

/** Tokens that follow the first one are nearly sure. */
const sure = (token: string): Position => ({
  token,
  logprob: Math.log(0.9),
  choices: ranked({ [token]: 0.9 }),
});

/** What the model writes to this prompt, token by token. */
export function write(
  reply: ModelReply,
  { split }: Vocabulary,
  shape: Pick<Shape, 'thinking'>,
  { maxTokens, temperature, seed, stop = [], index = 0, think = true, cut = (all) => all }: WriteOptions,
): Written {
  const all = cut(ranked(reply.next));
  const random = seededRandom(seed * 1000 + index);
  const fixed = reply.choices?.[index] ?? reply.choices?.at(-1) ?? reply.text;
  const whole = fixed ?? (temperature > 0 ? drawn(all, random) : all[0]!.token);
  const stopWord = stop.filter((word) => whole.includes(word)).sort((a, b) => whole.indexOf(a) - whole.indexOf(b))[0];
  const said = stopWord === undefined ? whole : whole.slice(0, whole.indexOf(stopWord));
  const [first, ...later] = fixed === undefined ? [said].filter((token) => token !== '') : split(said);
  // A token that the script names may be longer than the pieces of a text.
  const begun = Object.keys(reply.next)
    .filter((token) => token !== '' && said.startsWith(token))
    .sort((a, b) => b.length - a.length)[0];
  const tokens = begun === undefined ? [first, ...later] : [begun, ...split(said.slice(begun.length))];
  const answer = tokens
    .filter((token) => token !== undefined)
    .map((token, i): Position => {
      if (i > 0) return sure(token);
      const found = all.find((choice) => choice.token === token);
      return { token, logprob: found?.logprob ?? -9999, choices: all };
    });
  const thinks = shape.thinking === 'always' || (shape.thinking === 'unless-refused' && think);
  const thought = thinks ? THOUGHT.map(sure) : [];
  const positions = [...thought, ...answer].slice(0, maxTokens);
  const text = (part: readonly Position[]) => part.map(({ token }) => token).join('');
  // The end of an answer is a token too, which a limit can leave no room for.
  const complete = thought.length + answer.length < maxTokens;
  return {
    positions,
    text: text(positions.slice(thought.length)),
    thought: thinks ? text(positions.slice(0, thought.length)) : null,
    finish: complete ? (stopWord === undefined ? 'stop' : 'word') : 'length',
    stopWord: complete ? (stopWord ?? '') : '',
  };
}
