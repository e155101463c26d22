import { z } from 'zod';
import type { CallOptions } from '../../contracts.ts';
import { beginsThought } from './route-text.ts';
import { type Alternative, type FirstToken, likeliest, type RouteContext } from './route-types.ts';

const TokenSchema = z.object({
  token: z.string(),
  id: z.int().optional(),
  logprob: z.number(),
  bytes: z.array(z.int()).nullish(),
});
type TokenBody = z.infer<typeof TokenSchema>;

const PositionSchema = TokenSchema.extend({ top_logprobs: z.array(TokenSchema).default([]) });

const ContentSchema = z.object({ content: z.array(PositionSchema).nullish() });

/** The list of alternatives that completions had before chats. */
const LegacySchema = z.object({
  tokens: z.array(z.string()).nullish(),
  token_logprobs: z.array(z.number().nullable()).nullish(),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
});

export const ChatSchema = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ reasoning_content: z.string().nullish(), reasoning: z.string().nullish() }),
        logprobs: ContentSchema.nullish(),
      }),
    )
    .min(1),
});

export const CompletionSchema = z.object({
  choices: z.array(z.object({ logprobs: ContentSchema.extend(LegacySchema.shape).nullish() })).min(1),
});

/** vLLM names a token `token_id:7` where it is asked to. */
const TOKEN_ID = /^token_id:(\d+)$/;

/** A log-probability of a whole number of float steps above zero is zero. */
const capped = (logprob: number) => Math.min(0, logprob);

export function alternativeOf({ token, id, logprob, bytes }: TokenBody): Alternative {
  const named = TOKEN_ID.exec(token)?.[1];
  const text = named !== undefined ? new TextDecoder().decode(new Uint8Array(bytes ?? [])) : token;
  return { text, id: id ?? (named === undefined ? null : Number(named)), logprob: capped(logprob) };
}

/** The likeliest token decides whether this is a thought. */
export function firstTokenOf(top: readonly Alternative[], drawn: Alternative | null, thinks = false): FirstToken {
  const best = likeliest({ top, drawn });
  return { top, drawn, thinks: thinks || (best !== null && beginsThought(best.text)) };
}

export function readContent(content: z.infer<typeof ContentSchema>['content'], thinks = false): FirstToken {
  const first = content?.[0];
  if (!first) return firstTokenOf([], null, thinks);
  return firstTokenOf(first.top_logprobs.map(alternativeOf), alternativeOf(first), thinks);
}

export function readChat({ choices }: z.infer<typeof ChatSchema>): FirstToken {
  const { message, logprobs } = choices[0]!;
  return readContent(logprobs?.content, Boolean(message.reasoning_content || message.reasoning));
}

export function readCompletion({ choices }: z.infer<typeof CompletionSchema>, asked: number): FirstToken {
  const { logprobs } = choices[0]!;
  if (logprobs?.content) return readContent(logprobs.content);
  const [token, logprob] = [logprobs?.tokens?.[0], logprobs?.token_logprobs?.[0]];
  const drawn = typeof token === 'string' && typeof logprob === 'number' ? alternativeOf({ token, logprob }) : null;
  const listed = Object.entries(logprobs?.top_logprobs?.[0] ?? {}).map(([key, value]) =>
    alternativeOf({ token: key, logprob: value }),
  );
  // The drawn token stands in the list even where it is none of the likeliest.
  const top = listed.length > asked ? listed.filter(({ text }) => text !== drawn?.text) : listed;
  return firstTokenOf(top, drawn);
}

const VllmTokensSchema = z.object({ tokens: z.array(z.int()) });

/** Tokens of words by vLLM's own interface. */
export const vllmTokens = (
  { client, model }: RouteContext,
  words: readonly string[],
  call: CallOptions,
): Promise<number[][]> =>
  Promise.all(
    words.map(async (prompt) => {
      const body = { ...(model !== null && { model }), prompt, add_special_tokens: false };
      return (await client.ask({ path: '/tokenize', body, schema: VllmTokensSchema }, call)).tokens;
    }),
  );
