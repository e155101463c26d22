import { basename } from 'node:path';
import { z } from 'zod';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { compareCritics } from '../evaluate/critics/compare.ts';
import { compareAnswers, type SwappedAnswer } from '../evaluate/critics/compare-answers.ts';
import { askBoth, type CriticCost, sumCosts, unlessMissing } from '../evaluate/critics/compare-ask.ts';
import { transferredThresholds } from '../evaluate/critics/compare-report.ts';
import type { ComparedState } from '../evaluate/critics/compare-states.ts';
import {
  type BThresholds,
  type Contender,
  openSwap,
  recordedCritic,
  replaySwapped,
  type Swap,
} from '../evaluate/critics/compare-traces.ts';
import { halvesOf } from '../evaluate/critics/transfer.ts';
import { drawn } from '../evaluate/data/select.ts';
import type { Trace } from '../types.ts';
import type { CliContext } from './context.ts';
import {
  type ComparedAll,
  type CompareFlags,
  type CompareSettings,
  nothingInCommon,
  type Opener,
} from './critics-compare-flags.ts';
import { readLines } from './lines.ts';
import { progressBar, safe } from './terminal.ts';
import { readTraces } from './traces.ts';

/** A critic that was opened, or one that speaks from the traces alone. */
interface Opened extends Contender {
  /** As a config names it; null where no config can. */
  readonly name: string | null;
  close(): Promise<void>;
}

/** Both critics on what the critics of traces were asked, and the answers with one and with the other. */
export async function compareTraces(
  flags: CompareFlags & { readonly traces: readonly string[] },
  settings: CompareSettings,
  context: CliContext,
  open: Opener,
): Promise<ComparedAll> {
  const traces = await drawTraces(flags.traces, settings);
  const golds = flags.answers === undefined ? new Map<string, string[]>() : await readAnswers(flags.answers);
  const of = traces.map(({ trace }) => trace);
  const a = await openOrRecorded('a', flags.a, of, context, open);
  try {
    const b = await openOrRecorded('b', flags.b, of, context, open);
    try {
      return await compareOn(traces, golds, a, b, settings, context);
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

async function openOrRecorded(
  side: 'a' | 'b',
  name: string,
  traces: readonly Trace[],
  { note }: CliContext,
  open: Opener,
): Promise<Opened> {
  try {
    const { critic, isRelThreshold, close } = await open(side);
    return { critic, isRelThreshold, name, close };
  } catch (error) {
    const critic = DiscernError.is(error, 'BACKEND_UNKNOWN') ? recordedCritic(name, traces) : null;
    if (critic === null) throw error;
    note(`${safe(name)} is no critic of the config: it speaks from the facts of the traces alone`);
    return { critic, isRelThreshold: null, name: null, close: critic.close };
  }
}

async function compareOn(
  traces: readonly Read[],
  golds: ReadonlyMap<string, readonly string[]>,
  a: Opened,
  b: Opened,
  settings: CompareSettings,
  context: CliContext,
): Promise<ComparedAll> {
  const { transfer, seed } = settings;
  const { swaps, states, asked, costs } = await askSwaps(traces, a, b, settings, context);
  if (asked === 0) throw nothingInCommon(a, b);
  const halves = halvesOf(
    states.map(({ request }) => request.question),
    seed,
  );
  const kinds = compareCritics(states, { transfer, halves, isRelThreshold: b.isRelThreshold, seed });
  const thresholds = transferredThresholds({ kinds });
  const isCarried = Object.keys(thresholds).length > 0;
  const measured = swaps.filter(({ trace }) => !isCarried || halves.measure.has(trace.question));
  const answers = await answerAgain(measured, b.isRelThreshold, isCarried ? thresholds : null, golds, context);
  const leftOut = { traces: traces.length - swaps.length, states: asked - states.length };
  return {
    states,
    name: b.name,
    report: {
      ...{ a: a.critic.id, b: b.critic.id, transfer, kinds, costs },
      traces: { traces: traces.length, leftOut, answers: compareAnswers(answers, seed) },
    },
  };
}

/** Asks both critics what the critics of each trace were asked. */
async function askSwaps(
  traces: readonly Read[],
  a: Opened,
  b: Opened,
  { change }: CompareSettings,
  { signal }: CliContext,
) {
  const swaps: Swap[] = [];
  const states: ComparedState[] = [];
  const [costsOfA, costsOfB]: [CriticCost[], CriticCost[]] = [[], []];
  let asked = 0;
  const bar = progressBar();
  const now = () => performance.now();
  try {
    for (const [i, { trace, source }] of traces.entries()) {
      const swap = await unlessMissing(openSwap(trace, a, b, { now, source, change, signal }));
      if (swap !== null) {
        swaps.push(swap);
        asked += swap.states.length;
        states.push(...(await askBoth(swap.states, swap.a.critic, swap.b.critic, { signal })));
        costsOfA.push(swap.a.cost());
        costsOfB.push(swap.b.cost());
      }
      bar.update('traces', i + 1, traces.length);
    }
  } finally {
    bar.end();
  }
  return { swaps, states, asked, costs: { a: sumCosts(costsOfA), b: sumCosts(costsOfB) } };
}

/** Each question answered with A, and with B under each of its thresholds. */
async function answerAgain(
  swaps: readonly Swap[],
  own: number | null,
  transferred: BThresholds | null,
  golds: ReadonlyMap<string, readonly string[]>,
  { signal, note }: CliContext,
): Promise<SwappedAnswer[]> {
  const answers: SwappedAnswer[] = [];
  const bar = progressBar();
  try {
    for (const [i, swap] of swaps.entries()) {
      throwIfAborted(signal);
      const withB = (thresholds: BThresholds) => replaySwapped(swap, swap.b, thresholds, { signal });
      answers.push({
        golds: golds.get(swap.trace.question) ?? null,
        a: await replaySwapped(swap, swap.a, {}, { signal }),
        b: {
          unchanged: await withB({}),
          ...(own !== null && swap.kinds.includes('isRel') && { own: await withB({ isRel: own }) }),
          ...(transferred !== null && { transferred: await withB(transferred) }),
        },
      });
      bar.update('answers', i + 1, swaps.length);
    }
  } finally {
    bar.end();
  }
  if (golds.size > 0 && answers.every((answer) => answer.golds === null))
    note('no question of the traces stands in --answers');
  return answers;
}

interface Read {
  readonly trace: Trace;
  readonly source: string;
}

/** Every trace, or so many of them, drawn by the seed and in their order. */
async function drawTraces(paths: readonly string[], { rows, seed }: CompareSettings): Promise<Read[]> {
  const all: Read[] = [];
  for (const path of paths) for await (const { trace } of readTraces(path)) all.push({ trace, source: basename(path) });
  if (all.length === 0) throw new DiscernError('INPUT_INVALID', `no trace in ${paths.join(', ')}`);
  if (rows === null) return all;
  return drawn(all, rows, seed);
}

const AnswersRow = z.looseObject({ question: z.string(), answers: z.array(z.string()) });

/** A question that has no answer is none of those that gold answers are counted on. */
async function readAnswers(path: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  let line = 0;
  for await (const text of readLines(path)) {
    line += 1;
    if (text.trim() === '') continue;
    const row = AnswersRow.safeParse(tryJson(text));
    if (!row.success)
      throw new DiscernError('INPUT_INVALID', `${path}, line ${line}: not an object with a question and answers`);
    if (row.data.answers.length > 0) found.set(row.data.question, row.data.answers);
  }
  return found;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
