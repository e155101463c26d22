import { DiscernError } from '../../errors.ts';
import { seededRandom } from '../../text/random.ts';
import { membersOf } from '../seper/intervals.ts';

/** Which fold each question is in. Groups are never parted; folds are as equal in questions as groups allow. */
export interface Folds {
  readonly of: Uint16Array;
  /** At most the number of groups. */
  readonly count: number;
  /** The group of each question, from 0. */
  readonly group: Int32Array;
  /** The fold of each group. */
  readonly foldOfGroup: Uint16Array;
}

/** Deals whole groups, the largest first, each into the fold that has the fewest questions; the seed orders equal ones. */
export function dealFolds(groups: readonly string[], count: number, seed: number): Folds {
  const next = seededRandom(seed);
  const members = membersOf(groups)
    .map((list, group) => ({ list, group, at: next() }))
    .sort((a, b) => b.list.length - a.list.length || a.at - b.at);
  if (members.length < 2)
    throw new DiscernError(
      'INPUT_INVALID',
      `tuning needs questions of at least two groups (documents), got ${members.length} with ${groups.length} questions`,
      { hint: 'what a setting is chosen on and what it is judged on must not share a document' },
    );
  const sizes = new Array<number>(Math.min(count, members.length)).fill(0);
  const of = new Uint16Array(groups.length);
  const groupOf = new Int32Array(groups.length);
  const foldOfGroup = new Uint16Array(members.length);
  for (const { list, group } of members) {
    const fold = sizes.indexOf(Math.min(...sizes));
    sizes[fold]! += list.length;
    foldOfGroup[group] = fold;
    for (const question of list) {
      of[question] = fold;
      groupOf[question] = group;
    }
  }
  return { of, count: sizes.length, group: groupOf, foldOfGroup };
}
