import { z } from 'zod';
import { ConfigSchema } from './config.ts';

export interface Option {
  /** Dotted path: `retrieve.threshold`. The same name in files, flags and traces. */
  readonly path: string;
  readonly type: 'number' | 'integer' | 'string' | 'boolean' | 'array';
  readonly nullable: boolean;
  readonly default: unknown;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly choices: readonly string[] | null;
  readonly description: string;
}

interface JsonSchema {
  /** A list for a number without bounds that may be null. */
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  items?: JsonSchema;
  default?: unknown;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  enum?: string[];
  description?: string;
}

/** Every option, flat, as flags, help and tables need it. Unbounded numbers have null bounds. */
export function listOptions(): Option[] {
  const walk = (schema: JsonSchema, path: string): Option[] => {
    if (schema.properties)
      return Object.entries(schema.properties).flatMap(([key, child]) => walk(child, path ? `${path}.${key}` : key));
    const inner = schema.anyOf?.find((option) => option.type !== 'null') ?? schema;
    const types = [inner.type ?? 'string'].flat();
    const bound = (value: number | undefined) =>
      value === undefined || Math.abs(value) === Number.MAX_SAFE_INTEGER ? null : value;
    return [
      {
        path,
        type: types.find((type) => type !== 'null') as Option['type'],
        nullable: inner !== schema || types.includes('null'),
        default: schema.default,
        minimum: bound(inner.minimum ?? inner.exclusiveMinimum),
        maximum: bound(inner.maximum),
        choices: inner.enum ?? inner.items?.enum ?? null,
        description: inner.description ?? schema.description ?? '',
      },
    ];
  };
  return walk(z.toJSONSchema(ConfigSchema, { io: 'input' }) as JsonSchema, '');
}

/** The value of an option by its dotted path; undefined where there is none. */
export function optionValue(config: object, path: string): unknown {
  const [group = '', ...rest] = path.split('.');
  const values: unknown = Object.entries(config).find(([name]) => name === group)?.[1];
  return Object.entries(values ?? {}).find(([name]) => name === rest.join('.'))?.[1];
}
