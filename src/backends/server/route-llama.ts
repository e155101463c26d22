import { z } from 'zod';
import { llamaServer } from './route-llama-prompt.ts';
import { alternativeOf, firstTokenOf } from './route-openai.ts';
import type { LabelRoute, RouteContext } from './route-types.ts';

const TokenSchema = z.object({ id: z.int(), token: z.string(), logprob: z.number() });

const CompletionSchema = z.object({
  completion_probabilities: z.array(TokenSchema.extend({ top_logprobs: z.array(TokenSchema) })).nullish(),
});

/** The interface of llama.cpp's own: prompts as tokens, probabilities of the model itself, as many as are asked for. */
export function llamaRoute(context: RouteContext): LabelRoute {
  const llama = llamaServer(context);
  return {
    name: 'llama',
    logprobs: 'raw',
    prefill: true,
    notes: ['requests at the same time change its log-probabilities a little: with one at a time they are repeatable'],
    tokens: (words, call) => llama.tokenize(words, call),
    async read(requests, { top, signal }) {
      const prompts = await llama.prompts(requests, { signal });
      return Promise.all(
        prompts.map(async ({ tokens, thinks }, i) => {
          const body = {
            prompt: tokens,
            n_predict: 1,
            n_probs: top,
            post_sampling_probs: false,
            temperature: 0,
            // What is kept of an earlier prompt changes the sums, and with them the probabilities.
            cache_prompt: false,
            // A label is drawn, so the answer is never half a character; the probabilities are those from before.
            logit_bias: (requests[i]!.ids ?? []).map((id) => [id, 100]),
          };
          const answer = await context.client.ask({ path: '/completion', body, schema: CompletionSchema }, { signal });
          const [position] = answer.completion_probabilities ?? [];
          if (!position) return firstTokenOf([], null, thinks);
          return llama.marked(firstTokenOf(position.top_logprobs.map(alternativeOf), alternativeOf(position), thinks));
        }),
      );
    },
  };
}
