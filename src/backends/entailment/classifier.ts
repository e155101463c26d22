import type { CallOptions, Entailment, EntailmentRequest } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { Classifier, HeadRequest } from '../classifier.ts';
import { nliText } from './nli-text.ts';

/** Keeps log-odds finite where a calibration says 0 or 1. */
const SMALLEST = 1e-9;

/**
 * Our small encoder as a judge of two answers, with calibrated probabilities of the heads that it has.
 * It owns nothing: the classifier stays open.
 */
export function classifierEntailment(classifier: Classifier): Entailment {
  const outputs = (['entail', 'equivalent'] as const).filter((head) => classifier.has(head));
  if (outputs.length === 0)
    throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${classifier.id} has neither a head entail nor equivalent`);
  let closed = false;

  function check(output: (typeof outputs)[number], signal: AbortSignal | undefined): void {
    if (closed) throw new DiscernError('BACKEND_CLOSED', `the entailment model ${classifier.id} is closed`);
    throwIfAborted(signal);
    if (!outputs.includes(output))
      throw new DiscernError('INPUT_INVALID', `${classifier.id} gives ${outputs.join(', ')}, not ${output}`);
  }

  return {
    id: classifier.id,
    outputs,
    async entail(requests, options: CallOptions = {}) {
      check('entail', options.signal);
      const answers = await classifier.probabilities('entail', requests.map(nliRequest), options);
      return answers.map(({ calibrated: [contradiction, neutral, entailment] }) => ({
        contradiction: contradiction!,
        neutral: neutral!,
        entailment: entailment!,
      }));
    },
    async equivalent(requests, options: CallOptions = {}) {
      check('equivalent', options.signal);
      return inBothOrders(requests, async (pairs) => {
        const asked = pairs.map(({ question, first, second }) => ({ first: [question, first], last: second }));
        const answers = await classifier.probabilities('equivalent', asked, options);
        return answers.map(({ calibrated }) => calibrated[0]!);
      });
    },
    async close() {
      closed = true; // the classifier belongs to whoever made it
    },
  };
}

/** The head reads the hypothesis first and the premise, the longer one, last; a question of its own it never had. */
const nliRequest = ({ question, first, second }: EntailmentRequest): HeadRequest => ({
  first: ['', nliText(question, second)],
  last: nliText(question, first),
});

/**
 * P(both mean the same) of each pair: it is asked about in both orders, and the log-odds are averaged. Answers that are
 * the same text but for case and blanks around it are given 1 without asking.
 */
export async function inBothOrders(
  requests: readonly EntailmentRequest[],
  ask: (pairs: readonly EntailmentRequest[]) => Promise<readonly number[]>,
): Promise<number[]> {
  const unlike = requests.filter(({ first, second }) => plain(first) !== plain(second));
  const chances = await ask(unlike.flatMap((pair) => [pair, { ...pair, first: pair.second, second: pair.first }]));
  const found = new Map(unlike.map((pair, i) => [pair, meanChance(chances[2 * i]!, chances[2 * i + 1]!)]));
  return requests.map((request) => found.get(request) ?? 1);
}

const plain = (text: string): string => text.trim().toLowerCase();

/** The probability whose log-odds are the mean of both; the order does not matter. */
export function meanChance(a: number, b: number): number {
  return 1 / (1 + Math.exp(-(logOdds(a) + logOdds(b)) / 2));
}

function logOdds(p: number): number {
  const kept = Math.min(1 - SMALLEST, Math.max(SMALLEST, p));
  return Math.log(kept / (1 - kept));
}
