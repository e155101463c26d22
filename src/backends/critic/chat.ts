import type { BaseMessageLike } from '@langchain/core/messages';
import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { valuesOf } from '../../prompts/label-prompts.ts';
import { getPrompt, type Prompt } from '../../prompts.ts';
import { type Critique, type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { langchainCalls, nameOf } from '../langchain/calls.ts';
import { type Limits, modelsOf } from '../langchain/limits.ts';
import { slugOf } from '../llama.ts';
import { askFitting, messagesOf } from '../server/route-text.ts';

export interface ChatCriticOptions<M extends object> {
  /** A chat model of LangChain, used as it is; or what makes one with these limits. */
  readonly model: M | ((limits: Limits) => M | Promise<M>);
  /** The model's name, for the id; needed where a function makes it. */
  readonly name?: string;
  /** Calls at the same time. */
  readonly concurrency?: number;
}

/** A request as a chat model gets it. */
export interface ChatQuestion {
  readonly kind: ReflectionKind;
  readonly prompt: Prompt;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

interface ChatCriticParts<M> {
  readonly type: string;
  /** After the model's name in the id. */
  readonly version: string;
  readonly promptIds: Readonly<Record<ReflectionKind, string>>;
  readonly limits: Limits;
  /** `call` is one call of the model, in its turn. */
  readonly judge: (
    question: ChatQuestion,
    call: <T>(work: (model: M) => Promise<T>) => Promise<T>,
    signal: AbortSignal,
  ) => Promise<Critique>;
}

const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

/** A time-out and a server that is not there, as LangChain's clients tell them; null for all else. */
function outageOf(error: unknown, name: string): DiscernError | null {
  if (!(error instanceof Error)) return null;
  if (error.name === 'TimeoutError') return new DiscernError('BACKEND_TIMEOUT', `${name} took too long`);
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (/^(ECONN|ENOTFOUND|EPIPE|EAI_|EHOST|ENET|UND_ERR_SOCKET)/.test(String((cause as NodeJS.ErrnoException).code)))
      return new DiscernError('BACKEND_UNAVAILABLE', `${name} cannot be reached`);
  return null;
}

/** A critic that asks a chat model about each different request once. Texts that are too long for the model are cut. */
export function chatCritic<M extends object>(
  { model, name, concurrency = 4 }: ChatCriticOptions<M>,
  { type, version, promptIds, limits, judge }: ChatCriticParts<M>,
): Critic {
  const called = name ?? (typeof model === 'function' ? 'model' : nameOf(model));
  const models = modelsOf(model, { id: called, concurrency });
  const all = langchainCalls({}, called, { concurrency });
  const id = `${type}-${slugOf(called)}${version}`;
  const prompts = Object.fromEntries(KINDS.map((kind) => [kind, getPrompt(promptIds[kind])])) as Record<
    ReflectionKind,
    Prompt
  >;

  return {
    id,
    kinds: KINDS,
    prompts: Object.fromEntries(KINDS.map((kind) => [kind, prompts[kind].hash])),
    predictsContinue: Object.values(prompts.retrieve.labels).includes('continue'),
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options: CallOptions = {}) {
      const other = requests.find(({ kind }) => !KINDS.includes(kind));
      if (other)
        throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} predicts ${KINDS.join(', ')}, not ${other.kind}`);
      return all.batch(options.signal, async (signal) => {
        if (requests.length === 0) return [];
        const { model: chat, calls } = await models.for(limits);
        const known = new Map<string, Promise<Critique>>();
        const said = requests.map((request) => {
          const values = valuesOf(request);
          const key = JSON.stringify([request.kind, values]);
          const asked =
            known.get(key) ??
            askFitting(values, (fitting) => {
              const prompt = prompts[request.kind];
              const { messages } = messagesOf(prompt, fitting);
              const call = <T>(work: (model: M) => Promise<T>) =>
                calls.one(signal, () =>
                  work(chat).catch((error: unknown) => {
                    throw outageOf(error, called) ?? error;
                  }),
                );
              return judge({ kind: request.kind, prompt, messages }, call, signal);
            });
          known.set(key, asked);
          return asked;
        });
        return (await Promise.all(said)) as Critique<K>[];
      });
    },
    close: () => all.close(),
  };
}

/** The messages as LangChain takes them. */
export const asMessages = (messages: ChatQuestion['messages']): BaseMessageLike[] =>
  messages.map(({ role, content }) => ({ role, content }));
