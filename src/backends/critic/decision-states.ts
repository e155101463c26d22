import { type DecisionState, stateOf } from '../../prompts/decision-questions.ts';
import type { CritiqueRequest, ReflectionKind } from '../../types.ts';

/** Questions about one state, each of another kind, and the places of the requests that they answer. */
export interface DecisionGroup {
  readonly state: DecisionState;
  readonly asked: readonly { readonly kind: ReflectionKind; readonly places: readonly number[] }[];
}

interface Single {
  readonly kind: ReflectionKind;
  readonly state: DecisionState;
  readonly places: number[];
}

/** Whether a question about `other` is one about the segment that `support` is asked of. */
function belongs(support: DecisionState, { kind, state: other }: Single): boolean {
  if (support.question !== other.question) return false;
  if (kind === 'isRel') return support.passage === other.passage;
  return kind === 'isUse' && support.statement !== '' && other.answer!.endsWith(support.statement!);
}

/**
 * Which requests go into one question list. Equal requests are asked once. `together`: IsREL of the passage and IsUSE of
 * the answer are asked beside IsSUP of a segment; the model then sees all their texts. The order of the requests does
 * not matter.
 */
export function groupRequests(requests: readonly CritiqueRequest[], together: boolean): DecisionGroup[] {
  const singles = new Map<string, Single>();
  requests.forEach((request, place) => {
    const state = stateOf(request);
    const key = JSON.stringify([request.kind, state]);
    const known = singles.get(key);
    if (known) known.places.push(place);
    else singles.set(key, { kind: request.kind, state, places: [place] });
  });
  const sorted = [...singles].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, single]) => single);
  const groups = sorted.filter(({ kind }) => kind === 'isSup').map((single) => [single]);
  for (const single of sorted.filter(({ kind }) => kind !== 'isSup')) {
    const host = together
      ? groups.find(
          ([first, ...others]) =>
            first!.kind === 'isSup' &&
            belongs(first!.state, single) &&
            !others.some((other) => other.kind === single.kind),
        )
      : undefined;
    if (host) host.push(single);
    else groups.push([single]);
  }
  return groups.map((members) => ({
    state: Object.assign({}, ...members.map(({ state }) => state)) as DecisionState,
    asked: members.map(({ kind, places }) => ({ kind, places })),
  }));
}
