import { seededRandom } from '../../text/random.ts';
import { questionKey } from '../retrieval-data.ts';

export const SPLITS = ['train', 'dev', 'test'] as const;
export type Split = (typeof SPLITS)[number];

/** What an example holds of others. */
export interface Placed {
  readonly question: string;
  readonly docIds: Iterable<string>;
  /** Texts of its passages. */
  readonly texts: readonly string[];
}

export interface SplitOptions {
  /** Parts of the whole that sum to one; a split without one gets nothing. */
  readonly shares: Readonly<Partial<Record<Split, number>>>;
  readonly seed: number;
  /**
   * False: what shares a document or a question stays together, however much that is. True: documents are dealt out by
   * themselves, each question goes where most of its examples are, and its examples of other documents are left out.
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
    const [question, ...documents] = nodesOf(example);
    whole.join([question!, ...documents]);
    if (cut) {
      parts.join(documents);
      parts.join([question!]);
    }
  }
  const weights = weigh(examples, whole);
  const sides = new Map<string, Split>();
  if (!cut) deal(whole, weights, sides, { shares, seed });
  else dealDocuments(examples, parts, sides, { shares, seed });
  return {
    groups: weights.size,
    largest: examples.length === 0 ? 0 : Math.max(...weights.values()) / examples.length,
    of(example) {
      const found = new Set(nodesOf(example).map((node) => sides.get(parts.root(node))));
      const [side] = found;
      return found.size === 1 && side !== undefined ? side : null;
    },
  };
}

type Dealing = Pick<SplitOptions, 'shares' | 'seed'>;

/** Each group as a whole, the largest first, to the side that lacks most. */
function deal(
  groups: UnionFind,
  weights: ReadonlyMap<string, number>,
  sides: Map<string, Split>,
  { shares, seed }: Dealing,
): void {
  const next = seededRandom(seed);
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const lacking = new Map(SPLITS.flatMap((split) => (shares[split] ? [[split, shares[split] * total] as const] : [])));
  const order = [...weights]
    .map(([root, weight]) => ({ root, weight, name: groups.name(root) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((group) => ({ ...group, drawn: next() }))
    .sort((a, b) => b.weight - a.weight || a.drawn - b.drawn);
  for (const { root, weight } of order) {
    const [side] = [...lacking].reduce((most, one) => (one[1] > most[1] ? one : most));
    sides.set(root, side);
    lacking.set(side, lacking.get(side)! - weight);
  }
}

/**
 * Documents first; then each question to the side of most of its examples, the smaller one of equals, or, without a
 * document, as one of its own.
 */
function dealDocuments(
  examples: readonly Placed[],
  parts: UnionFind,
  sides: Map<string, Split>,
  dealing: Dealing,
): void {
  const documents = new Map<string, number>();
  const questions = new Map<string, string[]>();
  for (const example of examples) {
    const [question, ...nodes] = nodesOf(example);
    const roots = [...new Set(nodes.map(parts.root))];
    const root = parts.root(question!);
    const near = questions.get(root) ?? [];
    near.push(...roots);
    questions.set(root, near);
    for (const one of roots) documents.set(one, (documents.get(one) ?? 0) + 1);
  }
  deal(parts, documents, sides, dealing);
  const alone = new Map<string, number>();
  const rarest = SPLITS.filter((split) => dealing.shares[split] !== undefined).sort(
    (a, b) => dealing.shares[a]! - dealing.shares[b]!,
  );
  for (const [root, near] of questions) {
    if (near.length === 0) alone.set(root, 1);
    const tally = rarest.map((split) => ({ split, examples: near.filter((one) => sides.get(one) === split).length }));
    const most = tally.reduce((best, one) => (one.examples > best.examples ? one : best));
    if (near.length > 0) sides.set(root, most.split);
  }
  deal(parts, alone, sides, dealing);
}

function weigh(examples: readonly Placed[], groups: UnionFind): Map<string, number> {
  const weights = new Map<string, number>();
  for (const example of examples) {
    const root = groups.root(nodesOf(example)[0]!);
    weights.set(root, (weights.get(root) ?? 0) + 1);
  }
  return weights;
}

/** Shorter passages, in letters, may stand in two documents by chance. */
const SHORTEST = 12;

/** The question first. */
function nodesOf({ question, docIds, texts }: Placed): string[] {
  const keys = texts.map(questionKey).filter((key) => key.length >= SHORTEST);
  return [
    `q ${questionKey(question) || question}`,
    ...[...docIds].map((docId) => `d ${docId}`),
    ...keys.map((key) => `t ${key}`),
  ];
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
