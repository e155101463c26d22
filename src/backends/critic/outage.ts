import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { Critique, CritiqueRequest, ReflectionKind } from '../../types.ts';
import { undecidedCritique } from './composed.ts';

/** What says that a critic cannot be asked at the moment; all else is a mistake to be told. */
const OUTAGES = ['BACKEND_TIMEOUT', 'BACKEND_UNAVAILABLE', 'BACKEND_FAILED'] as const;

/**
 * A backend that can be asked but lacks what is needed, or refuses the request (a wrong key, an unknown model), is not
 * out: it will be no better later.
 */
function outageOf(error: unknown): DiscernError | null {
  if (!DiscernError.is(error) || !OUTAGES.some((code) => code === error.code)) return null;
  const { lacks, status } = error.details;
  const refused =
    typeof status === 'number' &&
    status >= 400 &&
    ![408, 425, 429].includes(status) &&
    (status < 500 || status === 501);
  return lacks === undefined && !refused ? error : null;
}

/**
 * A critic with a policy for its outage: what it would have said is undecided, or another critic says it. Each critique
 * made so tells the reason, and `by` names the other critic. It stands under the id of the critic that it guards.
 */
export function outageCritic(critic: Critic, instead: 'undecided' | Critic): Critic {
  const other = instead === 'undecided' ? null : instead;
  let closed = false;

  /** Of the error the code alone: its message may hold paths, and this goes into traces. */
  async function standIn<K extends ReflectionKind>(
    requests: readonly CritiqueRequest<K>[],
    error: DiscernError,
    options: CallOptions,
  ): Promise<Critique<K>[]> {
    const { status } = error.details;
    const reason = `${critic.id}: ${error.code}${typeof status === 'number' ? ` ${status}` : ''}`;
    const places = requests.flatMap(({ kind }, place) => (other?.kinds.includes(kind) ? [place] : []));
    const said = places.length === 0 ? [] : await askOther(requests, places, error, options);
    const results = requests.map(({ kind }) => undecidedCritique(kind as K, reason));
    places.forEach((place, i) => {
      results[place] = { ...said[i]!, by: said[i]!.by ?? other!.id, degraded: reason };
    });
    return results;
  }

  async function askOther<K extends ReflectionKind>(
    requests: readonly CritiqueRequest<K>[],
    places: readonly number[],
    error: DiscernError,
    options: CallOptions,
  ): Promise<Critique<K>[]> {
    try {
      return await other!.critique(
        places.map((place) => requests[place]!),
        options,
      );
    } catch (second) {
      const failed = outageOf(second);
      if (failed === null) throw second;
      throw new DiscernError(failed.code, `${error.message}; and in its place: ${failed.message}`, {
        details: failed.details,
        cause: failed,
      });
    }
  }

  return {
    id: critic.id,
    kinds: critic.kinds,
    predictsContinue: critic.predictsContinue ?? false,
    ...(critic.local !== undefined && { local: critic.local }),
    prompts: { ...critic.prompts },
    /** A critic that is out already at the start is no reason to refuse. */
    async prepare(options) {
      await Promise.all([
        critic.prepare?.(options).catch((error: unknown) => {
          if (outageOf(error) === null) throw error;
        }),
        other?.prepare?.(options),
      ]);
    },
    ...(critic.probe && { probe: (options?: CallOptions) => critic.probe!(options) }),
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options: CallOptions = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', `the critic ${critic.id} is closed`);
      try {
        return await critic.critique(requests, options);
      } catch (error) {
        throwIfAborted(options.signal);
        const outage = outageOf(error);
        if (outage === null) throw error;
        return await standIn(requests, outage, options);
      }
    },
    async close() {
      closed = true;
      await Promise.all([critic.close(), other?.close()]);
    },
  };
}

/** A critic that stands in for good for one that cannot serve: each of its critiques says so. */
export function standInCritic(critic: Critic, reason: string): Critic {
  return {
    ...critic,
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options: CallOptions = {}) {
      return (await critic.critique(requests, options)).map((said) => ({
        ...said,
        by: said.by ?? critic.id,
        degraded: said.degraded ?? reason,
      }));
    },
  };
}
