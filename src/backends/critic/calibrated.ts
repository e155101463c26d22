import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Calibration, calibrated } from '../../calibration.ts';
import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError, messageOf } from '../../errors.ts';
import { keyOf } from '../../text/hash.ts';
import type { Critique, CritiqueRequest, ReflectionKind } from '../../types.ts';
import { ClassifierDefinitionSchema } from '../classifier-definition.ts';
import { byLabel, labelsOf, partName } from './composed.ts';

export type CriticCalibration = Readonly<Partial<Record<ReflectionKind, Calibration>>>;

/** Keeps the logarithm of a probability of 0 finite, as `discern critics calibrate` does. */
const LEAST = 1e-12;

/** The labels that rows can have: `continue` keeps its share, the others share the rest. */
const fittedLabels = (kind: ReflectionKind): readonly string[] =>
  kind === 'retrieve' ? ['yes', 'no'] : labelsOf(kind);

/**
 * Any critic with its probabilities put through a calibration for each kind; what it said itself stays in `raw`, and is
 * what the calibration was fitted on. Kinds without one stay as they are. Numbers that a model wrote down, and shares of
 * samples, are probabilities then.
 */
export function calibratedCritic(critic: Critic, calibration: CriticCalibration): Critic {
  const id = `calibrated-${partName(critic.id)}@${keyOf(calibration).slice(0, 8)}`;
  for (const kind of critic.kinds) {
    const use = calibration[kind];
    const wanted = fittedLabels(kind).length;
    if (use?.method === 'platt' && use.bias.length !== wanted)
      throw new DiscernError('CONFIG_INVALID', `${kind} has ${wanted} labels, its calibration ${use.bias.length}`);
  }

  function critiqueOf(said: Critique): Critique {
    const use = calibration[said.kind];
    if (use === undefined) return said;
    const { basis: _, interval: __, ...rest } = said;
    const raw = said.raw ?? said.probs;
    const value = (label: string): number => (raw as Readonly<Record<string, number>>)[label]!;
    const labels = fittedLabels(said.kind);
    const share = labels.reduce((sum, label) => sum + value(label), 0);
    const fitted = calibrated(
      labels.map((label) => Math.log(Math.max(LEAST, share > 0 ? value(label) / share : 1 / labels.length))),
      use,
    );
    const probs = byLabel(said.kind, (label) => {
      const place = labels.indexOf(label);
      return place === -1 ? value(label) : Math.min(1, fitted[place]! * share);
    });
    return { ...rest, probs, raw };
  }

  return {
    id,
    kinds: critic.kinds,
    predictsContinue: critic.predictsContinue ?? false,
    ...(critic.local !== undefined && { local: critic.local }),
    prompts: { ...critic.prompts },
    ...(critic.prepare && { prepare: (options?: CallOptions) => critic.prepare!(options) }),
    ...(critic.probe && { probe: (options?: CallOptions) => critic.probe!(options) }),
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options: CallOptions = {}) {
      return (await critic.critique(requests, options)).map(critiqueOf) as Critique<K>[];
    },
    close: () => critic.close(),
  };
}

/** What `discern critics calibrate --out` writes. */
const CalibrationFile = z.looseObject({
  critic: z.string(),
  calibration: ClassifierDefinitionSchema.shape.calibration,
  isRelThreshold: z.number().min(0).max(1).nullable().default(null),
});

export interface CriticCalibrationFile {
  readonly critic: string;
  readonly calibration: CriticCalibration;
  readonly isRelThreshold: number | null;
}

/** Reads the calibration of a critic from a file. Throws CONFIG_INVALID. */
export async function loadCalibration(path: string): Promise<CriticCalibrationFile> {
  try {
    const { critic, calibration, isRelThreshold } = CalibrationFile.parse(JSON.parse(await readFile(path, 'utf8')));
    const { retrieve, isRel, isSup, isUse } = calibration;
    const used = Object.entries({ retrieve, isRel, isSup, isUse }).flatMap(([kind, one]) =>
      one ? [[kind, one.use] as const] : [],
    );
    return { critic, calibration: Object.fromEntries(used), isRelThreshold };
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    throw new DiscernError('CONFIG_INVALID', `${path} is not a calibration of a critic: ${problem}`, {
      hint: 'write one with `discern critics calibrate --critic NAME --data ROWS --out FILE`',
      cause,
    });
  }
}
