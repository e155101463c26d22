import type { LlamaModel, Token } from 'node-llama-cpp';
import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { getPrompt, type Prompt } from '../../prompts.ts';
import { critiqueOf, type LabelLogprobs } from '../../reflection.ts';
import { type Critique, type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { llamaSession, slugOf } from '../llama.ts';
import type { LlamaEngine, Next } from '../llama-engine.ts';

export interface PromptedCriticOptions {
  readonly model: ResolvedModel;
  readonly threads?: number;
  /** Tokens of one prompt at most; passages are cut to fit, questions only when they alone are too long. */
  readonly contextSize?: number;
  /** Replaces prompts by kind. Their labels must be one token each for this model. */
  readonly prompts?: Readonly<Partial<Record<ReflectionKind, Prompt>>>;
}

const PROMPT_IDS = { retrieve: 'retrieve@1', isRel: 'is-rel@1', isSup: 'is-sup@1', isUse: 'is-use@1' } as const;
const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

/** The values of a request, the most important one first: the last is cut first where the prompt is too long. */
function valuesOf(request: CritiqueRequest): Record<string, string> {
  switch (request.kind) {
    case 'retrieve':
      return { question: request.question, answerSoFar: request.answerSoFar };
    case 'isRel':
      return { question: request.question, passage: request.passage.text };
    case 'isSup':
      return { question: request.question, segment: request.segment, passage: request.passage.text };
    case 'isUse':
      return { question: request.question, answer: request.answer };
  }
}

/** The first token of each label word. Throws where a word is more than one token, or two words begin alike. */
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

/** Probabilities among the labels alone; labels that the prompt does not offer get 0. */
function critiqueFrom<K extends ReflectionKind>(kind: K, labels: ReadonlyMap<string, Token>, next: Next): Critique<K> {
  const logprobs = [...labels].map(([label, token]) => [label, next.logits.get(token)! - next.logTotal]);
  return critiqueOf(kind, Object.fromEntries(logprobs) as LabelLogprobs<K>)!;
}

/**
 * Any instruct model as a critic of all four kinds. It reads the probabilities of the label tokens at the place of the answer
 * and never a word of what the model would write. A model of the default's size judges relevance hardly better than chance.
 */
export function promptedCritic({
  model,
  threads = 1,
  contextSize = 2048,
  prompts = {},
}: PromptedCriticOptions): Critic {
  const used = Object.fromEntries(KINDS.map((kind) => [kind, prompts[kind] ?? getPrompt(PROMPT_IDS[kind])])) as Record<
    ReflectionKind,
    Prompt
  >;
  const session = llamaSession({ model, threads, contextSize, sequences: 1 });
  const id = `prompted-${slugOf(model.name)}@1`;
  let labels: Record<ReflectionKind, ReadonlyMap<string, Token>> | null = null;

  async function judge<K extends ReflectionKind>(
    engine: LlamaEngine,
    check: () => void,
    requests: readonly CritiqueRequest<K>[],
  ) {
    labels ??= Object.fromEntries(KINDS.map((kind) => [kind, labelTokens(engine.model, used[kind])])) as NonNullable<
      typeof labels
    >;
    const slot = engine.slots[0]!;
    const results: Critique<K>[] = [];
    // Requests that begin alike follow one another, so each beginning is evaluated once.
    const sorted = requests
      .map((request, index) => {
        const values = valuesOf(request);
        return {
          kind: request.kind as K,
          index,
          values,
          order: [request.kind, ...used[request.kind].variables.map((name) => values[name])].join('\0'),
        };
      })
      .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
    for (const { kind, index, values } of sorted) {
      check();
      const parts = engine.parts(used[kind], values, Object.keys(values), 0);
      const next = await engine.prompt(slot, parts, { tokens: [...labels[kind].values()] }, check);
      results[index] = critiqueFrom(kind, labels[kind], next);
    }
    return results;
  }

  return {
    id,
    kinds: KINDS,
    prompts: Object.fromEntries(KINDS.map((kind) => [kind, used[kind].hash])),
    predictsContinue: Object.values(used.retrieve.labels).includes('continue'),
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], { signal }: CallOptions = {}) {
      const unknown = requests.find(({ kind }) => !KINDS.includes(kind));
      if (unknown)
        throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} predicts ${KINDS.join(', ')}, not ${unknown.kind}`);
      if (requests.length === 0) return [];
      return session.use((engine, check) => judge(engine, check, requests), signal);
    },
    prepare: async ({ signal } = {}) => {
      await session.use((engine, check) => judge(engine, check, []), signal);
    },
    close: () => session.close(),
  };
}
