/**
 * How long tuning takes: 10,000 settings on 500 questions, with the cross-validation, the front and all intervals.
 * Thresholds over recorded facts (scripted models, replayed by the engine), weights of closed-set answers, and a surface
 * that answers from memory; then an evolution over weights of the beam, which replays everything.
 *
 *   npm run build && npx tsx bench/tune.ts
 *
 * The built package is measured: tsx wraps each named function of a source file.
 */
import { writeFileSync } from 'node:fs';
import type { Parts } from '../src/pipeline.ts';
import type { SharedFacts } from '../src/trace.ts';
import type { Passage } from '../src/types.ts';
import { machine } from './lib-stats.ts';

const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { parseConfig } = await built<typeof import('../src/config.ts')>('config.js');
const { answerQuestion } = await built<typeof import('../src/pipeline.ts')>('pipeline.js');
const { mergeConfig } = await built<typeof import('../src/replay.ts')>('replay.js');
const { parseTrace } = await built<typeof import('../src/trace.ts')>('trace.js');
const { askWide } = await built<typeof import('../src/evaluate/wide.ts')>('evaluate/wide.js');
const { parseAxes } = await built<typeof import('../src/evaluate/tune/axes.ts')>('evaluate/tune/axes.js');
const { closedSetSurface } =
  await built<typeof import('../src/evaluate/tune/closed-set.ts')>('evaluate/tune/closed-set.js');
const { replaySurface } = await built<typeof import('../src/evaluate/tune/replay-surface.ts')>(
  'evaluate/tune/replay-surface.js',
);
const { tuneSurface } = await built<typeof import('../src/evaluate/tune/tune.ts')>('evaluate/tune/tune.js');
const { scriptedCritic } =
  await built<typeof import('../src/testing/scripted-critic.ts')>('testing/scripted-critic.js');
const { seededRandom } = await built<typeof import('../src/text/random.ts')>('text/random.js');

type TuneOptions = import('../src/evaluate/tune/tune.ts').TuneOptions;
type Surface = import('../src/evaluate/tune/surface.ts').Surface;

const QUESTIONS = 500;
const SETTINGS = 10_000;
const next = seededRandom(1);
const random = (count: number): number[] => Array.from({ length: count }, next);

/** Five questions of each document. */
const groupOf = (i: number): string => `d${Math.floor(i / 5)}`;

/** Every outcome is there already: what is left is the work of tuning itself. */
function memorySurface(): Surface {
  const [hard, best] = [random(QUESTIONS), random(QUESTIONS)];
  return {
    ids: hard.map((_, i) => `q${i}`),
    groups: hard.map((_, i) => groupOf(i)),
    metrics: ['f1'],
    base: parseConfig({ isRel: { threshold: 0.2 } }),
    counts: { replayed: 0, remembered: 0 },
    async at(setting) {
      const at = Number(setting['isRel.threshold']);
      const calls = 4 - 3 * Number(setting['retrieve.threshold']);
      return hard.map((share, i) => ({
        values: [Math.max(0, share - Math.abs(at - best[i]!))],
        cost: { calls, requests: 10, tokens: 20, ms: 30 },
      }));
    },
  };
}

function closedSet(): Surface {
  const rows = Array.from({ length: QUESTIONS }, (_, i) => {
    const candidates = Array.from({ length: 5 }, (__, k) => {
      const [isRel = 0, isSup = 0, isUse = 0] = random(3);
      return { answer: 'ABCD'[k % 4]!, parts: { lm: 0, isRel, isSup, isUse } };
    });
    return { id: `q${i}`, group: groupOf(i), gold: 'ABCD'[Math.floor(4 * next())]!, candidates };
  });
  return closedSetSurface(rows);
}

const passage = (id: string, text: string): Passage => ({
  ...{ id, docId: 'bench/docs.txt', text, title: null, span: { start: 0, end: text.length } },
  ...{ page: null, heading: null, metadata: {} },
});

