import type { Config } from '../config.ts';
import type { Critic } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { type Critique, REFLECTIONS } from '../types.ts';
import { COMPOSED_FORMS, composedCriticOf, criticForm } from './composed.ts';
import { classifierNamed, type Makers, makerOf, type PresetContext } from './context.ts';
import { reflectionPartsOf } from './reflection-tokens.ts';

export interface PresetCritic {
  readonly critic: Critic;
  /** Threshold on P(relevant) that was fitted for it; of several, what theirs come to; null where none was. */
  readonly isRelThreshold: number | null;
  /** The scale of its numbers where they are no probabilities. */
  readonly basis?: Critique['basis'];
  /** What to tell a person: that another critic was taken than the one named. */
  readonly notice?: string;
}

const CRITICS: Makers<PresetCritic> = {
  async embedding({ embedder, vectorsOf }) {
    const [{ embeddingCritic }, { embeddingDefinition }] = await Promise.all([
      import('../backends/critic/embedding.ts'),
      import('../backends/critic/definition.ts'),
    ]);
    const definition = await embeddingDefinition();
    return {
      critic: embeddingCritic({ embedder: await embedder(), definition, vectorsOf }),
      isRelThreshold: definition.isRelThreshold,
    };
  },
  async prompted({ config, store, signal }) {
    const { promptedCritic } = await import('../backends/critic/prompted.ts');
    return {
      critic: promptedCritic({ model: await store.resolve(config.critics.model, { signal }) }),
      isRelThreshold: null,
    };
  },
  async logprobs(context) {
    const [{ logprobsCritic }, { serverClient }, { serverAddress }] = await Promise.all([
      import('../backends/critic/logprobs.ts'),
      import('../backends/server/client.ts'),
      import('../backends/server/route-types.ts'),
    ]);
    const server = serverOf('logprobs', context);
    const { root, api } = serverAddress(server.baseUrl);
    const { serverModel: model, route, top } = context.config.critics;
    const client = serverClient({ ...server, baseUrl: root });
    return { critic: logprobsCritic({ client, api, model, route, top }), isRelThreshold: null };
  },
  async decision(context) {
    const { decisionCritic } = await import('../backends/critic/decision.ts');
    const { dialect, serverModel: model } = context.config.critics;
    return {
      critic: decisionCritic({ ...serverOf('decision', context), dialect, model }),
      isRelThreshold: null,
    };
  },
  async 'reflection-tokens'(context) {
    const parts = await reflectionPartsOf(context, context.config.critics.model);
    return { critic: parts.critic(), isRelThreshold: null };
  },
  async structured(context) {
    const { structuredCritic } = await import('../backends/critic/structured.ts');
    const critic = structuredCritic(await chatModelOf('structured', context));
    return { critic, isRelThreshold: null, basis: 'stated' };
  },
  async sampled(context) {
    const { sampledCritic } = await import('../backends/critic/sampled.ts');
    const { critics, generate } = context.config;
    const asked = { samples: critics.samples, seed: generate.seed };
    const critic = sampledCritic({ ...(await chatModelOf('sampled', context)), ...asked });
    return { critic, isRelThreshold: null, basis: 'sampled' };
  },
};

/** How the server of critics is reached. Throws CONFIG_INVALID where none is named. */
function serverOf(name: string, { config: { critics }, keys }: PresetContext) {
  const { baseUrl, timeoutMs, retries, concurrency } = critics;
  if (baseUrl === null)
    throw new DiscernError('CONFIG_INVALID', `the critic ${name} asks a server, and critics.baseUrl is none`, {
      hint: 'give its address with --critics.baseUrl, such as http://localhost:8080/v1',
    });
  return { baseUrl, timeoutMs, retries, concurrency, apiKey: keys.openai };
}

