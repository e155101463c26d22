import { z } from 'zod';
import { address, name } from './option.ts';

const MODELS = 'prompted, reflection-tokens, logprobs, decision, structured, sampled';

const criticName = (token: string, names: string) =>
  name(
    `critic for ${token}: ${names}, or the name or folder of a classifier critic such as mini; several as cascade:A,B, ensemble:A*2,B, product:A,B or calibrated:A=FILE; none = not asked`,
  );

/** Which critic predicts which token, and how critics on servers are asked. */
export const CriticsSchema = z.strictObject({
  retrieve: criticName('Retrieve', MODELS).nullable().default('mini'),
  isRel: criticName('IsREL', `embedding, ${MODELS}`).nullable().default('mini'),
  isSup: criticName('IsSUP', `embedding, ${MODELS}`).nullable().default('mini'),
  isUse: criticName('IsUSE', MODELS).nullable().default('mini'),
  model: name('language model of prompted and reflection-tokens: a name of the manifest, a hub path or a file').default(
    'smollm2-135m-instruct',
  ),
  baseUrl: address().nullable().default(null).meta({
    description: 'address of the server of critics that ask one, such as http://localhost:8080/v1',
  }),
  serverModel: name('model of a critic that asks a server, by its name there; none = the one that the server has')
    .nullable()
    .default(null),
  route: z.enum(['auto', 'chat', 'completions', 'llama', 'ollama']).default('auto').meta({
    description: 'what logprobs speaks with the server: found out by a tiny request, or one of its interfaces',
  }),
  dialect: z.enum(['systemone', 'decisions']).default('systemone').meta({
    description: 'what decision speaks with the server',
  }),
  top: z.int().min(1).max(5000).default(20).meta({
    description: 'alternatives of a token that logprobs asks for; a server may give fewer',
  }),
  samples: z.int().min(1).max(200).default(10).meta({ description: 'answers that sampled draws for a distribution' }),
  band: z.number().min(0).max(1).default(0.2).meta({
    description: 'cascade: the dear critic is asked where the cheap one is at most so far from its threshold',
  }),
  degrade: z.enum(['require', 'structured', 'sampled']).default('require').meta({
    description: 'where logprobs finds no log-probabilities: an error, or the critic that is asked instead',
  }),
  outage: name(
    'when a critic cannot be asked: fail, undecided (the policy for undecided tokens applies), or the name of another critic; the trace tells it',
  ).default('fail'),
  shadow: name(
    'a critic that is asked the same as the others, once the answer is there, and decides nothing; what it says is in the trace, what it costs is outside the budget',
  )
    .nullable()
    .default(null),
  timeoutMs: z.int().min(1).default(30_000).meta({ description: 'one request to a server of critics at most' }),
  retries: z.int().min(0).max(20).default(3).meta({ description: 'further tries of such a request' }),
  concurrency: z.int().min(1).max(256).default(4).meta({ description: 'such requests at the same time' }),
});
