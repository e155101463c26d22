import { llamaServer } from './route-llama-prompt.ts';
import { CompletionSchema, readCompletion, vllmTokens } from './route-openai.ts';
import { askFitting, textOf } from './route-text.ts';
import {
  type FirstToken,
  type FirstTokenRequest,
  type LabelRoute,
  modelField,
  type ReadOptions,
  type RouteContext,
} from './route-types.ts';

/** Text completions. llama.cpp renders its chat template; elsewhere the prompt is a plain text that ends in "Answer:". */
export function completionsRoute(context: RouteContext): LabelRoute {
  const { client, api, owner } = context;
  const llama = owner === 'llama.cpp' ? llamaServer(context) : null;

  async function ask(prompt: unknown, extra: object, { top, temperature, signal }: ReadOptions): Promise<FirstToken> {
    const body = {
      ...modelField(context),
      prompt,
      max_tokens: 1,
      temperature,
      ...(temperature === 1 && { top_p: 1 }),
      logprobs: top,
      ...extra,
    };
    const answer = await client.ask({ path: `${api}/completions`, body, schema: CompletionSchema }, { signal });
    return readCompletion(answer, top);
  }

  async function plain({ prompt, values, ids }: FirstTokenRequest, options: ReadOptions): Promise<FirstToken> {
    const extra = owner === 'vllm' && ids !== null ? { logprob_token_ids: ids, return_tokens_as_token_ids: true } : {};
    return askFitting(values, (fitted) => ask(textOf(prompt, fitted), extra, options));
  }

  return {
    name: 'completions',
    logprobs: owner === 'other' ? 'unknown' : 'raw',
    prefill: true,
    notes: llama ? [] : ['prompts are sent as plain text, without a chat template'],
    async tokens(words, call) {
      if (llama) return llama.tokenize(words, call);
      if (owner !== 'vllm') return null;
      // Behind "Answer:" a word comes with its space, which some tokenizers add themselves.
      const spaced = words.map((word) => ` ${word}`);
      const [apart, plain] = [await vllmTokens(context, spaced, call), await vllmTokens(context, words, call)];
      return apart.map((tokens, i) => (tokens.length === 1 ? tokens : plain[i]!));
    },
    async read(requests, options) {
      if (!llama) return Promise.all(requests.map((request) => plain(request, options)));
      const prompts = await llama.prompts(requests, options);
      return Promise.all(
        prompts.map(async ({ tokens, thinks }, i) => {
          const bias = Object.fromEntries((requests[i]!.ids ?? []).map((id) => [id, 100]));
          const first = await ask(tokens, { cache_prompt: false, logit_bias: bias }, options);
          return llama.marked({ ...first, thinks: first.thinks || thinks });
        }),
      );
    },
  };
}