/** The chat model of critics that read what it writes: of a server, of OpenAI, or by LangChain's look-up. */
async function chatModelOf(name: string, { config: { critics }, keys, signal }: PresetContext) {
  const { baseUrl, serverModel, timeoutMs, retries, concurrency } = critics;
  const { criticModel, firstModel } = await import('../backends/critic/chat-model.ts');
  const how = { timeoutMs, retries, concurrency, apiKey: keys.openai };
  if (serverModel === null && baseUrl === null)
    throw new DiscernError('CONFIG_INVALID', `the critic ${name} asks a chat model, and critics.serverModel is none`, {
      hint: 'name one with --critics.serverModel (provider:model, or a model of OpenAI), or a server with --critics.baseUrl',
    });
  const model = serverModel ?? (await firstModel({ ...how, baseUrl: baseUrl! }, { signal }));
  return { model: criticModel({ ...how, model, baseUrl }), name: model, concurrency };
}

/** What a critic of this name is made with, as text: where that is another text, it is another critic. */
export function criticKey(name: string, { critics, retrieve, isRel, generate }: Config): string {
  const how = Object.entries(critics).filter(([option]) => option !== 'shadow' && !Object.hasOwn(REFLECTIONS, option));
  const text = JSON.stringify([name, how]);
  const thresholds = text.includes('cascade:') ? [retrieve.threshold, isRel.threshold] : [];
  return `${text} ${JSON.stringify([thresholds, text.includes('sampled') ? generate.seed : null])}`;
}

/**
 * A critic by its name. `outage` is the policy for each critic in it that cannot be asked: `fail`, `undecided`, or the
 * name of another critic.
 */
export async function createCritic(name: string, context: PresetContext, outage = 'fail'): Promise<PresetCritic> {
  const form = criticForm(name);
  if (form.type === 'one')
    return guarded(await served(name, await criticNamed(name, context), context), name, context, outage);
  if (form.type !== 'calibrated')
    return composedCriticOf(name, form, context.config, (part) => createCritic(part, context, outage));
  // A stand-in is not what the calibration was fitted for, so it stands in for the calibrated critic.
  const made = await composedCriticOf(name, form, context.config, (part) => createCritic(part, context));
  return guarded(made, name, context, outage);
}

async function criticNamed(name: string, context: PresetContext): Promise<PresetCritic> {
  const make = makerOf(CRITICS, name);
  if (make) return make(context);
  const classifier = await classifierNamed(name, 'critic', [...Object.keys(CRITICS), ...COMPOSED_FORMS], context);
  const { classifierCritic } = await import('../backends/critic/classifier.ts');
  return { critic: classifierCritic(classifier), isRelThreshold: classifier.definition.isRelThreshold };
}

/** The critic, or the one of `critics.degrade` where its server lacks what it needs. */
async function served(name: string, made: PresetCritic, context: PresetContext): Promise<PresetCritic> {
  const { degrade } = context.config.critics;
  if (name !== 'logprobs' || degrade === 'require') return made;
  try {
    await made.critic.prepare?.({ signal: context.signal });
    return made;
  } catch (error) {
    // A server that is out at the moment may have it.
    if (!DiscernError.is(error) || error.details.lacks === undefined) return made;
    await made.critic.close();
    const [{ standInCritic }, other] = await Promise.all([
      import('../backends/critic/outage.ts'),
      criticNamed(degrade, context),
    ]);
    const reason = `${made.critic.id} has no log-probabilities to read`;
    const notice = `critics.degrade ${degrade}: ${other.critic.id} is asked, as ${error.message}`;
    return { ...other, critic: standInCritic(other.critic, reason), notice };
  }
}

async function guarded(
  made: PresetCritic,
  name: string,
  context: PresetContext,
  outage: string,
): Promise<PresetCritic> {
  // Nobody stands in for himself.
  if (outage === 'fail' || outage === name) return made;
  const { outageCritic } = await import('../backends/critic/outage.ts');
  try {
    const instead = outage === 'undecided' ? outage : (await createCritic(outage, context)).critic;
    return { ...made, critic: outageCritic(made.critic, instead) };
  } catch (error) {
    await made.critic.close();
    throw error;
  }
}
