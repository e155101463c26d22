import { z } from 'zod';
import type { Capabilities } from '../../contracts/capabilities.ts';
import type { CallOptions } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { LabelRequest } from '../llama-labels.ts';
import { chatRoute } from './route-chat.ts';
import { completionsRoute } from './route-completions.ts';
import { llamaRoute } from './route-llama.ts';
import { PropsSchema } from './route-llama-prompt.ts';
import { ollamaRoute } from './route-ollama.ts';
import { type FirstToken, type LabelRoute, likeliest, type ReadOptions, type RouteContext } from './route-types.ts';

const ROUTES = {
  chat: chatRoute,
  completions: completionsRoute,
  llama: llamaRoute,
  ollama: ollamaRoute,
} as const satisfies Record<LabelRoute['name'], (context: RouteContext) => LabelRoute>;

export type RouteName = keyof typeof ROUTES | 'auto';

/** The way to ask that worked, and what it gives. */
export interface FoundRoute {
  /** Null where no interface of the server gives log-probabilities. */
  readonly route: LabelRoute | null;
  readonly settings: Required<Pick<ReadOptions, 'top' | 'temperature'>>;
  /** By word, its tokens as an answer's beginning; null where words are compared as text. */
  readonly tokens: ReadonlyMap<string, readonly number[]> | null;
  readonly capabilities: Capabilities;
}

export interface FindOptions extends Pick<RouteContext, 'client' | 'api' | 'model'> {
  readonly route: RouteName;
  readonly top: number;
  /** The words of all labels. */
  readonly words: readonly string[];
  /** What is asked to see whether it works. */
  readonly sample: LabelRequest;
}

/** Who a server says that its models belong to. */
const OWNERS: Readonly<Record<string, RouteContext['owner']>> = {
  llamacpp: 'llama.cpp',
  vllm: 'vllm',
  library: 'ollama',
};

/** Numbers of alternatives that servers allow, where they refuse more. */
const COMMON_CAPS = [20, 5];

const ModelsSchema = z.object({
  data: z.array(z.object({ id: z.string(), owned_by: z.string().nullish() })),
});

/** The status of a refusal, or 200 for an answer of another shape; null where the request itself failed. */
function refusal(error: unknown): number | null {
  const status = DiscernError.is(error, 'BACKEND_FAILED') ? error.details.status : null;
  const isRefusal = typeof status === 'number' && status !== 401 && (status < 500 || status === 501);
  return isRefusal ? status : null;
}

/** What a server answers, or null where it does not have this interface. */
async function optional<T>(ask: Promise<T>): Promise<T | null> {
  return ask.catch((error: unknown) => {
    if (refusal(error) === null) throw error;
    return null;
  });
}

async function contextOf({ client, api, model, route }: FindOptions, call: CallOptions): Promise<RouteContext> {
  const list = await optional(client.ask({ path: `${api}/models`, schema: ModelsSchema }, call));
  const models = list?.data.map(({ id }) => id) ?? [];
  if (model === null && models.length > 1)
    throw new DiscernError(
      'CONFIG_INVALID',
      `${client.name} has ${models.length} models: ${models.slice(0, 8).join(', ')}${models.length > 8 ? ', ...' : ''}`,
      { hint: 'name one of them in critics.serverModel' },
    );
  const owners = list?.data.map(({ owned_by }) => OWNERS[owned_by ?? '']) ?? [];
  const said = owners.find((owner) => owner) ?? 'other';
  // What stands before a llama.cpp may hand on its answers and nothing else of it.
  const asks = said === 'llama.cpp' || (said === 'other' && route === 'auto');
  const props = asks ? await optional(client.ask({ path: '/props', schema: PropsSchema }, call)) : null;
  const owner = props !== null ? 'llama.cpp' : said === 'llama.cpp' ? 'other' : said;
  return { client, api, model: model ?? models[0] ?? null, owner };
}

function candidates({ route }: FindOptions, context: RouteContext): LabelRoute[] {
  if (route !== 'auto') return [ROUTES[route](context)];
  if (context.owner === 'llama.cpp') return [llamaRoute(context)];
  if (context.owner === 'ollama') return [ollamaRoute(context), chatRoute(context)];
  return [chatRoute(context), completionsRoute(context)];
}

