import type { Critic } from '../../src/contracts.ts';
import { DiscernError, type ErrorCode } from '../../src/errors.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import type { Critique, CritiqueRequest, ReflectionKind } from '../../src/types.ts';

export const isRel = (text: string, question = 'Who?'): CritiqueRequest<'isRel'> => ({
  kind: 'isRel',
  question,
  passage: passageOf(text, text),
});
export const isUse = (answer: string): CritiqueRequest<'isUse'> => ({ kind: 'isUse', question: 'Who?', answer });

/** P(relevant) by the text of a passage. */
export const relevances = (id: string, values: Readonly<Record<string, number>>, kinds?: readonly ReflectionKind[]) =>
  scriptedCritic(
    (request): Record<string, number> => {
      const p = request.kind === 'isRel' ? values[request.passage.text]! : 0.5;
      return request.kind === 'isRel' ? { relevant: p, irrelevant: 1 - p } : { '5': 1, yes: 1, fully: 1 };
    },
    { id, ...(kinds && { kinds }) },
  );

/** The same critic with its critiques changed, and the batches that it was asked. */
export function changed(critic: Critic, change: (said: Critique) => object) {
  const batches: (readonly CritiqueRequest[])[] = [];
  const one: Critic = {
    ...critic,
    async critique<K extends ReflectionKind>(
      requests: readonly CritiqueRequest<K>[],
      options?: Parameters<Critic['critique']>[1],
    ) {
      batches.push(requests);
      const said = await critic.critique(requests, options);
      return said.map((one) => ({ ...one, ...change(one) }));
    },
  };
  return { critic: one, batches };
}

export const counted = (critic: Critic) => changed(critic, () => ({}));

/** Fails with this code while it is set. */
export function failing(critic: Critic, code: ErrorCode | null, details = {}) {
  const state = { code };
  const one: Critic = {
    ...critic,
    async critique(requests, options) {
      if (state.code !== null) throw new DiscernError(state.code, `${critic.id} at /home/me/x is out`, { details });
      return critic.critique(requests, options);
    },
  };
  return { critic: one, state };
}

export const UNDECIDED_REL = {
  kind: 'isRel',
  probs: { relevant: 0.5, irrelevant: 0.5 },
  mass: Number.MIN_VALUE,
  undecided: { bounds: { relevant: 1, irrelevant: 1 } },
} as const;
