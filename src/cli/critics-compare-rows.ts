import { compareCritics } from '../evaluate/critics/compare.ts';
import { askBoth, heardCritic, statesOfCases } from '../evaluate/critics/compare-ask.ts';
import { halvesOf } from '../evaluate/critics/transfer.ts';
import type { CliContext } from './context.ts';
import {
  type ComparedAll,
  type CompareFlags,
  type CompareSettings,
  nothingInCommon,
  type Opener,
} from './critics-compare-flags.ts';
import { readCases } from './eval-rows.ts';
import { count, progressBar, safe } from './terminal.ts';

/** Both critics on labelled rows. */
export async function compareRows(
  flags: CompareFlags & { readonly data: readonly string[] },
  { config, transfer, seed, heads }: CompareSettings,
  context: CliContext,
  open: Opener,
): Promise<ComparedAll> {
  const { note, signal } = context;
  const { data, lang, rows: limit } = flags;
  const cases = await readCases(
    { data, head: heads, source: [], excludeSource: [], lang, limit, seed: flags.seed },
    context,
  );
  const a = await open('a');
  try {
    const b = await open('b');
    try {
      const thresholds = {
        ...{ retrieve: config.retrieve.threshold, isRel: config.isRel.threshold ?? a.isRelThreshold ?? 0 },
        ...{ isSup: null, isUse: null },
      };
      const states = [...cases].flatMap(([head, { cases: rows }]) => {
        const lacking = [a, b].find(({ critic }) => !critic.kinds.some((kind) => kind === head));
        if (lacking) note(`${safe(lacking.critic.id)} does not predict ${head}: ${count(rows.length, 'row')} left out`);
        return lacking ? [] : statesOfCases(rows, (kind) => thresholds[kind]);
      });
      if (states.length === 0) throw nothingInCommon(a, b);
      // One state is asked before the clock runs: that loads models.
      for (const { critic } of [a, b]) await critic.critique([states[0]!.request], { signal });
      const now = () => performance.now();
      const [ofA, ofB] = [heardCritic(a.critic, now), heardCritic(b.critic, now)];
      const bar = progressBar();
      const onProgress = (done: number) => bar.update('rows', done, states.length);
      const compared = await askBoth(states, ofA.critic, ofB.critic, { signal, onProgress }).finally(bar.end);
      const questions = compared.map(({ request }) => request.question);
      const halves = halvesOf(questions, seed);
      const kinds = compareCritics(compared, { transfer, halves, isRelThreshold: b.isRelThreshold, seed });
      const costs = { a: ofA.cost(), b: ofB.cost() };
      const report = { a: a.critic.id, b: b.critic.id, transfer, kinds, costs, traces: null };
      return { states: compared, report, name: flags.b };
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}
