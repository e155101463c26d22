import { z } from 'zod';
import { DiscernError } from '../errors.ts';
import { calibration } from './golden/calibration.ts';
import type { GoldenCase, GoldenFile } from './golden/case.ts';
import { clusterSts } from './golden/cluster-sts.ts';
import { irMetrics } from './golden/ir-metrics.ts';
import { qa } from './golden/qa.ts';
import { selfragBeam } from './golden/selfrag-beam.ts';
import { selfragClosed } from './golden/selfrag-closed.ts';
import { selfragScores } from './golden/selfrag-scores.ts';
import { seper } from './golden/seper.ts';

/** Which file formats are known, and what reads the cases in them. */
const FORMATS: ReadonlyMap<string, (file: unknown) => GoldenFile> = new Map([
  ['calibration/1', calibration],
  ['cluster-sts/1', clusterSts],
  ['ir-metrics/1', irMetrics],
  ['qa/1', qa],
  ['selfrag-beam/1', selfragBeam],
  ['selfrag-closed/1', selfragClosed],
  ['selfrag-scores/1', selfragScores],
  ['seper/1', seper],
]);

export interface ConformanceResult {
  readonly passed: number;
  readonly failed: number;
  readonly differences: readonly {
    readonly id: string;
    readonly path: string;
    readonly expected: unknown;
    readonly actual: unknown;
  }[];
}

const DEFAULT_TOLERANCE = 1e-9;
const Head = z.object({
  format: z.string(),
  tolerance: z
    .union([z.number(), z.object({ default: z.number().default(DEFAULT_TOLERANCE) }).transform((own) => own.default)])
    .default(DEFAULT_TOLERANCE),
});

/** True for a format of golden file that this version computes. */
export const isKnownFormat = (format: string): boolean => FORMATS.has(format);

/** The format that a golden file declares; empty when it declares none. */
export const formatOf = (file: unknown): string => z.object({ format: z.string() }).safeParse(file).data?.format ?? '';

/** Runs the product's own functions on one golden file (already parsed JSON) and compares within its tolerance. */
export function checkConformance(file: unknown): ConformanceResult {
  const { format, tolerance } = parsed(() => Head.parse(file));
  const read = FORMATS.get(format);
  if (read === undefined)
    throw new DiscernError(
      'INPUT_INVALID',
      `golden format "${format}" is not known; known: ${[...FORMATS.keys()].join(', ')}`,
    );
  const { cases, whole } = parsed(() => read(file));
  const differences = cases.flatMap((golden) => check(golden, tolerance));
  const passed = cases.length - differences.length;
  if (whole !== undefined) differences.push(...check(whole, tolerance));
  return { passed, failed: differences.length, differences };
}

/** Reads what came from outside; what has another shape is named. */
function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause;
    throw new DiscernError('INPUT_INVALID', `golden file of another shape: ${z.prettifyError(cause)}`, { cause });
  }
}

type Difference = ConformanceResult['differences'][number];

/** The first difference of a case; empty when there is none. A case that cannot be computed differs as a whole. */
function check({ id, input, expected, run, tolerance }: GoldenCase, ofFile: number): Difference[] {
  let actual: unknown;
  try {
    actual = run(input);
  } catch (error) {
    return [{ id, path: '', expected, actual: error instanceof Error ? error.message : String(error) }];
  }
  const found = firstDifference(expected, actual, (path) => tolerance?.(path) ?? ofFile, '');
  return found === null ? [] : [{ id, ...found }];
}

/** Every key of `expected` must be there with the same value; numbers within the tolerance, all else exactly. */
function firstDifference(
  expected: unknown,
  actual: unknown,
  tolerance: (path: string) => number,
  path: string,
): { path: string; expected: unknown; actual: unknown } | null {
  const wanted = expected === 'Infinity' || expected === '-Infinity' ? Number(expected) : expected;
  const differs = { path, expected, actual };
  if (typeof wanted === 'number' && typeof actual === 'number')
    return wanted === actual || Math.abs(wanted - actual) <= tolerance(path) ? null : differs;
  if (typeof wanted !== 'object' || wanted === null) return wanted === actual ? null : differs;
  if (typeof actual !== 'object' || actual === null) return differs;
  if (Array.isArray(wanted) && (!Array.isArray(actual) || actual.length !== wanted.length)) return differs;
  for (const [key, value] of Object.entries(wanted)) {
    const own = Object.hasOwn(actual, key) ? (actual as Record<string, unknown>)[key] : undefined;
    const found = firstDifference(value, own, tolerance, path === '' ? key : `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}
