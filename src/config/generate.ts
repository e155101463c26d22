import { z } from 'zod';
import { address, name } from './option.ts';

/** How answers are written. */
export const GenerateSchema = z.strictObject({
  withContext: name('generator that answers from passages').nullable().default('quote'),
  closedBook: name('generator that answers without passages').nullable().default('gguf'),
  model: name(
    'language model file for gguf, reflection-tokens and rewriting: a name of the manifest, a hub path or a file',
  ).default('smollm2-135m-instruct'),
  serverModel: name('model of openai (its name on the server) or of langchain (provider:model)').default('gpt-4o-mini'),
  baseUrl: address()
    .nullable()
    .default(null)
    .meta({ description: 'address of an OpenAI-compatible server; none = the default of its client' }),
  maxTokens: z.int().min(1).max(8192).default(64).meta({ description: 'tokens of one segment at most' }),
  temperature: z.number().min(0).max(2).default(0).meta({ description: 'randomness of generation; 0 is greedy' }),
  seed: z.int().min(0).default(0).meta({ description: 'the same seed gives the same answer' }),
  quotesPerPassage: z
    .int()
    .min(1)
    .max(20)
    .default(2)
    .meta({ description: 'sentences of one passage that quote offers for a segment' }),
  quotesBest: z.int().min(1).max(100).default(1).meta({
    description: 'of the sentences that all passages offer for a segment only so many of the best ranked',
  }),
  quoteGain: z.number().min(0).max(1).default(0.5).meta({
    description: 'share of the words of the question, rare ones counting more, that another quoted sentence must add',
  }),
  quoteNear: z.number().min(0).max(2).nullable().default(null).meta({
    description:
      'a second quoted sentence may add less, a tenth, where its similarity to the question is at most so far below that of the first; none = it may not',
  }),
  quoteRanker: name(
    'classifier critic that ranks quoted sentences beside the embedder, such as mini; none = the embedder alone',
  )
    .nullable()
    .default('mini'),
  quoteMix: z.number().min(0).max(1).default(0.4).meta({
    description: "share of generate.quoteRanker in the ranking of quoted sentences, the rest is the embedder's",
  }),
  quotes: z.int().min(0).max(20).default(0).meta({
    description:
      'sentences of each passage that are quoted as further candidates beside what the language model writes, without a likelihood term; 0 = none',
  }),
});
