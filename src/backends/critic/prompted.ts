import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { LABEL_PROMPTS, valuesOf } from '../../prompts/label-prompts.ts';
import { getPrompt, type Prompt } from '../../prompts.ts';
import { critiqueOf, type LabelLogprobs } from '../../reflection.ts';
import { type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { slugOf } from '../llama.ts';
import { labelReader } from '../llama-labels.ts';

export interface PromptedCriticOptions {
  readonly model: ResolvedModel;
  readonly threads?: number;
  /** Tokens of one prompt at most; passages are cut to fit, questions only when they alone are too long. */
  readonly contextSize?: number;
  /** Replaces prompts by kind. Their labels must be one token each for this model. */
  readonly prompts?: Readonly<Partial<Record<ReflectionKind, Prompt>>>;
}

const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

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
  const used = Object.fromEntries(
    KINDS.map((kind) => [kind, prompts[kind] ?? getPrompt(LABEL_PROMPTS[kind])]),
  ) as Record<ReflectionKind, Prompt>;
  const reader = labelReader({ model, threads, contextSize, prompts: Object.values(used) });
  const id = `prompted-${slugOf(model.name)}@1`;

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
      const asked = requests.map((request) => ({ prompt: used[request.kind], values: valuesOf(request) }));
      const said = await reader.read(asked, signal);
      // Labels that the prompt does not offer get 0.
      return requests.map(({ kind }, i) => critiqueOf(kind as K, said[i] as LabelLogprobs<K>)!);
    },
    prepare: ({ signal } = {}) => reader.prepare(signal),
    local: true,
    probe: ({ signal } = {}) => reader.probe(signal),
    close: () => reader.close(),
  };
}
