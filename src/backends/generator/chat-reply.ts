import type { BaseMessageLike } from '@langchain/core/messages';

/** What a reply of a LangChain chat model is read for. */
export interface ChatReply {
  readonly text: string;
  readonly usage_metadata?: { readonly output_tokens: number } | undefined;
  readonly response_metadata?: unknown;
}

export interface ChatCallOptions {
  readonly signal: AbortSignal;
  readonly seed: number;
  /** Replies wanted. A client may give fewer, as many servers know of one only. */
  readonly choices: number;
}

export type ChatCall = (messages: BaseMessageLike[], options: ChatCallOptions) => Promise<readonly ChatReply[]>;

/** A reply to a call by itself. */
export async function oneReply(
  call: ChatCall,
  messages: BaseMessageLike[],
  options: Omit<ChatCallOptions, 'choices'>,
): Promise<ChatReply> {
  const [reply] = await call(messages, { ...options, choices: 1 });
  if (!reply) throw new Error('the reply has no choices');
  return reply;
}

interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes?: readonly number[] | null;
}

interface ReplyMetadata {
  readonly finish_reason?: string;
  readonly logprobs?: { readonly content?: readonly TokenLogprob[] | null } | null;
}

export const metadataOf = ({ response_metadata }: ChatReply): ReplyMetadata =>
  (response_metadata ?? {}) as ReplyMetadata;

const bytesOf = (text: string) => Buffer.byteLength(text, 'utf8');

/** The tokens that make the first `stop` characters; null where the server gives no log-probabilities. */
export function logprobsUpTo(reply: ChatReply, stop: number): number[] | null {
  const content = metadataOf(reply).logprobs?.content;
  if (!content) return null;
  if (content.length === 0) return stop === 0 ? [] : null;
  const wanted = bytesOf(reply.text.slice(0, stop));
  const logprobs: number[] = [];
  let seen = 0;
  for (const { token, logprob, bytes } of content) {
    if (seen >= wanted) break;
    seen += bytes?.length ?? bytesOf(token);
    // Some servers round to a little above zero.
    logprobs.push(Math.min(0, logprob));
  }
  return logprobs;
}

/** Tokens of the first `stop` characters, from the count of the whole reply, or four characters each. */
export function tokensUpTo({ text, usage_metadata }: ChatReply, stop: number): number {
  const tokens = usage_metadata?.output_tokens ?? Math.ceil(text.length / 4);
  return stop === 0 ? 0 : Math.max(1, Math.round((tokens * stop) / text.length));
}
