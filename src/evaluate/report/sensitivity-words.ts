import { findingOf } from '../sensitivity/compared.ts';
import type { CriticSensitivity } from '../sensitivity/critics.ts';
import type { Bounds, FlipSummary } from '../sensitivity/flip-summary.ts';
import type { SensitivityReport } from '../sensitivity/sensitivity.ts';
import { differenceText, numberText, percentText } from './parts.ts';

/** How wrong a critic may be, in a sentence or two. */
export function noiseWords(critic: CriticSensitivity, metric: string): string {
  const { worseFrom, verdict } = critic;
  const harm =
    worseFrom === null || verdict.is === 'harms'
      ? ''
      : ` With ${percentText(worseFrom, 0)} of its labels changed it is worse than one.`;
  return `${verdictWords(critic, metric)}${harm}`;
}

function verdictWords({ verdict, noise }: CriticSensitivity, metric: string): string {
  if (verdict.is === 'unknown')
    return 'facts are missing to compare it with a critic that knows nothing: record more, with discern run --wide.';
  if (verdict.is === 'harms') return `${metric} is worse than with a critic that knows nothing, even as recorded.`;
  if (verdict.is === 'none')
    return `${metric} shows no gain from it on these questions: even as recorded it cannot be told from a critic that knows nothing.`;
  const next = noise.find((point) => point.noise > verdict.upTo);
  const upTo = percentText(verdict.upTo, 0);
  if (next === undefined)
    return `${metric} is better than with a critic that knows nothing at every noise that was tried, up to ${upTo} of its labels changed.`;
  const lost = `with ${percentText(next.noise, 0)} no gain is shown any more.`;
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

/** `0.031`, `0.310 to 0.312`, `0.310 or more`; a dash where there is no number. */
export function boundsText({ atLeast, atMost }: Bounds): string {
  if (atLeast === null) return '–';
  const [least, most] = [numberText(atLeast, 3), atMost === null ? null : numberText(atMost, 3)];
  return most === null ? `${least} or more` : least === most ? least : `${least} to ${most}`;
}

/** `3.0%`, or `3.0% to 5.0%` where facts are missing to tell. */
export const shareText = ({ atLeast, atMost }: FlipSummary['near'][number]['answer']): string =>
  atLeast === atMost ? percentText(atLeast) : `${percentText(atLeast)} to ${percentText(atMost)}`;
