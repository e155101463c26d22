/**
 * Replays a second, over recorded traces: warm, each change of settings over every trace.
 *
 *   npm run build && npx tsx bench/replay.ts wide.jsonl
 *
 * The built package is measured: tsx wraps each named function of a source file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { ConfigInput } from '../src/config.ts';
import { machine } from './lib-stats.ts';

const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { DiscernError } = await built<typeof import('../src/errors.ts')>('errors.js');
const { prepareReplay } = await built<typeof import('../src/replay/prepared.ts')>('replay/prepared.js');
const { parseTrace } = await built<typeof import('../src/trace.ts')>('trace.js');

const ROUNDS = 50;
const file = process.argv[2];
if (file === undefined) throw new Error('give a file of traces that `discern run --wide` wrote');
const traces = readFileSync(file, 'utf8').trim().split('\n').map(parseTrace);
const prepared = traces.map(prepareReplay);

const weights = (k: number) => ({ isSup: (k % 50) / 7, isRel: 1 + (k % 50) / 20 });
const changes: Record<string, (k: number) => ConfigInput> = {
  'thresholds and weights': (k) => ({ weights: weights(k), retrieve: { threshold: (k % 10) / 10 } }),
  'sentences ranked anew': (k) => ({ weights: weights(k), generate: { quoteMix: (k % 10) / 10 } }),
};

/** Replays every trace under every change; one whose facts the trace lacks counts as missing. */
async function measure(name: string, change: (k: number) => ConfigInput) {
  let missing = 0;
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  for (let k = 0; k < ROUNDS; k++) {
    const settings = change(k);
    for (const replayer of prepared)
      await replayer.answer(settings).catch((error: unknown) => {
        if (!(error instanceof DiscernError) || error.code !== 'REPLAY_FACT_MISSING') throw error;
        missing++;
      });
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const replays = ROUNDS * prepared.length;
  const cpuSeconds = (user + system) / 1e6;
  return {
    ...{ name, replays, missing, seconds: Number(seconds.toFixed(2)), cpuSeconds: Number(cpuSeconds.toFixed(2)) },
    ...{ perSecond: Math.round(replays / seconds), perCpuSecond: Math.round(replays / cpuSeconds) },
  };
}

const before = machine();
for (const replayer of prepared) await replayer.answer();
const rows = [];
for (const [name, change] of Object.entries(changes)) {
  const row = await measure(name, change);
  rows.push(row);
  process.stdout.write(`${JSON.stringify(row)}\n`);
}
const about = { ...before, loadAfter: machine().load1, traces: traces.length };
writeFileSync(new URL('./results/replay.json', import.meta.url), `${JSON.stringify({ about, rows }, null, 2)}\n`);
