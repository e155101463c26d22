import { softmax } from '../../calibration.ts';
import type { CallOptions, Entailment, EntailmentRequest } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { getPrompt, type Prompt } from '../../prompts.ts';
import { slugOf } from '../llama.ts';
import { labelReader } from '../llama-labels.ts';
import { inBothOrders } from './equivalence.ts';

export interface PromptedEntailmentOptions {
  readonly model: ResolvedModel;
  readonly threads?: number;
  /** Tokens of one prompt at most; the second answer is cut first. */
  readonly contextSize?: number;
}

/**
 * Any instruct model as a judge of two answers, by the probabilities of the label tokens where its reply would begin.
 * `equivalent` asks in both orders and takes the mean log-odds. Nothing is calibrated.
 */
export function promptedEntailment({ model, threads = 1, contextSize = 2048 }: PromptedEntailmentOptions): Entailment {
  const id = `prompted-${slugOf(model.name)}@1`;
  const entails = getPrompt('entail@1');
  const sameness = getPrompt('equivalent@1');
  const reader = labelReader({ model, threads, contextSize, prompts: [entails, sameness] });
  let closed = false;

  /** Probabilities of these labels for each request; the model is not loaded where nothing is asked. */
  async function probabilities(
    prompt: Prompt,
    labels: readonly string[],
    requests: readonly EntailmentRequest[],
    signal: AbortSignal | undefined,
  ): Promise<number[][]> {
    if (closed) throw new DiscernError('BACKEND_CLOSED', `the entailment model ${id} is closed`);
    throwIfAborted(signal);
    if (requests.length === 0) return [];
    const asked = requests.map(({ question, first, second }) => ({ prompt, values: { question, first, second } }));
    const said = await reader.read(asked, signal);
    return said.map((logprobs) => softmax(labels.map((label) => logprobs[label]!)));
  }

  return {
    id,
    outputs: ['entail', 'equivalent'],
    async entail(requests, { signal }: CallOptions = {}) {
      const said = await probabilities(entails, ['contradiction', 'neutral', 'entailment'], requests, signal);
      return said.map(([contradiction, neutral, entailment]) => ({
        contradiction: contradiction!,
        neutral: neutral!,
        entailment: entailment!,
      }));
    },
    equivalent: (requests, { signal }: CallOptions = {}) =>
      inBothOrders(requests, async (pairs) =>
        (await probabilities(sameness, ['equivalent', 'different'], pairs, signal)).map(([same]) => same!),
      ),
    async close() {
      closed = true;
      await reader.close();
    },
  };
}