/** All probability on one token, exactly: what is left after sampling at temperature 0, not what a model says. */
function isSampled(first: FirstToken): boolean {
  const best = likeliest(first);
  return (
    best !== null &&
    best.logprob > -1e-9 &&
    first.top.every((token) => token.logprob === best.logprob || token.logprob < -100)
  );
}

interface Tried {
  readonly first: FirstToken;
  readonly settings: FoundRoute['settings'];
  readonly sampled: boolean;
}

/** Asks with fewer alternatives as long as the server refuses; null where it goes on to, or gives none at all. */
async function tryRoute(
  route: LabelRoute,
  { sample, top }: FindOptions,
  ids: readonly number[] | null,
  notes: string[],
  call: CallOptions,
): Promise<Tried | null> {
  for (const most of [top, ...COMMON_CAPS.filter((cap) => cap < top)]) {
    const read = async (temperature: 0 | 1) =>
      (await route.read([{ ...sample, ids }], { top: most, temperature, signal: call.signal }))[0]!;
    try {
      const first = await read(0);
      if (first.top.length === 0 && !first.thinks) {
        notes.push(`${route.name}: the answer has no log-probabilities`);
        return null;
      }
      const sampled = isSampled(first);
      // At temperature 1, with nothing cut off, what is left after sampling is what the model says.
      return { first: sampled ? await read(1) : first, settings: { top: most, temperature: sampled ? 1 : 0 }, sampled };
    } catch (error) {
      const status = refusal(error);
      if (status === null || status === 200) throw error;
      if (status !== 400 && status !== 422) {
        notes.push(`${route.name}: ${(error as Error).message}`);
        return null;
      }
      if (most === Math.min(top, COMMON_CAPS.at(-1)!)) notes.push(`${route.name}: ${(error as Error).message}`);
    }
  }
  return null;
}

/** The ids of a prompt's words; null where they are compared as text, or are not one token each. */
export function idsOf(tokens: FoundRoute['tokens'], words: readonly string[]): number[] | null {
  const lists = words.map((word) => tokens?.get(word) ?? []);
  return lists.every(({ length }) => length === 1) ? lists.flat() : null;
}

/** Finds out with one small prompt how a server can be asked for the first token of an answer. */
export async function findRoute(options: FindOptions, call: CallOptions = {}): Promise<FoundRoute> {
  const { words, sample } = options;
  const context = await contextOf(options, call);
  const notes: string[] = [];
  for (const route of candidates(options, context)) {
    const lists = await optional(route.tokens(words, call));
    const tokens = lists && new Map(words.map((word, i) => [word, lists[i]!]));
    const ids = idsOf(tokens, Object.keys(sample.prompt.labels));
    const tried = await tryRoute(route, options, ids, notes, call);
    if (tried === null) continue;
    const { first, settings, sampled } = tried;
    // Where labels are asked for by id, as many come back as were asked for.
    const isWhole = context.owner === 'vllm' && ids !== null;
    const namesIds = likeliest(first)?.id != null;
    const single = lists === null ? null : lists.every(({ length }) => length === 1);
    return {
      route,
      settings,
      // Words that are several tokens are refused, also where the alternatives are named by texts.
      tokens: namesIds || single === false ? tokens : null,
      capabilities: {
        logprobs: sampled ? 'sampled' : route.logprobs,
        top: isWhole || first.top.length === 0 ? settings.top : Math.min(settings.top, first.top.length),
        tokenIds: namesIds,
        singleTokenLabels: single,
        thinksFirst: first.thinks,
        prefill: route.prefill,
        notes: [...notes, `asked through ${route.name}`, ...route.notes],
      },
    };
  }
  return {
    route: null,
    settings: { top: options.top, temperature: 0 },
    tokens: null,
    capabilities: {
      ...{ logprobs: 'none', top: null, tokenIds: false, singleTokenLabels: null, thinksFirst: null, prefill: null },
      notes,
    },
  };
}
