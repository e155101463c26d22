import { z } from 'zod';
import { AS_TEXT } from './route-chat.ts';
import { alternativeOf, firstTokenOf } from './route-openai.ts';
import { askFitting, messagesOf } from './route-text.ts';
import { type LabelRoute, modelField, type RouteContext } from './route-types.ts';

const TokenSchema = z.object({ token: z.string(), logprob: z.number() });

const OllamaSchema = z.object({
  message: z.object({ thinking: z.string().nullish() }),
  logprobs: z.array(TokenSchema.extend({ top_logprobs: z.array(TokenSchema).nullish() })).nullish(),
});

/** Ollama's own chat interface, which can be told not to think and not to cut a prompt silently. */
export function ollamaRoute(context: RouteContext): LabelRoute {
  return {
    name: 'ollama',
    logprobs: 'raw',
    prefill: true,
    notes: [AS_TEXT],
    tokens: async () => null,
    read: (requests, { top, temperature, signal }) =>
      Promise.all(
        requests.map(({ prompt, values }) =>
          askFitting(values, async (fitted) => {
            const body = {
              ...modelField(context),
              messages: messagesOf(prompt, fitted).messages,
              stream: false,
              think: false,
              truncate: false,
              shift: false,
              logprobs: true,
              top_logprobs: top,
              options: { num_predict: 1, temperature },
            };
            const { message, logprobs } = await context.client.ask(
              { path: '/api/chat', body, schema: OllamaSchema },
              { signal },
            );
            const [first] = logprobs ?? [];
            return firstTokenOf(
              (first?.top_logprobs ?? []).map(alternativeOf),
              first ? alternativeOf(first) : null,
              Boolean(message.thinking),
            );
          }),
        ),
      ),
  };
}
