import type { BaseMessageLike } from '@langchain/core/messages';
import type { Critic } from '../../contracts.ts';
import { wilson } from '../../text/math.ts';
import type { Critique, ReflectionKind } from '../../types.ts';
import { textOf } from '../langchain/reply.ts';
import { asMessages, type ChatCriticOptions, chatCritic } from './chat.ts';
import { byLabel, undecidedCritique } from './composed.ts';

/** What is asked of a chat model: every `BaseChatModel` has it. */
export interface SampledChat {
  invoke(
    messages: BaseMessageLike[],
    options?: { signal?: AbortSignal; seed?: number },
  ): Promise<{ readonly content: unknown }>;
}

export interface SampledCriticOptions extends ChatCriticOptions<SampledChat> {
  /** Answers drawn for each request. Default 10. */
  readonly samples?: number;
  /** Of the first answer; each further one has the next. */
  readonly seed?: number;
}

const PROMPTS = { retrieve: 'retrieve@1', isRel: 'is-rel@1', isSup: 'is-sup@1', isUse: 'is-use@1' } as const;

/** A word, and what a model may set around it. */
const LIMITS = { temperature: 1, maxTokens: 8 };

/** The label of an answer that is its word, alone or with something set off behind it: `Yes.`, `**B**`, `A: it does`. */
export function labelOfAnswer(text: string, labels: Readonly<Record<string, string>>): string | null {
  const [, word, rest = ''] = /^[^\p{L}\p{N}]*([\p{L}\p{N}]+)(.*)/su.exec(text) ?? [];
  if (word === undefined || !/^(?:\s*$|\n|[^\p{L}\p{N}\s])/u.test(rest)) return null;
  const found = Object.keys(labels).find((known) => known.toLowerCase() === word.toLowerCase());
  return found === undefined ? null : labels[found]!;
}

/** Shares of the labels among drawn answers; null where none of them is a label. */
export function sharesOf(kind: ReflectionKind, drawn: readonly (string | null)[]): Critique | null {
  const said = drawn.filter((label) => label !== null);
  const n = said.length;
  if (n === 0) return null;
  const counts = byLabel(kind, (label) => said.filter((one) => one === label).length) as Record<string, number>;
  return {
    kind,
    probs: byLabel(kind, (label) => counts[label]! / n),
    mass: n / drawn.length,
    basis: 'sampled',
    interval: Object.fromEntries(
      Object.entries(counts).map(([label, count]) => [label, wilson(count, n)]),
    ) as unknown as NonNullable<Critique['interval']>,
  };
}

/**
 * Any chat model as a critic by the answers that it gives at temperature 1, each a call with a seed of its own: the
 * shares of the labels, with their 95% intervals. Answers that are no label lower the mass; only such ones are undecided.
 */
export function sampledCritic({ samples = 10, seed = 0, ...options }: SampledCriticOptions): Critic {
  return chatCritic(options, {
    type: 'sampled',
    version: `.${samples}@1`,
    promptIds: PROMPTS,
    limits: LIMITS,
    async judge({ kind, prompt, messages }, call, signal): Promise<Critique> {
      const answers = await Promise.all(
        Array.from({ length: samples }, (_, n) =>
          call((model) => model.invoke(asMessages(messages), { signal, seed: seed + n })),
        ),
      );
      const drawn = answers.map(({ content }) => labelOfAnswer(textOf(content), prompt.labels));
      return sharesOf(kind, drawn) ?? undecidedCritique(kind);
    },
  });
}
