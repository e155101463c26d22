import { setMaxListeners } from 'node:events';
import type { CallOptions, Capabilities, Critic } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { getPrompt } from '../../prompts.ts';
import {
  type Critique,
  type CritiqueRequest,
  type Distribution,
  REFLECTIONS,
  type ReflectionKind,
} from '../../types.ts';
import { slugOf } from '../llama.ts';
import { type ServerOptions, serverClient } from '../server/client.ts';
import { type DecisionAnswer, type DecisionDialect, type DecisionQuestion, questionOf } from './decision-dialect.ts';
import { decisions } from './decision-openai.ts';
import { groupRequests } from './decision-states.ts';
import { systemone } from './decision-systemone.ts';

export interface DecisionCriticOptions extends ServerOptions {
  readonly dialect: 'systemone' | 'decisions';
  /** Null: the model that the server has. */
  readonly model: string | null;
  /** IsREL, IsSUP and IsUSE of one segment in one request. False: each by itself, with its own texts alone. */
  readonly together?: boolean;
  /** Questions of one request at most; some services take no more than ten. */
  readonly maxQuestions?: number;
}

const DIALECTS: Readonly<Record<DecisionCriticOptions['dialect'], DecisionDialect>> = { systemone, decisions };
const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

const PROMPTS = {
  retrieve: { id: 'decide-retrieve@1', name: 'retrieval', type: 'choice' },
  isRel: { id: 'decide-is-rel@1', name: 'relevance', type: 'predicate' },
  isSup: { id: 'decide-is-sup@1', name: 'support', type: 'choice' },
  isUse: { id: 'decide-is-use@1', name: 'usefulness', type: 'score' },
} as const;

const PROBE = { question: 'What colour is the sky?', passage: 'The sky is blue.' };

/** The labels of a kind with these values, in the order of `labels`. */
const byLabel = <K extends ReflectionKind>(labels: readonly string[], values: readonly number[]) =>
  Object.fromEntries(labels.map((label, i) => [label, values[i]!])) as Distribution<K>;

/** Nothing is known: equal shares, which any of the labels could take all of. */
function unanswered<K extends ReflectionKind>(kind: K): Critique<K> {
  const labels: readonly string[] = REFLECTIONS[kind];
  const probs = byLabel<K>(
    labels,
    labels.map(() => 1 / labels.length),
  );
  const bounds = byLabel<K>(
    labels,
    labels.map(() => 1),
  );
  return { kind, probs, mass: Number.MIN_VALUE, undecided: { bounds } };
}

/**
 * A decision model on a server: typed questions about a state, answered with a probability for each option. What it
 * refuses or leaves out is undecided. Its probabilities are its own, on no common scale: thresholds need calibration.
 */
export function decisionCritic(options: DecisionCriticOptions): Critic {
  const { model, together = true, maxQuestions = 10 } = options;
  const dialect = DIALECTS[options.dialect];
  const client = serverClient(options);
  const id = `decision-${slugOf(model ?? options.dialect)}@1`;
  const prompts = Object.fromEntries(KINDS.map((kind) => [kind, getPrompt(PROMPTS[kind].id)]));
  const questions = Object.fromEntries(
    KINDS.map((kind) => [kind, questionOf(prompts[kind]!, PROMPTS[kind].name, PROMPTS[kind].type)]),
  ) as Record<ReflectionKind, DecisionQuestion>;
  let probed: Promise<Capabilities> | null = null;

  async function ask(state: Readonly<Record<string, string>>, asked: readonly DecisionQuestion[], call: CallOptions) {
    try {
      return await dialect.ask(client, { model, state, questions: asked }, call);
    } catch (error) {
      throw explained(error);
    }
  }

  /** The errors that a wrong server or a wrong model shows itself by. */
  function explained(error: unknown): unknown {
    if (!DiscernError.is(error, 'BACKEND_FAILED')) return error;
    const { status } = error.details;
    if (status === 501)
      return new DiscernError(
        'BACKEND_FAILED',
        `${client.name} cannot decide with ${model ?? 'its model'}: it is no decision model (501)`,
        {
          hint: 'name a decision model with critics.serverModel, or use the critic logprobs',
          details: { status },
          cause: error,
        },
      );
    if (status === 404 || status === 405)
      return new DiscernError('BACKEND_FAILED', `${client.name} has no ${dialect.path}, or no such model (${status})`, {
        hint: 'check critics.baseUrl, critics.serverModel and critics.dialect (systemone or decisions)',
        details: { status },
        cause: error,
      });
    return error;
  }

  function critiqueFrom(kind: ReflectionKind, answer: DecisionAnswer | null): Critique {
    if (answer === null) return unanswered(kind);
    const labels = questions[kind].options.map(({ word }) => prompts[kind]!.labels[word]!);
    return { kind, probs: byLabel(labels, answer.probabilities), mass: answer.mass };
  }

  async function probe({ signal }: CallOptions = {}): Promise<Capabilities> {
    const [answer] = await ask(PROBE, [questions.isRel], { signal });
    return {
      logprobs: 'none',
      top: null,
      tokenIds: false,
      singleTokenLabels: null,
      thinksFirst: null,
      prefill: null,
      notes: [
        answer === null || answer === undefined
          ? 'it refused the question of the probe'
          : `gives probabilities of options (${options.dialect})${answer.mass < 1 ? ', and the share of the labels' : ''}`,
      ],
    };
  }

  /** One request to the server at most, until it has succeeded. */
  function probeOnce(call?: CallOptions): Promise<Capabilities> {
    probed ??= probe(call).catch((error: unknown) => {
      probed = null;
      throw error;
    });
    return probed;
  }

  return {
    id,
    kinds: KINDS,
    prompts: Object.fromEntries(KINDS.map((kind) => [kind, prompts[kind]!.hash])),
    predictsContinue: true,
    prepare: async (call) => void (await probeOnce(call)),
    probe: probeOnce,
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], { signal }: CallOptions = {}) {
      const unknown = requests.find(({ kind }) => !KINDS.includes(kind));
      if (unknown)
        throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} predicts ${KINDS.join(', ')}, not ${unknown.kind}`);
      const results: Critique<K>[] = [];
      // One failure stops the rest of the batch.
      const stop = new AbortController();
      const both = AbortSignal.any([stop.signal, ...(signal ? [signal] : [])]);
      setMaxListeners(0, both);
      const jobs = groupRequests(requests, together).flatMap(({ state, asked }) =>
        Array.from({ length: Math.ceil(asked.length / maxQuestions) }, (_, i) => ({
          state,
          asked: asked.slice(i * maxQuestions, (i + 1) * maxQuestions),
        })),
      );
      try {
        await Promise.all(
          jobs.map(async ({ state, asked }) => {
            const list = asked.map(({ kind }) => questions[kind]);
            const answers = await ask(state, list, { signal: both });
            asked.forEach(({ kind, places }, i) => {
              for (const place of places) results[place] = critiqueFrom(kind, answers[i]!) as Critique<K>;
            });
          }),
        );
      } catch (error) {
        stop.abort();
        throw error;
      }
      return results;
    },
    close: () => client.close(),
  };
}
