import { findingOf } from '../sensitivity/compared.ts';
import type { CriticSensitivity } from '../sensitivity/critics.ts';
import type { SensitivityReport } from '../sensitivity/sensitivity.ts';
import { differenceText, numberText, percentText } from './parts.ts';

/** How wrong a critic may be, in a sentence. */
export function noiseWords({ verdict, noise }: CriticSensitivity, metric: string): string {
  if (verdict.is === 'unknown')
    return 'facts are missing to compare it with a critic that knows nothing: record more, with discern run --wide.';
  if (verdict.is === 'harms') return `${metric} is worse than with a critic that knows nothing, even as recorded.`;
  if (verdict.is === 'none')
    return `no level can be told from a critic that knows nothing on these questions: ${metric} shows no gain from it, even as recorded.`;
  const next = noise.find((point) => point.noise > verdict.upTo);
  const upTo = percentText(verdict.upTo, 0);
  if (next === undefined)
    return `${metric} is better than with a critic that knows nothing at every noise that was tried, up to ${upTo} of its labels changed.`;
  const lost = `with ${percentText(next.noise, 0)} the two can no longer be told apart for sure.`;
  return verdict.upTo === 0
    ? `${metric} is better than with a critic that knows nothing only as recorded; ${lost}`
    : `${metric} is better than with a critic that knows nothing up to ${upTo} of its labels changed; ${lost}`;
}

/** What a critic that knows nothing comes to where it is compared with a threshold. */
export function uniformWords({ kind, ablated: { passes } }: CriticSensitivity): string {
  if (passes === null) return '';
  if (kind === 'retrieve')
    return passes
      ? 'Knowing nothing it retrieves always: an even chance is above the threshold.'
      : 'Knowing nothing it never retrieves: an even chance is not above the threshold.';
  return passes
    ? 'Knowing nothing it keeps every passage: an even chance is above the threshold.'
    : 'Knowing nothing it drops every passage: an even chance is not above the threshold.';
}

/** What it would mean not to ask it. */
export function droppedWords({ dropped }: CriticSensitivity, { name, better }: SensitivityReport['metric']): string {
  const { difference, callsSaved } = dropped;
  if (difference === null) return '';
  const calls = callsSaved === null ? '' : ` and ${numberText(callsSaved, 2)} calls a question are saved`;
  const finding = findingOf(difference, better);
  return finding === 'none'
    ? `Not asked, no difference is shown${calls}.`
    : `Not asked, ${name} is ${finding} (${differenceText(difference)})${calls}.`;
}
