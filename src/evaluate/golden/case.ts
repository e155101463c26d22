import { z } from 'zod';

/** JSON has no infinities: the golden files write them as strings. */
export const Num = z.union([z.number(), z.enum(['-Infinity', 'Infinity']).transform(Number)]);

/** What a case is expected to give; undefined values are null. */
export const Expected = z.looseObject({});
export type Expected = Record<string, unknown>;

/** Runs one case and gives what the product computes, in the shape of the golden `expected`. */
export type CaseRunner = (input: unknown) => Expected;

export interface GoldenCase {
  readonly id: string;
  readonly input: unknown;
  readonly expected: Expected;
  readonly run: CaseRunner;
  /** Tolerance of a value, by its path in `expected`; without it that of the file holds. */
  readonly tolerance?: (path: string) => number | undefined;
}

/** The cases of a file; a check over the whole file counts with them only when it fails. */
export interface GoldenFile {
  readonly cases: readonly GoldenCase[];
  readonly whole?: GoldenCase;
}

const Case = z.looseObject({ id: z.string(), expected: Expected });

/** The cases in the list `key` of a file, with what stands in `shared` added to the input of each. */
export const listed = (file: unknown, key: string, run: CaseRunner, shared: object = {}): GoldenCase[] =>
  z
    .array(Case)
    .parse((file as Record<string, unknown>)[key] ?? [])
    .map((item) => ({ id: item.id, input: { ...item, ...shared }, expected: item.expected, run }));

/** An object with any keys at all (ids of documents, say) as a map. */
export const mapOf = <T>(value: z.ZodType<T>) =>
  z.unknown().transform((object, context): ReadonlyMap<string, T> => {
    if (typeof object !== 'object' || object === null || Array.isArray(object)) {
      context.issues.push({ code: 'custom', message: 'expected an object', input: object });
      return z.NEVER;
    }
    return new Map(Object.entries(object).map(([key, item]) => [key, value.parse(item)]));
  });

/** A copy without some keys: what a golden file holds as information only. */
export const without = (object: Expected, keys: readonly string[]): Expected =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));

/** The keys of an expected table (cuts, bins, exponents): what the file asks for. */
export const keysOf = (table: unknown): string[] =>
  typeof table === 'object' && table !== null ? Object.keys(table) : [];
