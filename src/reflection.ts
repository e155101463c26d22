import { asData } from './text/as-data.ts';
import { logSumExp } from './text/math.ts';
import {
  type Critique,
  type Distribution,
  type Label,
  PUBLISHED_TOKENS,
  REFLECTIONS,
  type ReflectionKind,
} from './types.ts';

/** Log-probabilities by label; an absent label, or -Infinity, has probability zero. */
export type LabelLogprobs<K extends ReflectionKind> = Partial<Record<Label<K>, number>>;

const labelsOf = <K extends ReflectionKind>(kind: K): readonly Label<K>[] => REFLECTIONS[kind] as readonly Label<K>[];

/** Normalises among the labels of the kind, in log space. Null when no label has any probability. */
export function distributionOf<K extends ReflectionKind>(kind: K, logprobs: LabelLogprobs<K>): Distribution<K> | null {
  const values = labelsOf(kind).map((label) => logprobs[label] ?? Number.NEGATIVE_INFINITY);
  const total = logSumExp(values);
  if (total === Number.NEGATIVE_INFINITY) return null;
  return Object.fromEntries(labelsOf(kind).map((label, i) => [label, Math.exp(values[i]! - total)])) as Distribution<K>;
}

/** A critique from log-probabilities of the labels; `mass` is the probability that they have together. */
export function critiqueOf<K extends ReflectionKind>(kind: K, logprobs: LabelLogprobs<K>): Critique<K> | null {
  const probs = distributionOf(kind, logprobs);
  if (probs === null) return null;
  const mass = Math.min(1, Math.exp(logSumExp(Object.values<number>(logprobs as Record<string, number>))));
  return { kind, probs, mass: Math.max(mass, Number.MIN_VALUE) };
}

/** The label with the largest probability; the first of equals. */
export function topLabel<K extends ReflectionKind>(critique: Critique<K>): Label<K> {
  return labelsOf(critique.kind).reduce((best, label) => (critique.probs[label] > critique.probs[best] ? label : best));
}

/** Reads log-probabilities keyed by the published token strings; keys of other groups are left out. */
export function fromPublished<K extends ReflectionKind>(
  kind: K,
  tokens: Readonly<Record<string, number>>,
): LabelLogprobs<K> {
  const entries = labelsOf(kind).map((label) => [label, tokens[publishedToken(kind, label)]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as LabelLogprobs<K>;
}

export const publishedToken = <K extends ReflectionKind>(kind: K, label: Label<K>): string =>
  (PUBLISHED_TOKENS[kind] as Record<string, string>)[label]!;

export interface StreamStep {
  readonly token: string;
  /** Log-probabilities of the most likely tokens at this step, by token. */
  readonly top: Readonly<Record<string, number>>;
}

/**
 * Finds in a generated stream, for each reflection token, the first step at which one of its labels was written,
 * and returns the log-probabilities of its labels there. A kind that was never written is absent.
 */
export function readReflectionStream(steps: readonly StreamStep[]): { [K in ReflectionKind]?: LabelLogprobs<K> } {
  const found: Partial<Record<ReflectionKind, unknown>> = {};
  for (const kind of Object.keys(REFLECTIONS) as ReflectionKind[]) {
    const names: readonly string[] = Object.values(PUBLISHED_TOKENS[kind]);
    const step = steps.find(({ token }) => names.includes(token));
    if (step !== undefined) found[kind] = fromPublished(kind, step.top);
  }
  return found as { [K in ReflectionKind]?: LabelLogprobs<K> };
}

/** What a passage stands between. */
export const PARAGRAPH = ['<paragraph>', '</paragraph>'] as const;
export const CONTROL_TOKENS: readonly string[] = [
  ...Object.values(PUBLISHED_TOKENS).flatMap((tokens) => Object.values<string>(tokens)),
  ...PARAGRAPH,
];

const anyOf = (tokens: Iterable<string>): string =>
  [...tokens].map((token) => token.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');

const CONTROL = new RegExp(anyOf([...CONTROL_TOKENS, '</s>', '<|endoftext|>', '\n', '\r']), 'g');

/** The plain answer in the output of a published checkpoint: without reflection tokens, tags, end marks and newlines. */
export const stripReflectionTokens = (text: string): string => text.replace(CONTROL, '').trim();

/** By published token, how a model writes it; absent: as published. */
export type Spelling = Readonly<Record<string, string>>;

/**
 * A text as data: what a tokenizer could take for a control token, and the headings of the prompt, get a space inside.
 * Vocabularies may hold these tokens as ordinary ones, which no option of a tokenizer turns off.
 */
export function inert(text: string, spelling: Spelling = {}): string {
  const tokens = new Set([...CONTROL_TOKENS, ...Object.values(spelling)]);
  const marks = new RegExp(`${anyOf(tokens)}|### ?(?=(?:Instruction|Input|Response):)`, 'g');
  return asData(text).replace(marks, (mark) => `${mark[0]} ${mark.slice(1)}`);
}
