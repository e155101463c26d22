import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { DiscernError, messageOf } from '../errors.ts';
import { hashFile } from '../models/checked-file.ts';
import { HEADS, type Head } from './classifier-input.ts';

const count = z.int().positive();
const sums = z.array(z.number()).min(1);

const CalibrationSchema = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('temperature'), temperature: z.number().positive() }),
  z.strictObject({ method: z.literal('platt'), scale: z.number(), bias: sums }),
  z.strictObject({ method: z.literal('isotonic'), x: sums, y: sums }).refine(({ x, y }) => x.length === y.length, {
    error: 'x and y need as many values as each other',
  }),
]);

/** Labels of a head; one output is that of the first of two. */
const labelsOf = (head: Head): number => Math.max(2, HEADS[head].outputs);

/** What `critics/<name>/<version>/critic.json` of a classifier holds: the files, how to ask them, and how good they are. */
export const ClassifierDefinitionSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  version: count,
  type: z.literal('classifier'),
  files: z
    .array(
      z.strictObject({
        path: z.enum(['model.onnx', 'tokenizer.json']),
        bytes: count,
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .length(2)
    .refine((files) => new Set(files.map(({ path }) => path)).size === files.length, {
      error: 'each file once: model.onnx and tokenizer.json',
    }),
  frame: z.strictObject({ start: z.int(), end: z.int(), taskBase: z.int() }),
  sizes: z.strictObject({ maxTokens: count, leastLast: count, limit: count, shared: count, mostWindows: count }),
  /** Where the outputs of each head stand in what the model returns. */
  heads: z
    .partialRecord(
      z.enum(Object.keys(HEADS) as [Head, ...Head[]]),
      z.strictObject({ at: z.int().nonnegative(), outputs: count }),
    )
    .superRefine((heads, context) => {
      for (const [head, { outputs }] of Object.entries(heads))
        if (outputs !== HEADS[head as Head].outputs)
          context.addIssue(`${head} has ${HEADS[head as Head].outputs} outputs, not ${outputs}`);
    }),
  /** By head; absent = raw. Fitted by `discern critics calibrate`, which says on what. */
  calibration: z
    .partialRecord(
      z.enum(Object.keys(HEADS) as [Head, ...Head[]]),
      z.strictObject({ use: CalibrationSchema, fittedOn: z.strictObject({ data: z.string(), n: count }) }),
    )
    .superRefine((calibration, context) => {
      for (const [head, { use }] of Object.entries(calibration))
        if (use.method === 'platt' && use.bias.length !== labelsOf(head as Head))
          context.addIssue(`${head} has ${labelsOf(head as Head)} labels, its bias ${use.bias.length}`);
    }),
  /** Passages whose P(relevant) is not above this are dropped, unless the config says another value. */
  isRelThreshold: z.number().min(0).max(1).nullable(),
  /** Share of this critic's score in the order of rerank, the rest is recall's; unless the config says another. */
  rerankMix: z.number().min(0).max(1).nullable(),
  /** Figures on rows that nothing was fitted on. */
  metrics: z.record(z.string(), z.unknown()),
  trainedFrom: z.record(z.string(), z.unknown()),
});

export type ClassifierDefinition = z.infer<typeof ClassifierDefinitionSchema>;

/** A definition and where its files are. */
export interface ClassifierFiles {
  readonly definition: ClassifierDefinition;
  readonly model: string;
  readonly tokenizer: string;
}

/** The place of what the package ships is the same seen from src and from dist. */
const SHIPPED = fileURLToPath(new URL('../../critics/', import.meta.url));

/** The folder of a shipped critic: its newest version, or the one after `@`. Null where there is none of this name. */
export async function shippedCritic(name: string): Promise<string | null> {
  const [id, version] = name.split('@') as [string, string | undefined];
  if (!/^[a-z0-9][a-z0-9-]*$/.test(id)) return null;
  const versions = await readdir(join(SHIPPED, id)).catch(() => []);
  const known = versions.filter((one) => /^\d+$/.test(one)).map(Number);
  if (known.length === 0) return null;
  const wanted = version === undefined ? Math.max(...known) : Number(version);
  return known.includes(wanted) ? join(SHIPPED, id, `${wanted}`) : null;
}

const invalid = (message: string, cause: unknown): DiscernError =>
  new DiscernError('CRITIC_INVALID', message, {
    hint: 'critics/README.md tells what a folder of a critic holds',
    cause,
  });

/** Reads a classifier's folder and checks its files. Throws CRITIC_INVALID, or MODEL_CHECKSUM for a file that is another. */
export async function loadClassifier(dir: string, signal?: AbortSignal): Promise<ClassifierFiles> {
  let definition: ClassifierDefinition;
  try {
    definition = ClassifierDefinitionSchema.parse(JSON.parse(await readFile(join(dir, 'critic.json'), 'utf8')));
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    throw invalid(`${join(dir, 'critic.json')} is not the definition of a classifier: ${problem}`, cause);
  }
  for (const { path, sha256 } of definition.files) {
    const found = await hashFile(join(dir, path), signal).catch((cause) => {
      if (DiscernError.is(cause)) throw cause;
      throw invalid(
        `${path} of the critic ${definition.id}@${definition.version} cannot be read: ${messageOf(cause)}`,
        cause,
      );
    });
    if (found !== sha256)
      throw new DiscernError(
        'MODEL_CHECKSUM',
        `${path} of the critic ${definition.id}@${definition.version} has sha256 ${found}, its definition says ${sha256}`,
        {
          hint: 'copy the folder again, or write the new sha256 and size into critic.json if the file was meant to change',
        },
      );
  }
  return { definition, model: join(dir, 'model.onnx'), tokenizer: join(dir, 'tokenizer.json') };
}
