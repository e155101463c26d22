import type { LlamaModel, Token } from 'node-llama-cpp';
import type { Capabilities } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import type { Prompt } from '../prompts.ts';
import { type LlamaOptions, llamaSession } from './llama.ts';
import type { LlamaEngine } from './llama-engine.ts';
import { llamaCapabilities } from './llama-probe.ts';

/** A prompt with labels, and its values, the most important one first: the last is cut first where they are too long. */
export interface LabelRequest {
  readonly prompt: Prompt;
  readonly values: Readonly<Record<string, string>>;
}

/** By label: log-probability of its word as the next token, of the whole vocabulary. */
export type LabelLogprobs = Readonly<Record<string, number>>;

/** Reads what a language model thinks of the labels of prompts, at the place where its answer would begin. */
export interface LabelReader {
  /** One for each request, in order. Equal requests are evaluated once, and so is a beginning that several share. */
  read(requests: readonly LabelRequest[], signal?: AbortSignal): Promise<LabelLogprobs[]>;
  /** Loads the model. Throws LABELS_NOT_SINGLE_TOKENS. */
  prepare(signal?: AbortSignal): Promise<void>;
  /** What the model gives; whether its labels are single tokens is said, not thrown. */
  probe(signal?: AbortSignal): Promise<Capabilities>;
  close(): Promise<void>;
}

/** Any instruct model with the prompts that it will be asked. Their labels must be one token each for this model. */
export function labelReader(
  options: Omit<LlamaOptions, 'sequences'> & { readonly prompts: readonly Prompt[] },
): LabelReader {
  const session = llamaSession({ ...options, sequences: 1 });
  let words: ReadonlyMap<Prompt, ReadonlyMap<string, Token>> | null = null;

  async function readAll(engine: LlamaEngine, check: () => void, requests: readonly LabelRequest[]) {
    words ??= new Map(options.prompts.map((prompt) => [prompt, labelTokens(engine.model, prompt)]));
    const slot = engine.slots[0]!;
    const results: LabelLogprobs[] = [];
    const known = new Map<string, LabelLogprobs>();
    // Requests that begin alike follow one another, so each beginning is evaluated once.
    const sorted = requests
      .map(({ prompt, values }, index) => ({
        ...{ prompt, values, index },
        order: JSON.stringify([options.prompts.indexOf(prompt), ...prompt.variables.map((name) => values[name])]),
      }))
      .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
    for (const { prompt, values, index, order } of sorted) {
      check();
      const labels = words.get(prompt)!;
      let found = known.get(order);
      if (found === undefined) {
        const parts = engine.parts(prompt, values, Object.keys(values), 0);
        const { logits, logTotal } = await engine.prompt(slot, parts, { tokens: [...labels.values()] }, check);
        found = Object.fromEntries([...labels].map(([label, token]) => [label, logits.get(token)! - logTotal]));
        known.set(order, found);
      }
      results[index] = found;
    }
    return results;
  }

  async function probe(engine: LlamaEngine, check: () => void): Promise<Capabilities> {
    const found = await llamaCapabilities(engine, options.prompts[0]!, check);
    try {
      for (const prompt of options.prompts) labelTokens(engine.model, prompt);
      return { ...found, singleTokenLabels: true };
    } catch (error) {
      if (!DiscernError.is(error, 'LABELS_NOT_SINGLE_TOKENS')) throw error;
      return { ...found, singleTokenLabels: false, notes: [...found.notes, error.message] };
    }
  }

  return {
    read: (requests, signal) => session.use((engine, check) => readAll(engine, check, requests), signal),
    prepare: async (signal) => {
      await session.use((engine, check) => readAll(engine, check, []), signal);
    },
    probe: (signal) => session.use(probe, signal),
    close: () => session.close(),
  };
}

/** The token of each label's word. Throws where a word is more than one token, or two words begin alike. */
function labelTokens(model: LlamaModel, prompt: Prompt): ReadonlyMap<string, Token> {
  const words = Object.keys(prompt.labels).map((word) => ({
    word,
    tokens: model.tokenize(word, false, 'trimLeadingSpace'),
  }));
  const wrong = words.filter(
    ({ word, tokens }) =>
      tokens.length !== 1 || words.some((other) => other.word !== word && other.tokens[0] === tokens[0]),
  );
  if (wrong.length > 0)
    throw new DiscernError(
      'LABELS_NOT_SINGLE_TOKENS',
      `for ${model.filename ?? 'this model'} these labels of ${prompt.id} are not one token each: ${wrong.map(({ word, tokens }) => `${word} (${tokens.length})`).join(', ')}`,
    );
  return new Map(words.map(({ word, tokens }) => [prompt.labels[word]!, tokens[0]!]));
}
