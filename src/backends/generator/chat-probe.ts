import type { BaseMessageLike } from '@langchain/core/messages';
import { z } from 'zod';
import type { Capabilities } from '../../contracts.ts';
import { messageOf } from '../../errors.ts';
import { getPrompt, renderPrompt } from '../../prompts.ts';

export interface ProbeRequest {
  readonly messages: BaseMessageLike[];
  /** Alternatives of each token; null = no log-probabilities at all. */
  readonly top: number | null;
  readonly temperature: number;
}

/** How a chat model is asked what it gives. */
export interface ChatProbe {
  /** One request without further tries. The message of LangChain that answers it. */
  readonly ask: (request: ProbeRequest, signal: AbortSignal) => Promise<unknown>;
  /** Whether it heeds `top` and `temperature`: a model of the user's own has its settings already. */
  readonly adjustable: boolean;
}

/** Enough to see a thought begin; some models refuse fewer. */
export const PROBE_TOKENS = 16;

/** From the most that any known server gives, to the fewest that all that have a limit give. */
const TOPS = [20, 5, 0] as const;

const statusOf = (error: unknown): unknown => (error as { status?: unknown } | null)?.status;

/** What a request that a server does not understand, or cannot fulfil, is answered with. */
export const isRefusal = (error: unknown): boolean => [400, 422, 501].includes(statusOf(error) as number);

/** A request that is turned down for the log-probabilities that it asks for; 403 is a wrong key too. */
export const refusesLogprobs = (error: unknown): boolean =>
  (isRefusal(error) || statusOf(error) === 403) && /log_?prob/i.test(messageOf(error));

const Alternative = z.object({ token: z.string(), logprob: z.number(), id: z.number().nullish() });
const Logprobs = z.object({ content: z.array(Alternative.extend({ top_logprobs: z.array(Alternative).nullish() })) });
const Thought = z.object({ reasoning_content: z.unknown(), reasoning: z.unknown() }).partial();
const Message = z.object({
  content: z.unknown(),
  response_metadata: z.object({ logprobs: Logprobs.nullish().catch(null) }).catch({}),
  usage_metadata: z
    .object({ output_token_details: z.object({ reasoning: z.number() }).partial() })
    .partial()
    .catch({}),
  additional_kwargs: Thought.extend({
    __raw_response: z
      .object({ choices: z.array(z.object({ message: Thought })).min(1) })
      .nullish()
      .catch(null),
  })
    .partial()
    .catch({}),
});
const Part = z.object({ type: z.string(), text: z.string().optional() });

interface Read {
  readonly text: string;
  readonly thinks: boolean | null;
  readonly logprobs: z.infer<typeof Logprobs>['content'] | null;
}

/** How models that think in their text begin. */
const THOUGHT = /^\s*(<(think|thinking|thought|reasoning)>|\[THINK\]|<\|channel\|>\s*analysis)/i;
const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';

function read(reply: unknown): Read {
  const { content, response_metadata, usage_metadata, additional_kwargs } = Message.parse(reply);
  const parts = (Array.isArray(content) ? content : [{ type: 'text', text: content }]).flatMap(
    (part) => Part.safeParse(part).data ?? [],
  );
  const text = parts.map(({ type, text = '' }) => (type === 'text' ? text : '')).join('');
  const beside = [additional_kwargs, additional_kwargs.__raw_response?.choices[0]?.message];
  const thinks =
    THOUGHT.test(text) ||
    parts.some(({ type }) => /reasoning|thinking/.test(type)) ||
    (usage_metadata.output_token_details?.reasoning ?? 0) > 0 ||
    beside.some((said) => isText(said?.reasoning_content) || isText(said?.reasoning));
  const logprobs = response_metadata.logprobs?.content ?? [];
  return { text, thinks: thinks || (text === '' ? null : false), logprobs: logprobs.length === 0 ? null : logprobs };
}

const alternativesOf = ({ logprobs }: Read) => logprobs?.[0]?.top_logprobs ?? [];

/**
 * Twice the temperature halves what lies between two log-probabilities, unless they are those of the model itself.
 * Other portions of a batch change them too, but little: so the likeliest is compared with the least likely that both have.
 */
export function rawOrSampled(plain: Read, hot: Read): Capabilities['logprobs'] {
  const after = new Map(alternativesOf(hot).map(({ token, logprob }) => [token, logprob]));
  // Some servers write -9999 for no probability at all.
  const shared = alternativesOf(plain).filter(({ token, logprob }) => logprob > -100 && after.has(token));
  const [first, last] = [shared[0], shared.at(-1)];
  if (!first || !last) return 'unknown';
  const gap = first.logprob - last.logprob;
  if (gap < 0.5) return 'unknown';
  const share = (after.get(first.token)! - after.get(last.token)!) / gap;
  if (share > 0.85 && share < 1.15) return 'raw';
  return share > 0.4 && share < 0.6 ? 'sampled' : 'unknown';
}

/** Whether the begun answer was gone on with, or written from its beginning. */
function goesOn({ text }: Read): boolean | null {
  const said = text.trim().toLowerCase();
  if (said.startsWith('blue')) return true;
  return said.startsWith('red') ? false : null;
}

/** Null where it was refused. */
const unlessRefused = (reply: Promise<unknown>): Promise<Read | null> =>
  reply.then(read).catch((error: unknown) => {
    if (isRefusal(error) || refusesLogprobs(error)) return null;
    throw error;
  });

/** The reply with the most log-probabilities that are not refused. */
async function plainReply({ ask, adjustable }: ChatProbe, messages: BaseMessageLike[], signal: AbortSignal) {
  for (const top of adjustable ? TOPS : []) {
    const reply = await unlessRefused(ask({ messages, top, temperature: 1 }, signal));
    if (reply !== null) return { reply, top, refused: false };
  }
  return { reply: read(await ask({ messages, top: null, temperature: 1 }, signal)), top: null, refused: adjustable };
}

/** What a chat model gives, from tiny requests: one for log-probabilities and thoughts, then two at once. */
export async function probeChat(probe: ChatProbe, signal: AbortSignal): Promise<Capabilities> {
  const messages = renderPrompt(getPrompt('probe@1'), {});
  const { reply, top, refused } = await plainReply(probe, messages, signal);
  const given = alternativesOf(reply);
  const [hot, begun] = await Promise.all([
    given.length < 2 || !probe.adjustable ? null : unlessRefused(probe.ask({ messages, top, temperature: 2 }, signal)),
    unlessRefused(
      probe.ask({ messages: renderPrompt(getPrompt('probe-begun@1'), {}), top: null, temperature: 1 }, signal),
    ),
  ]);
  return {
    logprobs: reply.logprobs === null ? 'none' : hot === null ? 'unknown' : rawOrSampled(reply, hot),
    top: reply.logprobs && Math.max(...reply.logprobs.map(({ top_logprobs }) => top_logprobs?.length ?? 0)),
    tokenIds: given.length > 0 && given.every(({ id }) => typeof id === 'number'),
    singleTokenLabels: null,
    thinksFirst: reply.thinks,
    prefill: begun === null ? false : goesOn(begun),
    notes: [
      ...(refused ? ['it refuses requests that ask for log-probabilities'] : []),
      ...(begun === null ? ['it refuses an answer that is begun for it'] : []),
    ],
  };
}
