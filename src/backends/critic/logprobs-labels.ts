import { critiqueOf, type LabelLogprobs } from '../../reflection.ts';
import { logSumExp } from '../../text/math.ts';
import { type Critique, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import type { Alternative, FirstToken } from '../server/route-types.ts';

/** Labels that were not returned leave a critique decided while they can take at most this share from those that were. */
export const UNSEEN_SHARE = 0.02;

/** Returned probabilities are rounded: so much may be left where they seem to sum to one. */
const ROUNDING = Math.log(1e-6);

/** Words of labels and how a token is recognised as one of them. */
export interface LabelWords {
  /** By word, the label that it stands for. */
  readonly labels: Readonly<Record<string, string>>;
  /** By word, its token; null where the server names no ids. */
  readonly ids: ReadonlyMap<string, number> | null;
}

/** What a server said of the labels: log-probabilities of those it returned, upper bounds of the others. */
export interface LabelReading {
  readonly seen: Readonly<Record<string, number>>;
  readonly bounds: Readonly<Record<string, number>>;
}

/** The word that a token's text stands for: with or without a space before it, longer words in any case of letters. */
export function wordOf(text: string, words: readonly string[]): string | null {
  const bare = text.replace(/^[\s\u2581\u0120]+|\s+$/g, '');
  if (words.includes(bare)) return bare;
  // "a" is an article before it is the letter A.
  const alike = words.filter((word) => word.length > 1 && word.toLowerCase() === bare.toLowerCase());
  return alike.length === 1 ? alike[0]! : null;
}

const log1mexp = (value: number) => (value >= 0 ? Number.NEGATIVE_INFINITY : Math.log(-Math.expm1(value)));

/** Log-probabilities of all labels of the words, in log space throughout. */
export function readLabels({ labels, ids }: LabelWords, { top, drawn }: FirstToken): LabelReading {
  const words = Object.keys(labels);
  const wordOfToken = ({ id, text }: Alternative) =>
    ids === null ? wordOf(text, words) : (words.find((word) => ids.get(word) === id) ?? null);
  const same = (a: Alternative, b: Alternative) => (a.id === null ? a.text === b.text : a.id === b.id);
  const all = drawn === null || top.some((token) => same(token, drawn)) ? top : [...top, drawn];

  const found = new Map<string, number[]>();
  for (const token of all) {
    const word = wordOfToken(token);
    if (word === null) continue;
    const label = labels[word]!;
    found.set(label, [...(found.get(label) ?? []), token.logprob]);
  }
  // A token that was not returned is at most as likely as the last one that was, and all of them together as what is left.
  const smallest = top.length === 0 ? 0 : Math.min(...top.map(({ logprob }) => logprob));
  const left = all.length === 0 ? 0 : Math.max(ROUNDING, log1mexp(logSumExp(all.map(({ logprob }) => logprob))));
  const unseen = [...new Set(Object.values(labels))].filter((label) => !found.has(label));
  return {
    seen: Object.fromEntries([...found].map(([label, logprobs]) => [label, logSumExp(logprobs)])),
    bounds: Object.fromEntries(unseen.map((label) => [label, Math.min(smallest, left)])),
  };
}

/**
 * A critique from what a server returned. A label that it did not return counts with half of its bound; where such labels
 * could take more than `UNSEEN_SHARE`, the critique is undecided.
 */
export function critiqueOfReading<K extends ReflectionKind>(kind: K, { seen, bounds }: LabelReading): Critique<K> {
  const unseen = Object.entries(bounds);
  const halves = unseen.map(([label, bound]) => [label, bound - Math.LN2] as const);
  const logprobs = Object.fromEntries(
    (REFLECTIONS[kind] as readonly string[])
      .map((label) => [label, seen[label] ?? halves.find(([name]) => name === label)?.[1]] as const)
      .filter(([, value]) => value !== undefined),
  ) as LabelLogprobs<K>;
  const whole = critiqueOf(kind, logprobs)!;
  if (unseen.length === 0) return whole;
  // Only what was returned is known to lie on the labels.
  const known = Math.min(1, Math.exp(logSumExp(Object.values(seen))));
  const critique = { ...whole, mass: Math.max(known, Number.MIN_VALUE) };
  const most = logSumExp(unseen.map(([, bound]) => bound));
  const share = Math.exp(most - logSumExp([most, ...Object.values(seen)]));
  if (share <= UNSEEN_SHARE) return critique;
  const asShares = unseen.map(([label, bound]) => [label, Math.max(Math.exp(bound), Number.MIN_VALUE)]);
  return { ...critique, undecided: { bounds: Object.fromEntries(asShares) } };
}
