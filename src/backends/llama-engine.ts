import type {
  ChatWrapper,
  ControlledEvaluateIndexOutput,
  LlamaContext,
  LlamaContextSequence,
  LlamaModel,
  Token,
} from 'node-llama-cpp';
import type { Prompt } from '../prompts.ts';
import { chunkTokens, fitValues, type Layout, layoutOf } from './llama-layout.ts';

/** What to say about the token that would come next: the logits of these, or of the likeliest `top`. */
export interface Ask {
  readonly tokens?: readonly Token[];
  readonly top?: number;
}

/** The asked logits, and what the whole vocabulary weighs: `log P(token) = logit - logTotal`. Temperature 1, nothing cut off. */
export interface Next {
  /** The likeliest token of all. */
  readonly best: Token;
  readonly logits: ReadonlyMap<Token, number>;
  readonly logTotal: number;
}

/** One sequence of the context, and the parts of its last prompt, which stay in memory. */
export interface Slot {
  readonly sequence: LlamaContextSequence;
  parts: readonly (readonly Token[])[];
  /** What was drawn after these parts, until something else is written. */
  tree: TokenTree | null;
}

/** Answers that begin alike are evaluated once: the tokens after a prompt as a tree, of which the slot holds one branch. */
export interface TokenTree {
  /** What is known of each next token. */
  readonly ask: Ask;
  /** What would come after these tokens. Evaluated at most once, one token at a time, so always with the same result. */
  after(tokens: readonly Token[]): Promise<Next>;
}

export interface LlamaEngine {
  readonly model: LlamaModel;
  readonly slots: readonly Slot[];
  readonly contextSize: number;
  layout(prompt: Prompt): Layout;
  /** The prompt as token parts, its values cut to leave `reserve` tokens free. `keep`: most important value first. */
  parts(prompt: Prompt, values: Readonly<Record<string, string>>, keep: readonly string[], reserve: number): Token[][];
  /** Tokens that the slot need not evaluate again for this prompt. */
  shared(slot: Slot, parts: readonly (readonly Token[])[]): number;
  /** Evaluates a prompt, less what the slot still holds of it, and says what would come next. */
  prompt(slot: Slot, parts: readonly (readonly Token[])[], ask: Ask, check: () => void): Promise<Next>;
  /** Adds one token. */
  step(slot: Slot, token: Token, ask: Ask): Promise<Next>;
  /** The tree of tokens after a prompt. It ends with the next `prompt` or `step` of the slot. */
  tree(slot: Slot, parts: readonly (readonly Token[])[], ask: Ask, check: () => void): Promise<TokenTree>;
  dispose(): Promise<void>;
}

/** Longest run of tokens between two looks at the signal; some 200 ms for a model of 135M on one core. */
const PART = 256;

const same = (a: readonly Token[] | undefined, b: readonly Token[]) =>
  a !== undefined && a.length === b.length && a.every((token, i) => token === b[i]);

/** Whether what is known answers this too: with the same draws, so among as many tokens. */
const answers = (known: Ask, { tokens = [], top = 0 }: Ask) =>
  (top === 0 || top === known.top) && tokens.every((token) => known.tokens?.includes(token));

function readNext(output: ControlledEvaluateIndexOutput | undefined): Next {
  const { logits, totalLogitWeight, token } = output?.next ?? {};
  if (!logits || totalLogitWeight === undefined || token === undefined || token === null)
    throw new Error('the model gave no logits');
  // llama.cpp sums exp(logit - largest logit); the greedy token has the largest.
  return { best: token, logits, logTotal: Math.log(totalLogitWeight) + logits.get(token)! };
}

/**
 * A context in which prompts share their beginnings.
 * llama.cpp gives logits that differ by up to 0.1 when the same prompt is evaluated in other portions (attention sums in another
 * order). So a prompt is always evaluated in the same parts, and only whole parts are kept: a reused beginning is bit-identical to a fresh one.
 */