/** Questions over five passages each, with probabilities drawn once, recorded so that thresholds and weights can move. */
async function recordedSurface(): Promise<Surface> {
  const said = new Map<string, number>();
  const share = (key: string): number => {
    if (!said.has(key)) said.set(key, next());
    return said.get(key)!;
  };
  const critic = scriptedCritic((request): Record<string, number> => {
    if (request.kind === 'retrieve') {
      const yes = share(`retrieve ${request.question}`);
      return { yes, no: 1 - yes };
    }
    if (request.kind === 'isRel') {
      const relevant = share(`isRel ${request.question} ${request.passage.id}`);
      return { relevant, irrelevant: 1 - relevant };
    }
    if (request.kind === 'isSup') {
      const fully = share(`isSup ${request.question} ${request.segment}`);
      return { fully, none: 1 - fully };
    }
    const high = share(`isUse ${request.question} ${request.answer}`);
    return { '5': high, '1': 1 - high };
  });
  const config = parseConfig({
    retrieve: { mode: 'adaptive' },
    rerank: { backend: 'none', topN: 5 },
    isRel: { threshold: 0.3 },
    beam: { width: 2, maxSegments: 2 },
  });
  const questions = [];
  for (let i = 0; i < QUESTIONS; i++) {
    const passages = Array.from({ length: 5 }, (_, k) => passage(`q${i}-p${k}`, `Number ${k} of question ${i}.`));
    const parts: Parts = {
      rewriter: null,
      recaller: {
        id: 'bench-recaller@1',
        recall: async (queries) =>
          queries.map(() =>
            passages.map((one, k) => ({ passage: one, recallRank: k + 1, recallScore: 1 - k / 10, rerankScore: null })),
          ),
      },
      reranker: null,
      critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
      generators: { withContext: generator, closedBook: generator, quotes: null },
      gate: null,
    };
    const ask = (change: Parameters<typeof mergeConfig>[1], shared: SharedFacts) =>
      answerQuestion(`Question ${i}?`, parts, parseConfig(mergeConfig(config, change)), { id: `q${i}`, shared });
    const { trace } = await askWide(ask, { settings: 8, seed: i });
    const gold = {
      ...{ id: `q${i}`, question: `Question ${i}?`, answers: [passages[i % 5]!.text] },
      ...{ relevant: null, group: groupOf(i), lang: null },
    };
    questions.push({ trace: parseTrace(JSON.stringify(trace)), gold });
  }
  return replaySurface(questions, ['f1']);
}

const generator: NonNullable<Parts['generators']['withContext']> = {
  id: 'bench-generator@1',
  abilities: { logprobs: true, closedBook: true, quotes: false },
  extend: async (requests) =>
    requests.map(({ passage: from, answerSoFar }) => [
      {
        ...{ text: `${from?.text ?? 'Nobody knows.'}${answerSoFar.length > 0 ? ' Also.' : ''}`, tokens: 5 },
        ...{ logprobs: [-0.1], end: answerSoFar.length > 0, quoted: null },
      },
    ]),
  async close() {},
};

async function row(name: string, surface: Surface, over: string, given: Partial<TuneOptions> = {}) {
  const metric = { name: surface.metrics[0]!, better: 'higher' } as const;
  const options = { axes: parseAxes(over), metric, strategy: 'grid', trials: SETTINGS, folds: 5, seed: 1 } as const;
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const result = await tuneSurface(surface, { ...options, ...given });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { replayed, remembered } = result.replays;
  const measured = {
    ...{ name, settings: result.tried, questions: result.questions, folds: result.folds.length },
    ...{ seconds: Number(seconds.toFixed(2)), cpuSeconds: Number(((user + system) / 1e6).toFixed(2)) },
    ...{ replayed, remembered, coverage: result.heldOut.coverage },
  };
  process.stdout.write(`${JSON.stringify(measured)}\n`);
  return measured;
}

const before = machine();
const thresholds = 'retrieve.threshold=0..1,isRel.threshold=0..1';
const weights = 'weights.isRel=0..3,weights.isSup=0..3,weights.isUse=0..3';
const recorded = await recordedSurface();
const rows = [
  await row('memory', memorySurface(), thresholds),
  await row('closed-set weights', closedSet(), weights),
  await row('recorded thresholds', recorded, thresholds),
  await row('recorded weights, evolve', recorded, weights, { strategy: 'evolve', trials: 40 }),
];
const { load1 } = machine();
const results = new URL('./results/tune.json', import.meta.url);
writeFileSync(results, `${JSON.stringify({ about: { ...before, loadAfter: load1 }, rows }, null, 2)}\n`);
