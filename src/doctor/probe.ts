import { degradationsOf } from '../assembly/capabilities.ts';
import type { Config } from '../config.ts';
import type { Capabilities } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { type Finding, failed, failure, ok, warning } from './check.ts';
import type { Made, Part } from './parts.ts';

/** A model of this process is loaded first, which takes its time. */
export const isLocal = (part: Part): boolean => !('probe' in part) || ('local' in part && part.local === true);

const waitsFor = new Set<string>(['MODEL_UNAVAILABLE', 'MODEL_CHECKSUM']);

/** Why a part could not be made. A model that is missing has a check of its own. */
export function unmade(error: unknown): Finding {
  if (DiscernError.is(error) && waitsFor.has(error.code) && typeof error.details.model === 'string')
    return warning(`waits for the model ${error.details.model}`, null);
  return failure(error);
}

/** What to do about a server that refuses, by the status of its answer. */
function advised(error: unknown, option: string): unknown {
  if (!DiscernError.is(error, 'BACKEND_FAILED')) return error;
  const group = option.includes('generate.') ? 'generate' : 'critics';
  const { status } = error.details;
  const hint =
    status === 401 || status === 403
      ? 'check the key, and that it may use this model'
      : status === 404
        ? `check --${group}.baseUrl, which often ends in /v1, and --${group}.serverModel`
        : status === undefined
          ? `start the server, or check --${group}.baseUrl`
          : null;
  return hint === null ? error : new DiscernError(error.code, error.message, { hint, cause: error });
}

/** Asks a part what it gives, and whether it can serve with it. */
export const partFinding = (
  part: Part,
  { option, notice, config, signal }: { option: string; notice: string | null; config: Config; signal: AbortSignal },
): Promise<Finding> =>
  askedPart(part, notice, config, signal).catch((error: unknown) => {
    throw isLocal(part) ? error : advised(error, option);
  });

async function askedPart(part: Part, notice: string | null, config: Config, signal: AbortSignal): Promise<Finding> {
  if ('fingerprint' in part) {
    const [vector] = await part.embed([part.id], 'query', { signal });
    const slow = (await part.notice?.()) ?? null;
    const found = `${part.id} works, ${vector!.length} dimensions`;
    return slow === null ? ok(found) : warning(found, slow);
  }
  const capabilities = 'probe' in part ? await part.probe?.({ signal }) : undefined;
  const finding = capabilities && judged(part, capabilities, config);
  try {
    if ('prepare' in part) await part.prepare?.({ signal });
  } catch (error) {
    throwIfAborted(signal);
    return { ...failure(error), ...(capabilities && { capabilities }) };
  }
  if (finding && finding.state !== 'ok') return finding;
  if (notice !== null)
    return {
      ...warning(`${part.id} works, but it is not the one named`, notice),
      ...(capabilities && { capabilities }),
    };
  return finding ?? ok(`${part.id}, ready`);
}

function judged(part: Part, capabilities: Capabilities, config: Config): Finding {
  const losses = 'probe' in part ? degradationsOf(part, capabilities, config) : [];
  const found = [`${part.id} answers`, ...losses.map(({ what }) => what), ...capabilities.notes].join('; ');
  if (capabilities.singleTokenLabels === false)
    return { ...failed(found, 'choose labels that are one token each for this model, or another model'), capabilities };
  if (losses.length === 0) return { ...ok(found), capabilities };
  return { ...warning(found, losses.map(({ advice }) => advice).join('; ')), capabilities };
}

/** Whether the key of a service is there, never what it is. `own`: only servers of one's own are asked with it. */
export function keyFinding(key: string | undefined, own: boolean): Finding {
  if (key !== undefined && key !== '') return ok('set');
  return own
    ? ok('not set; many servers of your own need none')
    : failed('not set', 'set it in the environment: OPENAI_API_KEY');
}

/** Where parts of this option turn to; null = the service's own address. */
export const addressOf = (option: string, { critics, generate }: Config): string | null =>
  option.includes('generate.') ? generate.baseUrl : critics.baseUrl;

export const servicesOf = (made: readonly Made[]): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>();
  for (const { services, options } of made)
    for (const service of services) found.set(service, [...(found.get(service) ?? []), ...options]);
  return found;
};
