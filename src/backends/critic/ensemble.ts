import type { Critic } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { distributionOf, type LabelLogprobs } from '../../reflection.ts';
import type { Critique, Distribution, ReflectionKind } from '../../types.ts';
import { askAll, byLabel, commonKinds, composedCritic, labelsOf, onOneScale, partName } from './composed.ts';

export interface EnsembleMember {
  readonly critic: Critic;
  /** Default 1. */
  readonly weight?: number;
}

export interface EnsembleOptions {
  readonly members: readonly EnsembleMember[];
  /** `mean`: weighted mean of probabilities. `product`: each to the power of its weight, multiplied in log space. */
  readonly how?: 'mean' | 'product';
}

interface Weighted {
  readonly weight: number;
  readonly said: Critique;
}

const probOf = ({ said }: Weighted, label: string): number => said.probs[label as keyof Critique['probs']];

const sumOf = (all: readonly Weighted[], value: (one: Weighted) => number): number =>
  all.reduce((sum, one) => sum + one.weight * value(one), 0);

const meanOf = (all: readonly Weighted[], value: (one: Weighted) => number): number =>
  sumOf(all, value) / sumOf(all, () => 1);

/** Half the sum of the differences of all labels, 0..1, of the two that differ most. */
function disagreementOf(kind: ReflectionKind, all: readonly Weighted[]): number {
  const distances = all.flatMap((one, i) =>
    all
      .slice(i + 1)
      .map((other) =>
        labelsOf(kind).reduce((sum, label) => sum + Math.abs(probOf(one, label) - probOf(other, label)) / 2, 0),
      ),
  );
  return Math.min(1, Math.max(0, ...distances));
}

/** Null where each label is ruled out by some member of a product. */
function pooled(
  kind: ReflectionKind,
  all: readonly Weighted[],
  how: 'mean' | 'product',
): Distribution<ReflectionKind> | null {
  if (how === 'mean') return byLabel(kind, (label) => meanOf(all, (one) => probOf(one, label)));
  const logprobs = byLabel(kind, (label) => sumOf(all, (one) => Math.log(probOf(one, label))));
  return distributionOf(kind, logprobs as LabelLogprobs<ReflectionKind>);
}

/** The reasons of those that stand in for others, each once. */
const reasonsOf = (said: readonly Critique[]): { readonly degraded?: string } => {
  const reasons = [...new Set(said.flatMap(({ degraded }) => degraded ?? []))];
  return reasons.length === 0 ? {} : { degraded: reasons.join('; ') };
};

/**
 * Several critics as one, asked at the same time. What one of them leaves undecided is left out together with its
 * weight; undecided is what all leave so. Numbers on different scales are refused: `calibratedCritic` puts them on one.
 */
export function ensembleCritic({ members, how = 'mean' }: EnsembleOptions): Critic {
  const parts = members.map(({ critic }) => critic);
  const weights = members.map(({ weight = 1 }) => weight);
  const name = how === 'mean' ? 'ensemble' : 'product';
  const id = `${name}-${members.map(({ critic, weight = 1 }) => `${partName(critic.id)}${weight === 1 ? '' : `x${weight}`}`).join('-')}@1`;
  if (parts.length < 2) throw new DiscernError('CONFIG_INVALID', `${id} has ${parts.length} critics, and needs two`);
  const wrong = weights.find((weight) => !(weight > 0 && Number.isFinite(weight)));
  if (wrong !== undefined)
    throw new DiscernError('CONFIG_INVALID', `${id} has the weight ${wrong}; weights are above 0`);

  function poolOf(kind: ReflectionKind, said: readonly Critique[]): Critique {
    const decided = said.flatMap(({ undecided }, place) => (undecided ? [] : [place]));
    const places = onOneScale(id, parts, said, decided);
    const used = (places.length > 0 ? places : said.map((_, place) => place)).map(
      (place): Weighted => ({ weight: weights[place]!, said: said[place]! }),
    );
    const probs = pooled(kind, used, how);
    const open = places.length === 0 || probs === null;
    const { basis } = used[0]!.said;
    return {
      kind,
      probs: probs ?? byLabel(kind, (label) => meanOf(used, (one) => probOf(one, label))),
      mass: Math.min(
        1,
        Math.max(
          Number.MIN_VALUE,
          meanOf(used, (one) => one.said.mass),
        ),
      ),
      ...(basis !== undefined && { basis }),
      disagreement: disagreementOf(kind, used),
      ...(places.length === 1 && { by: said[places[0]!]!.by ?? parts[places[0]!]!.id }),
      ...reasonsOf(said),
      ...(open && { undecided: { bounds: boundsOf(kind, said) } }),
    };
  }

  return composedCritic({
    id,
    kinds: commonKinds(parts),
    parts,
    async ask(requests, options) {
      const lists = await askAll(parts, requests, options);
      return requests.map(({ kind }, i) =>
        poolOf(
          kind,
          lists.map((list) => list[i]!),
        ),
      );
    },
  });
}

/** The widest bound of each label that a member gives; 1 where they decided it, and not alike. */
const boundsOf = (kind: ReflectionKind, said: readonly Critique[]) =>
  byLabel(kind, (label) =>
    Math.max(
      ...said.map(({ undecided }) => (undecided ? ((undecided.bounds as Record<string, number>)[label] ?? 0) : 1)),
    ),
  );
