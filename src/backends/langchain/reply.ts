import { z } from 'zod';
import type { ChatReply } from '../generator/chat-reply.ts';

/** What is read of a reply of any provider. */
export interface GivenReply {
  readonly text: string;
  /** Tokens of the reply as the server counted them, thoughts left out. */
  readonly tokens: number | null;
  /** What the provider said besides: why it ended, log-probabilities. */
  readonly metadata: unknown;
}

const Token = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.int().min(0).max(255)).nullish(),
});
type Token = z.infer<typeof Token>;

/** Chat completions; a plain list; completions. */
const Logprobs = z.union([
  z.object({ content: z.array(Token) }).transform(({ content }) => content),
  z.array(Token),
  z
    .object({ tokens: z.array(z.string()), token_logprobs: z.array(z.number()) })
    .transform(({ tokens, token_logprobs }) =>
      tokens.flatMap((token, i): Token[] =>
        i < token_logprobs.length ? [{ token, logprob: token_logprobs[i]! }] : [],
      ),
    ),
]);

const REASONS = ['finish_reason', 'finishReason', 'stop_reason', 'stopReason', 'done_reason', 'status'] as const;
/** What providers say when a model has ended by itself. */
const ENDED = new Set(['stop', 'end_turn', 'complete', 'completed', 'eos', 'eos_token', 'stop_sequence']);

/** Without a tokenizer: of most texts a token has about so many characters. */
const CHARS_PER_TOKEN = 4;

/** The text of a message: its text parts only, no thoughts, calls or pictures. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => {
      if (typeof part === 'string') return part;
      const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown };
      return (type === 'text' || type === 'output_text') && typeof text === 'string' ? text : '';
    })
    .join('');
}

const bytesOf = ({ token, bytes }: Token): Buffer => (bytes ? Buffer.from(bytes) : Buffer.from(token, 'utf8'));

/** The tokens of exactly this text; null where the reply has none, or those of something else, such as a thought. */
function alignedTokens(metadata: Record<string, unknown>, text: string): Token[] | null {
  const parsed = Logprobs.safeParse(metadata.logprobs);
  if (!parsed.success) return null;
  const wanted = Buffer.from(text, 'utf8');
  const said = Buffer.concat(parsed.data.map(bytesOf));
  // What comes behind is the token that ended it.
  return said.subarray(0, wanted.length).equals(wanted) ? parsed.data : null;
}

/**
 * A reply in one form, of at most so many tokens: a model of the user's own has its own limit, which may be higher.
 * Where tokens are not known, four characters count as one.
 */
export function replyOf({ text, tokens, metadata }: GivenReply, maxTokens: number): ChatReply {
  const given = (typeof metadata === 'object' ? (metadata ?? {}) : {}) as Record<string, unknown>;
  const aligned = alignedTokens(given, text);
  const kept =
    aligned === null
      ? text.slice(0, maxTokens * CHARS_PER_TOKEN).replace(/[\uD800-\uDBFF]$/, '')
      : text.slice(0, wholeText(aligned.slice(0, maxTokens)).length);
  const said = REASONS.map((name) => given[name]).find((value) => typeof value === 'string');
  const ended = typeof said === 'string' && ENDED.has(said.toLowerCase()) && kept === text;
  return {
    text: kept,
    usage_metadata: { output_tokens: Math.min(maxTokens, tokens ?? Math.ceil(kept.length / CHARS_PER_TOKEN)) },
    response_metadata: {
      ...(said !== undefined && { finish_reason: ended ? 'stop' : 'length' }),
      logprobs: aligned && { content: aligned.slice(0, maxTokens) },
    },
  };
}

/** A character whose last bytes are cut off is left out. */
const wholeText = (tokens: readonly Token[]): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(tokens.map(bytesOf)), { stream: true });
