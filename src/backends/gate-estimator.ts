import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { GATE_FEATURES, GATE_MEASURES } from '../config/gate.ts';
import { DiscernError, messageOf } from '../errors.ts';
import type { GateEstimator } from '../types.ts';
import { shippedCritic } from './classifier-definition.ts';

/** What `critics/gate/<version>/gate.json` holds. */
export const EstimatorSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  version: z.int().positive(),
  type: z.literal('gate'),
  bias: z.number(),
  features: z
    .array(
      z.strictObject({
        name: z.enum(GATE_FEATURES),
        mean: z.number(),
        scale: z.number().positive(),
        weight: z.number(),
      }),
    )
    .min(1),
  stopping: z.array(
    z.strictObject({
      measure: z.enum(GATE_MEASURES),
      samples: z.int().positive(),
      risk: z.number().min(0).max(1),
      margin: z.number().nonnegative(),
    }),
  ),
  /** The parts whose outputs it was fitted on: with others its probabilities mean less. */
  fittedFor: z.strictObject({ sampler: z.string(), entailment: z.string(), isRel: z.string(), isSup: z.string() }),
  /** Data, rows and how good it is on rows that nothing was fitted on. */
  trainedFrom: z.record(z.string(), z.unknown()),
  metrics: z.record(z.string(), z.unknown()),
});

export type EstimatorDefinition = z.infer<typeof EstimatorSchema>;

/** An estimate by the name of a shipped one (`gate`, `gate@1`) or the folder of one. Throws CRITIC_INVALID. */
export async function loadEstimator(name: string): Promise<GateEstimator & Pick<EstimatorDefinition, 'fittedFor'>> {
  const folder = /[\\/]/.test(name) ? resolve(name) : await shippedCritic(name);
  const file = folder === null ? null : join(folder, 'gate.json');
  try {
    if (file === null) throw new Error('there is none of this name');
    const { id, version, bias, features, stopping, fittedFor } = EstimatorSchema.parse(
      JSON.parse(await readFile(file, 'utf8')),
    );
    return { id: `${id}@${version}`, bias, features, stopping, fittedFor };
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    throw new DiscernError('CRITIC_INVALID', `gate.estimator "${name}" cannot be used: ${problem}`, {
      hint: 'use the shipped one, gate, or the folder of one that bench/utility.ts fitted',
      cause,
    });
  }
}
