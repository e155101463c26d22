import { llamaServer } from './route-llama-prompt.ts';
import { ChatSchema, readChat, vllmTokens } from './route-openai.ts';
import { askFitting, messagesOf } from './route-text.ts';
import { type FirstTokenRequest, type LabelRoute, modelField, type RouteContext } from './route-types.ts';

/** What a server understands beyond OpenAI's fields; others refuse fields that they do not know. */
function extras({ owner }: RouteContext, ids: readonly number[] | null, begun: boolean): object {
  if (owner === 'llama.cpp')
    return {
      chat_template_kwargs: { enable_thinking: false },
      cache_prompt: false,
      // A label is drawn, so the answer is never half a character; the probabilities are those from before.
      ...(ids !== null && { logit_bias: Object.fromEntries(ids.map((id) => [id, 100])) }),
    };
  if (owner === 'vllm')
    return {
      chat_template_kwargs: { enable_thinking: false },
      ...(ids !== null && { logprob_token_ids: ids, return_tokens_as_token_ids: true }),
      ...(begun && { add_generation_prompt: false, continue_final_message: true }),
    };
  return {};
}

export const AS_TEXT = 'labels are compared as text, with and without a leading space';

/** Chat completions: OpenAI's own and what speaks like it. */
export function chatRoute(context: RouteContext): LabelRoute {
  const { client, api, owner } = context;
  const llama = owner === 'llama.cpp' ? llamaServer(context) : null;
  return {
    name: 'chat',
    logprobs: owner === 'other' ? 'unknown' : 'raw',
    prefill: owner === 'other' ? null : true,
    notes: owner === 'other' || owner === 'ollama' ? [AS_TEXT] : [],
    async tokens(words, call) {
      if (llama) return llama.tokenize(words, call);
      return owner === 'vllm' ? vllmTokens(context, words, call) : null;
    },
    read: (requests, { top, temperature, signal }) =>
      Promise.all(
        requests.map(({ prompt, values, ids }: FirstTokenRequest) =>
          askFitting(values, async (fitted) => {
            const { messages, begun } = messagesOf(prompt, fitted);
            const body = {
              ...modelField(context),
              messages,
              max_tokens: 1,
              temperature,
              ...(temperature === 1 && { top_p: 1 }),
              logprobs: true,
              top_logprobs: top,
              ...extras(context, ids, begun),
            };
            const answer = await client.ask({ path: `${api}/chat/completions`, body, schema: ChatSchema }, { signal });
            const first = readChat(answer);
            return llama ? llama.marked(first) : first;
          }),
        ),
      ),
  };
}
