import { DescendingSortingStrategy, DummyPhenomeCache, GeneticSearch } from 'genetic-search';
import { seededRandom } from '../../text/random.ts';
import type { Axis } from './axes.ts';
import { distinct, gridSettings, haltonPoints, keyOfSetting, placeOf, settingAt } from './points.ts';
import type { Setting } from './surface.ts';

/**
 * How settings are found: `grid` spreads them evenly on each axis, `random` over the whole space (a Halton sequence),
 * `evolve` lets the better ones have offspring, and so looks at outcomes.
 */
export const STRATEGIES = ['grid', 'random', 'evolve'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface SearchSpace {
  readonly axes: readonly Axis[];
  readonly base: Setting;
}

/** Settings that can be named before anything is known of them: the base first, then about `trials` others. */
export function plannedSettings(
  strategy: 'grid' | 'random',
  { axes, base }: SearchSpace,
  trials: number,
  seed: number,
): Setting[] {
  const others =
    strategy === 'grid'
      ? gridSettings(axes, trials)
      : haltonPoints(axes.length, trials, seed).map((point) => settingAt(axes, point));
  return distinct(axes, [base, ...others]);
}

interface Genome {
  readonly id: number;
  /** A place from 0 to 1 on each axis. */
  readonly point: readonly number[];
}

const TOURNAMENT = 3;
/** Standard deviation of a step at first, as a share of an axis; it shrinks to a twentieth of it. */
const STEP = 0.25;

/**
 * Tries up to `trials` settings, the base among them: an evolution of points in the space, from an even spread, by
 * tournaments, blends of two parents and random steps that become smaller. `score` is larger for better settings and is
 * asked once for each. All randomness comes from the seed.
 */
export async function evolve(
  { axes, base }: SearchSpace,
  trials: number,
  seed: number,
  score: (setting: Setting) => Promise<number>,
): Promise<void> {
  const next = seededRandom(seed);
  const size = Math.max(4, Math.min(40, Math.round(trials / 8)));
  const scores = new Map<string, number>();
  // Where an axis does not hold the base's value, its offspring start in the middle.
  const start = axes.map((axis) => placeOf(axis, base[axis.path]!) ?? 0.5);
  const scoreOf = async (genome: Genome): Promise<number> => {
    const setting = genome.id === 0 ? base : settingAt(axes, genome.point);
    const key = keyOfSetting(axes, setting);
    const known = scores.get(key);
    if (known !== undefined) return known;
    if (scores.size >= trials) return Number.NEGATIVE_INFINITY;
    const found = await score(setting);
    scores.set(key, found);
    return found;
  };
  const progress = () => Math.min(1, scores.size / trials);
  const search = new GeneticSearch<Genome>(
    { populationSize: size, survivalRate: 0.25, crossoverRate: 0.5 },
    {
      populate: {
        populate: () => [
          { id: 0, point: start },
          ...haltonPoints(axes.length, size - 1, seed).map((point, i) => ({ id: i + 1, point })),
        ],
      },
      phenome: {
        async collect(population) {
          const rows: number[][] = [];
          for (const genome of population) rows.push([await scoreOf(genome)]);
          return rows;
        },
      },
      fitness: { score: (rows) => rows.map(([value]) => value!) },
      sorting: new DescendingSortingStrategy(),
      selection: {
        selectForCrossover: (ranked, count) =>
          Array.from({ length: count }, () => [winner(ranked, next), winner(ranked, next)]),
        selectForMutation: (ranked, count) => Array.from({ length: count }, () => winner(ranked, next)),
      },
      crossover: { cross: ([a, b], id) => ({ id, point: blended(a!.point, b!.point, next) }) },
      mutation: { mutate: ({ point }, id) => ({ id, point: moved(point, STEP * 0.05 ** progress(), next) }) },
      cache: new DummyPhenomeCache(),
    },
    offspringIds(size),
  );
  await search.fit({
    // A space of few settings is used up before as many are found.
    generationsCount: Math.ceil(20 * (trials / size + 1)),
    stopCondition: () => scores.size >= trials,
  });
}

/** Numbers after those of the first population. */
function offspringIds(size: number) {
  let id = size;
  return { nextId: () => id++, reset: () => {} };
}

/** The best of a few that are drawn; the list is in order. */
function winner(ranked: readonly { readonly genome: Genome }[], next: () => number): Genome {
  let best = ranked.length - 1;
  for (let i = 0; i < TOURNAMENT; i++) best = Math.min(best, Math.floor(next() * ranked.length));
  return ranked[best]!.genome;
}

/** Each place between those of the parents, or up to a quarter beyond (BLX). */
const blended = (a: readonly number[], b: readonly number[], next: () => number): number[] =>
  a.map((place, i) => inside(place + (1.5 * next() - 0.25) * (b[i]! - place)));

/** A step on about half of the axes, at least on one. */
function moved(point: readonly number[], deviation: number, next: () => number): number[] {
  const always = Math.floor(next() * point.length);
  return point.map((place, i) => {
    const step = deviation * normal(next);
    if (i !== always && next() < 0.5) return place;
    // Now and then anywhere: lists have no neighbours.
    return next() < 0.1 ? next() : inside(place + step);
  });
}

const inside = (place: number): number => Math.min(1, Math.max(0, place));

/** Box and Muller 1958. */
const normal = (next: () => number): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
