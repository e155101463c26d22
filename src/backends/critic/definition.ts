import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const label = z.strictObject({ n: z.int(), value: z.number(), ci95: z.tuple([z.number(), z.number()]) });

/** What `critics/embedding/<version>/critic.json` holds: curves over similarities, and how good they were held out. */
const EmbeddingDefinitionSchema = z.strictObject({
  id: z.literal('embedding'),
  version: z.int().positive(),
  type: z.literal('embedding'),
  /** The model whose similarities the curves were fitted on: other models spread theirs differently. */
  embedder: z.string(),
  /** P(relevant) = s(intercept + similarity * cosine), s the logistic function. */
  isRel: z.strictObject({ intercept: z.number(), similarity: z.number() }),
  /** With x = similarity * cosine + containment * share: P(fully) = s(fully + x), P(fully or partially) = s(partially + x). */
  isSup: z
    .strictObject({ fully: z.number(), partially: z.number(), similarity: z.number(), containment: z.number() })
    .refine(({ fully, partially }) => fully <= partially, 'fully must not be above partially'),
  /** Passages whose P(relevant) is not above this are dropped, unless the config says another value. */
  isRelThreshold: z.number().min(0).max(1),
  /** Figures on rows that nothing was fitted on. */
  metrics: z.record(z.string(), label),
});

export type EmbeddingDefinition = z.infer<typeof EmbeddingDefinitionSchema>;

/** Reads a definition that the package ships; the place is the same seen from src and from dist. */
export async function embeddingDefinition(version = 1): Promise<EmbeddingDefinition> {
  const file = new URL(`../../../critics/embedding/${version}/critic.json`, import.meta.url);
  return EmbeddingDefinitionSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}
