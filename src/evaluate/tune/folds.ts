import { DiscernError } from '../../errors.ts';
import { seededRandom } from '../../text/random.ts';
import { membersOf } from '../seper/intervals.ts';

/** Which fold each question is in. Groups are never parted; folds are as equal in questions as groups allow. */
export interface Folds {
  readonly of: Uint16Array;
  /** At most the number of groups. */
  readonly count: number;
  readonly groups: number;
}

/** Deals whole groups, the largest first, each into the fold that has the fewest questions; the seed orders equal ones. */
export function dealFolds(groups: readonly string[], count: number, seed: number): Folds {
  const next = seededRandom(seed);
  const members = membersOf(groups)
    .map((list) => ({ list, at: next() }))
    .sort((a, b) => b.list.length - a.list.length || a.at - b.at);
  if (members.length < 2)
    throw new DiscernError(
      'INPUT_INVALID',
      `tuning needs questions of at least two groups (documents), got ${members.length} with ${groups.length} questions`,
      { hint: 'what a setting is chosen on and what it is judged on must not share a document' },
    );
  const sizes = new Array<number>(Math.min(count, members.length)).fill(0);
  const of = new Uint16Array(groups.length);
  for (const { list } of members) {
    const fold = sizes.indexOf(Math.min(...sizes));
    sizes[fold]! += list.length;
    for (const question of list) of[question] = fold;
  }
  return { of, count: sizes.length, groups: members.length };
}
