import type { AnswerMetric } from '../metrics/registry.ts';
import { overBudget } from './budget.ts';
import type { Limits } from './choose.ts';
import type { HeldOut } from './held-out.ts';
import type { Setting } from './surface.ts';
import { COSTS } from './tally.ts';

/**
 * `promoted`: better on held-out questions, beyond chance. `within budget`: not shown to be better, but the base takes
 * more than the budget and this does not. `no evidence`: the base stays.
 */
export type Verdict = 'promoted' | 'within budget' | 'no evidence';

interface Judged {
  readonly metric: Pick<AnswerMetric, 'name' | 'better'>;
  readonly chosen: { readonly setting: Setting; readonly found: boolean };
  readonly heldOut: HeldOut;
  readonly limits: Limits;
  /** The chosen setting is not the base. */
  readonly moved: boolean;
}

/** A setting is only used where held-out questions, enough of them replayed, speak for it. */
export function verdictOf({ metric, chosen, heldOut, limits, moved }: Judged): { verdict: Verdict; reason: string } {
  const none = (reason: string) => ({ verdict: 'no evidence' as const, reason });
  const { minCoverage, budgets } = limits;
  if (!chosen.found)
    return none(
      `no setting that was tried replays for ${percent(minCoverage)} of the questions${budgets.length > 0 ? ' and keeps the budget' : ''}`,
    );
  if (!moved) return none('no setting that was tried is better than the base on all questions');
  if (heldOut.metric === null || heldOut.cost === null) return none('no held-out question can be compared');
  if (heldOut.coverage < minCoverage)
    return none(
      `only ${percent(heldOut.coverage)} of the held-out questions replay; ${percent(minCoverage)} are asked for`,
    );
  const { ci95, p } = heldOut.metric.difference;
  const better = metric.better === 'higher' ? ci95[0] > 0 : ci95[1] < 0;
  // The test knows what the interval does not: few groups cannot prove much.
  if (better && p < 0.05)
    return { verdict: 'promoted', reason: 'the interval of the held-out difference lies on the better side of 0' };
  const { cost } = heldOut;
  const means = (of: 'base' | 'tuned') => COSTS.map((name) => cost[name][of].mean);
  const cheaper = budgets.some(
    ({ cost: name, most }) => cost[name].base.mean > most && cost[name].difference.ci95[1] < 0,
  );
  if (cheaper && overBudget(budgets, means('tuned')) === 0)
    return {
      verdict: 'within budget',
      reason: 'the base takes more than the budget and this setting does not, on held-out questions',
    };
  return none(
    better
      ? `too few groups differ to tell the gain from chance (p ${p.toFixed(3)})`
      : 'the interval of the held-out difference does not lie on the better side of 0',
  );
}

const percent = (share: number): string => `${Number((100 * share).toFixed(1))}%`;
