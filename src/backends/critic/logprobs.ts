import { setMaxListeners } from 'node:events';
import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { LABEL_PROMPTS, valuesOf } from '../../prompts/label-prompts.ts';
import { getPrompt, type Prompt } from '../../prompts.ts';
import { type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { slugOf } from '../llama.ts';
import type { ServerClient } from '../server/client.ts';
import { type FoundRoute, findRoute, idsOf, type RouteName } from '../server/route-find.ts';
import type { FirstToken, LabelRoute } from '../server/route-types.ts';
import { critiqueOfReading, readLabels } from './logprobs-labels.ts';

export interface LogprobsCriticOptions {
  /** The server, by its address without `/v1`. Closed with the critic. */
  readonly client: ServerClient;
  /** Where OpenAI's interfaces are below that address. */
  readonly api?: string;
  /** Its name on the server; null: the only one that the server has. */
  readonly model?: string | null;
  readonly route?: RouteName;
  /** Alternatives of the first token to ask for; a server may give fewer. */
  readonly top?: number;
  /** Replaces prompts by kind. */
  readonly prompts?: Readonly<Partial<Record<ReflectionKind, Prompt>>>;
}

const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

/** What is asked to find out what a server gives. */
const SAMPLE = { question: 'How high is Mount Everest?', passage: 'Mount Everest is 8,849 metres high.' };

/** A thought is no answer, and what a server said nothing of is not read either. */
const UNREAD: FirstToken = { top: [], drawn: null, thinks: false };

type Usable = FoundRoute & { readonly route: LabelRoute };

/**
 * A model on a server as a critic of all four kinds, by the log-probabilities of the label words as the first token of an
 * answer. It is asked with one request for each critique; what the server can give is found out by a small one before.
 */
export function logprobsCritic({
  client,
  api = '/v1',
  model = null,
  route = 'auto',
  top = 20,
  prompts = {},
}: LogprobsCriticOptions): Critic {
  const used = Object.fromEntries(
    KINDS.map((kind) => [kind, prompts[kind] ?? getPrompt(LABEL_PROMPTS[kind])]),
  ) as Record<ReflectionKind, Prompt>;
  const words = [...new Set(KINDS.flatMap((kind) => Object.keys(used[kind].labels)))];
  const id = `logprobs-${slugOf(model ?? client.name)}@1`;
  const who = model === null ? `the model at ${client.name}` : `${model} at ${client.name}`;
  let found: Promise<FoundRoute> | null = null;

  /** Asked once, whoever waits for it; a failure is asked again by the next call. */
  async function find({ signal }: CallOptions): Promise<FoundRoute> {
    throwIfAborted(signal);
    found ??= findRoute({
      client,
      api,
      model,
      route,
      top,
      words,
      sample: { prompt: used.isRel, values: SAMPLE },
    }).catch((error: unknown) => {
      found = null;
      throw error;
    });
    return unlessAborted(found, signal);
  }

  async function usable(call: CallOptions): Promise<Usable> {
    const { route: way, capabilities, tokens, ...rest } = await find(call);
    if (way === null)
      throw new DiscernError(
        'BACKEND_FAILED',
        `${who} gives no log-probabilities: ${capabilities.notes.join('; ') || 'no interface of it does'}`,
        {
          hint: 'set critics.degrade to structured or sampled, choose another critics.route, or take a model that gives them',
          details: { lacks: 'logprobs' },
        },
      );
    if (capabilities.thinksFirst)
      throw new DiscernError('BACKEND_FAILED', `${who} thinks before it answers, so its first token is no label`, {
        hint: 'turn thinking off where the model is served (chat_template_kwargs {"enable_thinking": false}), or choose another critic',
        details: { lacks: 'answer-first' },
      });
    const wrong = words.filter((word) => tokens !== null && tokens.get(word)!.length !== 1);
    if (wrong.length > 0)
      throw new DiscernError(
        'LABELS_NOT_SINGLE_TOKENS',
        `for ${who} these labels are not one token each: ${wrong.map((word) => `${word} (${tokens!.get(word)!.length})`).join(', ')}`,
      );
    return { ...rest, route: way, capabilities, tokens };
  }

  return {
    id,
    kinds: KINDS,
    prompts: Object.fromEntries(KINDS.map((kind) => [kind, used[kind].hash])),
    predictsContinue: Object.values(used.retrieve.labels).includes('continue'),
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], { signal }: CallOptions = {}) {
      const unknown = requests.find(({ kind }) => !KINDS.includes(kind));
      if (unknown)
        throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} predicts ${KINDS.join(', ')}, not ${unknown.kind}`);
      if (requests.length === 0) return [];
      const { route: way, settings, tokens } = await usable({ signal });
      const asked = requests.map((request) => ({ prompt: used[request.kind], values: valuesOf(request) }));
      // Equal requests are asked once.
      const keys = asked.map(({ prompt, values }) => JSON.stringify([prompt.id, values]));
      const single = [...new Map(keys.map((key, i) => [key, asked[i]!]))];
      const stop = new AbortController();
      const all = signal ? AbortSignal.any([stop.signal, signal]) : stop.signal;
      // Every request of the batch listens to it.
      setMaxListeners(0, all);
      const said = await way
        .read(
          single.map(([, request]) => ({ ...request, ids: idsOf(tokens, Object.keys(request.prompt.labels)) })),
          { ...settings, signal: all },
        )
        .catch((error: unknown) => {
          // One failure stops the rest of the batch.
          stop.abort();
          throwIfAborted(signal);
          throw error;
        });
      const saidOf = new Map(single.map(([key], i) => [key, said[i]!]));
      return requests.map(({ kind }, i) => {
        const { labels } = used[kind];
        const token = saidOf.get(keys[i]!)!;
        const ids = tokens && new Map(Object.keys(labels).map((word) => [word, tokens.get(word)![0]!]));
        return critiqueOfReading(kind as K, readLabels({ labels, ids }, token.thinks ? UNREAD : token));
      });
    },
    async prepare(call = {}) {
      await usable(call);
    },
    async probe(call = {}) {
      return (await find(call)).capabilities;
    },
    close: () => client.close(),
  };
}

/** The same promise, left at once where the signal fires. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let leave = () => {};
  const aborted = new Promise<void>((resolve) => {
    leave = resolve;
  });
  signal.addEventListener('abort', leave);
  try {
    const result = await Promise.race([promise, aborted]);
    throwIfAborted(signal);
    return result as T;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