export function llamaEngine(context: LlamaContext, wrapper: ChatWrapper): LlamaEngine {
  const model = context.model;
  const layouts = new Map<string, Layout>();
  const slots: Slot[] = Array.from({ length: context.totalSequences }, () => ({
    sequence: context.getSequence(),
    parts: [],
    tree: null,
  }));

  const equalParts = (slot: Slot, parts: readonly (readonly Token[])[]): number => {
    const at = parts.findIndex((part, i) => !same(slot.parts[i], part));
    return at === -1 ? parts.length : at;
  };
  const lengthOf = (parts: readonly (readonly Token[])[]) => parts.reduce((sum, part) => sum + part.length, 0);

  async function evaluate(slot: Slot, tokens: readonly Token[], { tokens: wanted = [], top = 0 }: Ask): Promise<Next> {
    const last = tokens.length - 1;
    const output = await slot.sequence.controlledEvaluate(
      tokens.map((token, i) =>
        i < last
          ? token
          : [
              token,
              {
                generateNext: {
                  token: true,
                  totalLogitWeight: true,
                  logits: { filter: { tokens: wanted, includeSelected: true, includeTop: top } },
                  options: { temperature: 0 },
                },
              },
            ],
      ),
    );
    return readNext(output[last]);
  }

  function layout(prompt: Prompt): Layout {
    const known = layouts.get(prompt.hash) ?? layoutOf(prompt, wrapper);
    layouts.set(prompt.hash, known);
    return known;
  }

  /** Erases what the slot holds behind this many tokens. */
  async function cutAt(slot: Slot, length: number): Promise<void> {
    const end = slot.sequence.nextTokenIndex;
    if (end > length) await slot.sequence.eraseContextTokenRanges([{ start: length, end }]);
  }

  async function prompt(slot: Slot, parts: readonly (readonly Token[])[], ask: Ask, check: () => void): Promise<Next> {
    // The last part is evaluated in any case: its end gives the logits.
    const kept = Math.min(equalParts(slot, parts), parts.length - 1);
    slot.tree = null;
    slot.parts = parts.slice(0, kept);
    await cutAt(slot, lengthOf(slot.parts));
    for (const part of parts.slice(kept, -1)) {
      check();
      await slot.sequence.evaluateWithoutGeneratingNewTokens([...part]);
      slot.parts = [...slot.parts, part];
    }
    check();
    const next = await evaluate(slot, parts.at(-1)!, ask);
    slot.parts = parts;
    return next;
  }

  async function tree(
    slot: Slot,
    parts: readonly (readonly Token[])[],
    ask: Ask,
    check: () => void,
  ): Promise<TokenTree> {
    const held = equalParts(slot, parts) === parts.length && slot.parts.length === parts.length;
    if (slot.tree !== null && held && answers(slot.tree.ask, ask)) return slot.tree;
    const root = lengthOf(parts);
    const known = new Map([['', await prompt(slot, parts, ask, check)]]);
    let branch: Token[] = [];
    const made: TokenTree = {
      ask,
      async after(tokens) {
        const key = tokens.join();
        const drawn = known.get(key);
        if (drawn !== undefined) return drawn;
        const fork = tokens.findIndex((token, i) => token !== branch[i]);
        const shared = fork === -1 ? Math.min(branch.length, tokens.length - 1) : fork;
        await cutAt(slot, root + shared);
        branch = branch.slice(0, shared);
        for (const token of tokens.slice(shared)) {
          const next = await evaluate(slot, [token], ask);
          branch.push(token);
          known.set(branch.join(), next);
        }
        return known.get(key)!;
      },
    };
    slot.tree = made;
    return made;
  }

  return {
    model,
    slots,
    contextSize: context.contextSize,
    layout,
    parts(prompt, values, keep, reserve) {
      const shape = layout(prompt);
      const fitted = fitValues(model, shape, values, keep, context.contextSize - reserve);
      return chunkTokens(model, shape, fitted).flatMap((tokens) =>
        Array.from({ length: Math.ceil(tokens.length / PART) }, (_, i) => tokens.slice(i * PART, (i + 1) * PART)),
      );
    },
    shared: (slot, parts) => lengthOf(parts.slice(0, equalParts(slot, parts))),
    prompt,
    tree,
    step: (slot, token, ask) => {
      slot.tree = null;
      return evaluate(slot, [token], ask);
    },
    dispose: () => context.dispose(),
  };
}
