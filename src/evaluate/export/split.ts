import { seededRandom } from '../../text/random.ts';
import { questionKey } from '../retrieval-data.ts';

export const SPLITS = ['train', 'dev', 'test'] as const;
export type Split = (typeof SPLITS)[number];

/** What an example holds of others. */
export interface Placed {
  readonly question: string;
  readonly parts: readonly {
    /** Documents that the text stands in. */
    readonly docIds: readonly string[];
    /** Of a passage; null: it was only written from these documents. */
    readonly text: string | null;
  }[];
}

export interface SplitOptions {
  /** Parts of the whole that sum to one; a split without one gets nothing. */
  readonly shares: Readonly<Partial<Record<Split, number>>>;
  readonly seed: number;
  /**
   * False: what shares a document or a question stays together, however much that is. True: each question goes with the
   * document that most of its examples are of, and its examples of documents on other sides are left out.
   */
  readonly cut: boolean;
}

export interface Splitter {
  /** The side of an example; null where its documents and its question are on different sides. */
  of(example: Placed): Split | null;
  /** Groups that hang together by documents, texts and questions. */
  readonly groups: number;
  /** Share of the examples in the largest of them, 0..1. */
  readonly largest: number;
}

/** Deals examples out so that no document, no passage text and no question is on two sides. Their order does not matter. */
export function splitByDocument(examples: readonly Placed[], { shares, seed, cut }: SplitOptions): Splitter {
  const whole = unionFind();
  const parts = cut ? unionFind() : whole;
  for (const example of examples) {
    const { question, documents } = nodesOf(example);
    whole.join([question, ...documents.flat()]);
    if (cut) for (const nodes of [[question], ...documents]) parts.join(nodes);
  }
  const weights = weigh(examples, whole);
  const sides = new Map<string, Split>();
  if (!cut) deal(whole, weights, sides, { shares, seed });
  else dealDocuments(examples, parts, sides, { shares, seed });
  return {
    groups: weights.size,
    largest: examples.length === 0 ? 0 : Math.max(...weights.values()) / examples.length,
    of(example) {
      const { question, documents } = nodesOf(example);
      const found = new Set([question, ...documents.flat()].map((node) => sides.get(parts.root(node))));
      const [side] = found;
      return found.size === 1 && side !== undefined ? side : null;
    },
  };
}

type Dealing = Pick<SplitOptions, 'shares' | 'seed'>;

/**
 * Each group as a whole, those of the largest size first, so that each side gets its part of the large ones: to the side
 * that is least filled among those that have room for it, else to the one that lacks most.
 */
