import type { Answer, GateDecision, Meaning } from '../types.ts';
import { brief, columns, count, style } from './terminal.ts';
import { type EventOf, number } from './why-events.ts';

const SHARES = 4;
const MEANINGS = 4;
const BAR = 10;

/** What became of the retrieved context and from what, at each place where the gate stood; the first one in full. */
export function gateLines(answer: Answer): string[] {
  const { events } = answer.trace;
  const first = events.find(({ type }) => type === 'gate-decided');
  return events.flatMap((event) => {
    switch (event.type) {
      case 'gate-skipped':
        return [`${title(event.level)}: not asked, ${event.reason}`];
      case 'gate-decided':
        return [decisionLine(event, answer), ...(event === first ? detailLines(event, answer) : [])];
      case 'negative-utility':
        return [
          style.yellow(`    alert: ${event.measure} falls by ${number(-event.value)} with ${source(event, answer)}`),
        ];
      default:
        return [];
    }
  });
}

const title = (level: number): string => `  gate${level === 0 ? '' : ` at segment ${level + 1}`}`;

const signed = (value: number, digits: number): string => `${value < 0 ? '' : '+'}${value.toFixed(digits)}`;

function decisionLine(event: EventOf<'gate-decided'>, { trace: { config } }: Answer): string {
  const { level, action, measure, value, threshold, entropy } = event;
  const head = `${title(level)}: ${action}, ${measure}`;
  if (value === null) return `${head} is undefined here`;
  const doubt =
    action === 'refuse'
      ? `; entropy without context ${number(entropy.without)} above ${number(config.gate.maxEntropy)}`
      : '';
  return `${head} ${comparison(value, threshold)}${doubt}`;
}

/** With as many digits as tell the two apart. */
function comparison(value: number, threshold: number): string {
  const digits = [2, 4, 6].find((count) => value.toFixed(count) !== threshold.toFixed(count)) ?? 2;
  return `${value.toFixed(digits)} ${value > threshold ? 'above' : 'not above'} ${threshold.toFixed(digits)}`;
}

function detailLines(event: EventOf<'gate-decided'>, answer: Answer): string[] {
  const { shares, samples, samplesAtMost, meanings, entropy, utilities } = event;
  const { abilities } = answer.trace;
  const equal = abilities['gate.sample']?.logprobs === false ? ', all of the same weight' : '';
  const terms = shares.slice(0, SHARES).map(({ feature, logOdds }) => `${signed(logOdds, 1)} ${feature}`);
  return [
    ...(terms.length === 0 ? [] : [`    log-odds: ${terms.join(', ')}`]),
    ...(samples === 0
      ? []
      : [
          `    ${samples} of at most ${count(samplesAtMost, 'answer')} drawn of each${equal}:`,
          ...meaningLines(meanings, entropy),
        ]),
    ...columns(
      utilities.map(({ passageId, value }) => [
        `utility ${value === null ? '-' : signed(value, 2)}`,
        source({ passageId }, answer),
      ]),
      '    ',
    ),
  ];
}

/** Both distributions side by side, the likeliest meanings first. */
function meaningLines(
  { with: context, without }: GateDecision['meanings'],
  entropy: GateDecision['entropy'],
): string[] {
  const left = columnOf('with context', context, entropy.with);
  const right = columnOf('without context', without, entropy.without);
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, i) => [left[i] ?? '', right[i] ?? '']);
  return columns(rows, '    ');
}

function columnOf(name: string, meanings: readonly Meaning[], entropy: number | null): string[] {
  const likely = meanings.filter(({ probability }) => probability > 0);
  if (entropy === null) return [`${name}: no answer`];
  return [
    `${name}: ${count(likely.length, 'meaning')}, entropy ${number(entropy)}`,
    ...likely.slice(0, MEANINGS).map(({ text, probability }) => {
      const bar = '#'.repeat(Math.max(1, Math.round(probability * BAR)));
      return `${number(probability)} ${bar.padEnd(BAR)} ${brief(text, 28)}`;
    }),
  ];
}

function source({ passageId }: { readonly passageId: string }, { trace: { passages } }: Answer): string {
  const passage = passages[passageId];
  return brief(passage === undefined ? passageId : `${passage.docId}: ${passage.text}`, 50);
}
