import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { type Critique, type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import type { Classifier, HeadRequest } from '../classifier.ts';

/** Our small encoder as a critic of all the kinds that it has heads for. */
export function classifierCritic(classifier: Classifier): Critic {
  const kinds = (Object.keys(REFLECTIONS) as ReflectionKind[]).filter((kind) => classifier.has(kind));
  let closed = false;
  return {
    id: classifier.id,
    kinds,
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options: CallOptions = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', `the critic ${classifier.id} is closed`);
      throwIfAborted(options.signal);
      const other = requests.find(({ kind }) => !kinds.includes(kind));
      if (other)
        throw new DiscernError(
          'CRITIC_KIND_UNSUPPORTED',
          `${classifier.id} predicts ${kinds.join(', ')}, not ${other.kind}`,
        );
      const results: Critique[] = [];
      for (const kind of kinds) {
        const places = requests.flatMap((request, i) => (request.kind === kind ? [i] : []));
        const asked = places.map((place) => headRequest(requests[place]!));
        const answers = await classifier.probabilities(kind, asked, options);
        places.forEach((place, i) => {
          const { raw, calibrated } = answers[i]!;
          results[place] = { kind, probs: named(kind, calibrated), mass: 1, raw: named(kind, raw) };
        });
      }
      return results as Critique<K>[];
    },
    async close() {
      closed = true; // the classifier belongs to whoever made it
    },
  };
}

function headRequest(request: CritiqueRequest): HeadRequest {
  switch (request.kind) {
    case 'isRel':
      return { first: [request.question], last: request.passage };
    case 'isSup':
      return { first: [request.question, request.segment], last: request.passage };
    case 'isUse':
      return { first: [request.question], last: request.answer };
    case 'retrieve':
      return { first: [], last: request.question };
  }
}

/** Values in the order of the labels; `continue`, which the head does not know, gets 0. */
const named = <K extends ReflectionKind>(kind: K, values: readonly number[]): Critique<K>['probs'] =>
  Object.fromEntries(REFLECTIONS[kind].map((label, i) => [label, values[i] ?? 0])) as Critique<K>['probs'];
