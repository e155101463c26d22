import { setMaxListeners } from 'node:events';
import type { CallOptions, Capabilities, Critic } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { DECISION_PROMPTS, type DecisionQuestion, questionOf } from '../../prompts/decision-questions.ts';
import { getPrompt } from '../../prompts.ts';
import { type Critique, type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { slugOf } from '../llama.ts';
import { type ServerOptions, serverClient } from '../server/client.ts';
import { serverAddress } from '../server/route-types.ts';
import { byLabel, undecidedCritique } from './composed.ts';
import type { DecisionAnswer, DecisionDialect } from './decision-dialect.ts';
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

const PROBE = { question: 'What colour is the sky?', passage: 'The sky is blue.' };

/**
 * A decision model on a server: typed questions about a state, answered with a probability for each option. What it
 * refuses or leaves out is undecided. Its probabilities are its own, on no common scale: thresholds need calibration.
 */
export function decisionCritic(options: DecisionCriticOptions): Critic {
  const { model, together = true, maxQuestions = 10 } = options;
  const dialect = DIALECTS[options.dialect];
  const { root, api } = serverAddress(options.baseUrl);
  const client = serverClient({ ...options, baseUrl: `${root}${api}` });
  const id = `decision-${slugOf(model ?? options.dialect)}@1`;
  const prompts = Object.fromEntries(KINDS.map((kind) => [kind, getPrompt(DECISION_PROMPTS[kind].id)]));
  const questions = Object.fromEntries(
    KINDS.map((kind) => [kind, questionOf(prompts[kind]!, DECISION_PROMPTS[kind].name, DECISION_PROMPTS[kind].type)]),
  ) as Record<ReflectionKind, DecisionQuestion>;
  let probed: Capabilities | null = null;

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
    if (answer === null) return undecidedCritique(kind, 'the model did not answer the question');
    const { options } = questions[kind];
    const at = (label: string) => options.findIndex(({ word }) => prompts[kind]!.labels[word] === label);
    return { kind, probs: byLabel(kind, (label) => answer.probabilities[at(label)]!), mass: answer.mass };
  }

  /** One request to the server, until it has succeeded. */
  async function probe({ signal }: CallOptions = {}): Promise<Capabilities> {
    if (probed) return probed;
    const [answer] = await ask(PROBE, [questions.isRel], { signal });
    const mass = (answer?.mass ?? 1) < 1 ? ', and the share of the labels' : '';
    const gives = `gives probabilities of options (${options.dialect})${mass}`;
    probed = {
      logprobs: 'none',
      top: null,
      tokenIds: false,
      singleTokenLabels: null,
      thinksFirst: null,
      prefill: null,
      notes: [answer ? gives : 'it refused the question of the probe'],
    };
    return probed;
  }

  return {
    id,
    kinds: KINDS,
    prompts: Object.fromEntries(KINDS.map((kind) => [kind, prompts[kind]!.hash])),
    predictsContinue: true,
    prepare: async (call) => void (await probe(call)),
    probe,
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
