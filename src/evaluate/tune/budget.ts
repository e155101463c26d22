import { DiscernError } from '../../errors.ts';
import { COSTS, type CostName } from './tally.ts';

/** What a question may take in the mean. */
export interface Budget {
  readonly cost: CostName;
  readonly most: number;
}

/** Reads `calls<=1.5` or several such with commas between. Throws INPUT_INVALID. */
export function parseBudget(text: string): Budget[] {
  const budgets = text.split(',').map((part): Budget => {
    const found = /^\s*([a-z]+)\s*<=\s*(\S+)\s*$/.exec(part);
    const [cost, most] = [COSTS.find((name) => name === found?.[1]), Number(found?.[2])];
    if (cost === undefined || !Number.isFinite(most) || most < 0)
      throw new DiscernError('INPUT_INVALID', `"${part.trim()}" is no budget`, {
        hint: `write it as calls<=1.5; it bounds the mean over questions of ${COSTS.join(', ')}`,
      });
    return { cost, most };
  });
  return budgets;
}

/** By how much a mean is over each budget, as shares of them, summed; 0 within all. */
export const overBudget = (budgets: readonly Budget[], cost: readonly number[]): number =>
  budgets.reduce((sum, { cost: name, most }) => {
    const over = cost[COSTS.indexOf(name)]! - most;
    return over > 1e-9 ? sum + over / Math.max(most, 1e-9) : sum;
  }, 0);
