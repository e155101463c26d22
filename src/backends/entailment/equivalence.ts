import type { EntailmentRequest } from '../../contracts.ts';

/** Keeps log-odds finite where a calibration says 0 or 1. */
const SMALLEST = 1e-9;

type Ask = (pairs: readonly EntailmentRequest[]) => Promise<readonly number[]>;

/** P(both mean the same) of each pair; 1 without asking for the same text but for case and blanks around it. */
export async function unlessSame(requests: readonly EntailmentRequest[], ask: Ask): Promise<number[]> {
  const unlike = requests.filter(({ first, second }) => plain(first) !== plain(second));
  const chances = await ask(unlike);
  const found = new Map(unlike.map((pair, i) => [pair, chances[i]!]));
  return requests.map((request) => found.get(request) ?? 1);
}

/** The same, each pair in both orders, all in one batch; the log-odds are averaged. */
export const inBothOrders = (requests: readonly EntailmentRequest[], ask: Ask): Promise<number[]> =>
  unlessSame(requests, async (pairs) => {
    const chances = await ask(pairs.flatMap((pair) => [pair, { ...pair, first: pair.second, second: pair.first }]));
    return pairs.map((_, i) => meanChance(chances[2 * i]!, chances[2 * i + 1]!));
  });

const plain = (text: string): string => text.trim().toLowerCase();

/** The probability whose log-odds are the mean of both; the order does not matter. */
export function meanChance(a: number, b: number): number {
  return 1 / (1 + Math.exp(-(logOdds(a) + logOdds(b)) / 2));
}

function logOdds(p: number): number {
  const kept = Math.min(1 - SMALLEST, Math.max(SMALLEST, p));
  return Math.log(kept / (1 - kept));
}