function deal(
  groups: UnionFind,
  weights: ReadonlyMap<string, number>,
  sides: Map<string, Split>,
  { shares, seed }: Dealing,
): void {
  const next = seededRandom(seed);
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const rooms = SPLITS.flatMap((split) => (shares[split] ? [{ split, size: shares[split] * total, taken: 0 }] : []));
  type Room = (typeof rooms)[number];
  const best = (of: readonly Room[], value: (room: Room) => number): Room | null =>
    of.reduce<Room | null>((most, one) => (most === null || value(one) > value(most) ? one : most), null);
  const order = [...weights]
    .map(([root, weight]) => ({ root, weight, name: groups.name(root) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((group) => ({ ...group, drawn: next() }))
    .sort((a, b) => magnitude(b.weight) - magnitude(a.weight) || a.drawn - b.drawn);
  for (const { root, weight } of order) {
    const open = rooms.filter(({ size, taken }) => taken + weight <= size + 1e-9);
    const room = best(open, ({ size, taken }) => -taken / size) ?? best(rooms, ({ size, taken }) => size - taken);
    sides.set(root, room!.split);
    room!.taken += weight;
  }
}

/** Sizes that differ less than twofold count as one, so that the seed decides between them. */
const magnitude = (weight: number): number => Math.floor(Math.log2(weight));

/**
 * Documents are dealt out, each together with the questions that most of whose examples are of it; questions without a
 * document by themselves. A document that no question is mostly about goes where most of its examples are, and, of
 * equals, to the smallest side.
 */
function dealDocuments(
  examples: readonly Placed[],
  parts: UnionFind,
  sides: Map<string, Split>,
  dealing: Dealing,
): void {
  // By question, how many of its examples are of each document.
  const questions = new Map<string, { examples: number; readonly documents: Map<string, number> }>();
  for (const example of examples) {
    const { question, documents } = nodesOf(example);
    const root = parts.root(question);
    const known = questions.get(root) ?? { examples: 0, documents: new Map<string, number>() };
    known.examples += 1;
    for (const one of new Set(documents.flat().map(parts.root)))
      known.documents.set(one, (known.documents.get(one) ?? 0) + 1);
    questions.set(root, known);
  }
  const homes = new Map<string, string>();
  for (const [question, { documents }] of questions) {
    const ranked = [...documents].sort(([a, n], [b, m]) => m - n || (parts.name(a) < parts.name(b) ? -1 : 1));
    homes.set(question, ranked[0]?.[0] ?? question);
  }
  const weights = new Map<string, number>();
  for (const [question, { examples: count }] of questions) {
    const home = homes.get(question)!;
    weights.set(home, (weights.get(home) ?? 0) + count);
  }
  deal(parts, weights, sides, dealing);
  const others = new Map<string, Map<Split, number>>();
  for (const [question, { documents }] of questions) {
    const side = sides.get(homes.get(question)!)!;
    sides.set(question, side);
    for (const [document, count] of documents) {
      if (weights.has(document)) continue;
      const tally = others.get(document) ?? new Map<Split, number>();
      others.set(document, tally.set(side, (tally.get(side) ?? 0) + count));
    }
  }
  const share = (split: Split) => dealing.shares[split] ?? 0;
  for (const [document, tally] of others) {
    const [[most]] = [...tally].sort(([a, n], [b, m]) => m - n || share(a) - share(b) || (a < b ? -1 : 1)) as [
      [Split, number],
    ];
    sides.set(document, most);
  }
}

function weigh(examples: readonly Placed[], groups: UnionFind): Map<string, number> {
  const weights = new Map<string, number>();
  for (const example of examples) {
    const root = groups.root(nodesOf(example).question);
    weights.set(root, (weights.get(root) ?? 0) + 1);
  }
  return weights;
}

/** Shorter passages, in letters, may stand in two documents by chance. */
const SHORTEST = 12;

/** What stands for the question, and for each part its documents and its text. */
function nodesOf({ question, parts }: Placed): { readonly question: string; readonly documents: readonly string[][] } {
  return {
    question: `q ${questionKey(question) || question}`,
    documents: parts.map(({ docIds, text }) => {
      const key = text === null ? '' : questionKey(text);
      return [...docIds.map((docId) => `d ${docId}`), ...(key.length >= SHORTEST ? [`t ${key}`] : [])];
    }),
  };
}

interface UnionFind {
  join(nodes: readonly string[]): void;
  root(node: string): string;
  /** The first of its nodes in order of the alphabet: the same whatever the order of joining. */
  name(root: string): string;
}

function unionFind(): UnionFind {
  const parents = new Map<string, string>();
  const names = new Map<string, string>();
  const root = (node: string): string => {
    let top = node;
    while ((parents.get(top) ?? top) !== top) top = parents.get(top)!;
    for (let at = node; at !== top; ) {
      const up = parents.get(at)!;
      parents.set(at, top);
      at = up;
    }
    return top;
  };
  return {
    root,
    name: (top) => names.get(top)!,
    join(nodes) {
      for (const node of nodes)
        if (!parents.has(node)) {
          parents.set(node, node);
          names.set(node, node);
        }
      for (const node of nodes.slice(1)) {
        const [one, other] = [root(nodes[0]!), root(node)];
        if (one === other) continue;
        parents.set(other, one);
        if (names.get(other)! < names.get(one)!) names.set(one, names.get(other)!);
      }
    },
  };
}
