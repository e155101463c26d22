/**
 * Is a planted fault blamed on the right stage? Each question is answered as it is and with each fault; the two records
 * are compared as `discern diff` does.
 *   npm run build && npx tsx bench/faults.ts --questions FILE (--index DIR | --documents PATH) [--limit 50] [--share]
 * Questions are JSON lines with id, question and answers. `--writer gguf` names the generator of the run with another
 * seed, at temperature 0.7; `none` leaves it out. `--share`: what the fault leaves alone is not asked again. `--check N`:
 * the critic is asked for the relevance of the first N recalled passages as well, in all runs, so that it can be told
 * whether it is the same where a fault leaves it no passage in common. `--traces DIR` keeps the records.
 * Writes bench/results/faults.json.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Assembly, createAssembly } from '../src/assembly.ts';
import { type ConfigInput, parseConfig } from '../src/config.ts';
import { matchTraces } from '../src/evaluate/data/match.ts';
import { openDataset } from '../src/evaluate/data/open.ts';
import { saidBy, saysSame } from '../src/evaluate/faults/blame.ts';
import type { FaultReport } from '../src/evaluate/faults/fault-report.ts';
import { findFaults } from '../src/evaluate/faults/faults.ts';
import { answerMetric } from '../src/evaluate/metrics/registry.ts';
import { answerQuestion } from '../src/pipeline.ts';
import { createRag } from '../src/rag.ts';
import { mergeConfig } from '../src/replay.ts';
import { wilson } from '../src/text/math.ts';
import { recordCritic } from '../src/trace/record.ts';
import { createFactLog, createSharedFacts } from '../src/trace.ts';
import type { CritiqueRequest, Fact, Trace } from '../src/types.ts';
import { type Plant, plantsOf, type Setup } from './lib-faults.ts';
import { commit } from './lib-qa.ts';
import { machine } from './lib-stats.ts';

const { values: flags } = parseArgs({
  options: {
    questions: { type: 'string' },
    type: { type: 'string', default: 'questions' },
    index: { type: 'string' },
    documents: { type: 'string' },
    limit: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    config: { type: 'string', default: '{}' },
    writer: { type: 'string', default: 'gguf' },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    share: { type: 'boolean', default: false },
    check: { type: 'string', default: '10' },
    traces: { type: 'string' },
    out: { type: 'string', default: new URL('results/faults.json', import.meta.url).pathname },
  },
});
const { questions: path, documents } = flags;
if (!path || (!flags.index && !documents))
  throw new Error('give --questions FILE, and --index DIR or --documents PATH');
const seed = Number(flags.seed);
const data = await openDataset({ type: flags.type as 'questions', path, limit: Number(flags.limit), seed });
const scratch = await mkdtemp(join(tmpdir(), 'discern-faults-'));
const index = flags.index ?? join(scratch, 'index');
if (documents) await (await createRag({ documents, index, config: parseConfig(JSON.parse(flags.config)) })).close();

const factName = ({ role, backend, key }: Fact): string => `${role} ${backend} ${key}`;

/** Asks for the relevance of recalled passages that the answer did not ask about. */
async function checkFacts(trace: Trace, { parts }: Setup, count: number): Promise<Fact[]> {
  const recalled = trace.events.find((event) => event.type === 'recall-end');
  const critic = parts.critics.isRel;
  if (critic === null || recalled?.type !== 'recall-end') return [];
  const log = createFactLog();
  const requests = recalled.candidates.slice(0, count).map(
    ({ passageId }): CritiqueRequest<'isRel'> => ({
      ...{ kind: 'isRel', question: trace.question, passage: trace.passages[passageId]! },
    }),
  );
  await recordCritic(critic, log).critique(requests);
  const known = new Set(trace.facts.map(factName));
  return log.facts.filter((fact) => !known.has(factName(fact)));
}

interface Recorded {
  readonly plain: readonly Trace[];
  /** With what the critic says of the first recalled passages. */
  readonly checked: readonly Trace[];
}

async function record(name: string, setup: Setup, roles: Plant['roles'], base: Recorded | null): Promise<Recorded> {
  const [plain, checked]: [Trace[], Trace[]] = [[], []];
  for (const [i, { id, question }] of data.questions.entries()) {
    const shared = createSharedFacts();
    if (flags.share && base !== null) {
      for (const fact of base.plain[i]!.facts) if (!roles.includes(fact.role)) shared.facts.set(factName(fact), fact);
      Object.assign(shared.passages, base.plain[i]!.passages);
    }
    const { trace } = await answerQuestion(question, setup.parts, setup.config, { id, shared });
    plain.push(trace);
    checked.push({ ...trace, facts: [...trace.facts, ...(await checkFacts(trace, setup, Number(flags.check)))] });
  }
  process.stderr.write(`${name}: ${plain.length} questions\n`);
  if (flags.traces) {
    await mkdir(flags.traces, { recursive: true });
    const file = join(flags.traces, `${name.replaceAll(' ', '-')}.jsonl`);
    await writeFile(file, plain.map((trace) => `${JSON.stringify(trace)}\n`).join(''));
  }
  return { plain, checked };
}

const share = (k: number, n: number) => ({ k, n, share: n === 0 ? null : k / n, ci95: n === 0 ? null : wilson(k, n) });

/**
 * How many changed answers are blamed rightly. Of two faults both must be named, unless the run with one of them alone
 * says what the baseline says: then the other one is enough. `alone` holds these runs by stage.
 */
function judged(report: FaultReport, plant: Plant, base: readonly Trace[], alone: ReadonlyMap<string, Recorded>) {
  const expected = plant.stages.join();
  const place = new Map(base.map(({ id }, i) => [id, i]));
  const heals = (id: string, stage: string) =>
    plant.stages.length === 2 &&
    plant.stages.some((other) => {
      const i = place.get(id)!;
      const rest = alone.get(other)?.plain[i];
      return other !== stage && rest !== undefined && saysSame(saidBy(rest.answer), saidBy(base[i]!.answer));
    });
  const { questions } = report;
  const exact = questions.filter(({ stages }) => stages.join() === expected);
  const right = questions.filter(
    ({ id, stages }) => stages.join() === expected || (stages.length === 1 && heals(id, stages[0]!)),
  );
  const told = questions.filter(({ stages, unchecked }) =>
    plant.stages.every((stage) => stages.includes(stage) || unchecked.includes(stage)),
  );
  return {
    changed: report.changed,
    otherFactsSameAnswer: report.otherFactsSameAnswer,
    notReplayed: report.notReplayed.a.length + report.notReplayed.b.length,
    notAsRecorded: report.notAsRecorded.a + report.notAsRecorded.b,
    namesExactlyThePlanted: share(exact.length, questions.length),
    right: share(right.length, questions.length),
    rightOrSaidToBeUnchecked: share(new Set([...right, ...told]).size, questions.length),
    bySubstitution: questions.filter(({ by }) => by === 'substitution').length,
    withUntriedSets: questions.filter(({ untried }) => untried.length > 0).length,
    sets: report.sets,
    f1: report.metrics[0]?.difference ?? null,
    backends: report.backends.filter(({ status }) => status === 'changed' || status === 'unknown'),
  };
}

async function compare(base: readonly Trace[], traces: readonly Trace[]): Promise<FaultReport> {
  const { matched } = matchTraces(base, data);
  const golds = new Map(matched.map(({ trace, gold }) => [trace, gold]));
  return findFaults(
    { name: 'baseline', traces: base },
    { name: 'planted', traces },
    { metrics: [answerMetric('f1')], goldOf: (trace) => golds.get(trace) ?? null, seed },
  );
}

async function runPlants(assembly: Assembly, input: ConfigInput, plants: readonly Plant[], what: string) {
  const setup = await assembly.partsFor(parseConfig(mergeConfig(JSON.parse(flags.config), input)));
  const started = performance.now();
  const base = await record(`baseline ${what}`, setup, [], null);
  const seconds = (performance.now() - started) / 1000;
  const alone = new Map<string, Recorded>();
  const results = [];
  for (const plant of plants) {
    const recorded = await record(plant.name, plant.of(setup), plant.roles, base);
    if (plant.stages.length === 1) alone.set(plant.stages[0]!, recorded);
    const before = performance.now();
    const report = await compare(base.plain, recorded.plain);
    const diffSeconds = (performance.now() - before) / 1000;
    results.push({
      ...{ plant: plant.name, run: what, stages: plant.stages, questions: report.pairs, diffSeconds },
      ...judged(report, plant, base.plain, alone),
      withCheckedCritic: judged(await compare(base.checked, recorded.checked), plant, base.plain, alone),
    });
  }
  return { secondsOfBaseline: seconds, results };
}

const assembly = createAssembly(parseConfig(JSON.parse(flags.config)), { index });
try {
  const { quoting, writing } = plantsOf(seed);
  const runs = [await runPlants(assembly, {}, quoting, 'quoting')];
  const writes: ConfigInput = { generate: { withContext: flags.writer, model: flags.model, temperature: 0.7 } };
  if (flags.writer !== 'none') runs.push(await runPlants(assembly, writes, writing, `writing with ${flags.writer}`));
  const results = runs.flatMap((run) => run.results);
  const settings = {
    questions: data.questions.length,
    dataset: data.name,
    seed,
    share: flags.share,
    check: Number(flags.check),
  };
  const figures = { commit: commit(), ...machine(), ...settings, results };
  await writeFile(flags.out, `${JSON.stringify(figures, null, 1)}\n`);
  for (const { plant, changed, right, withCheckedCritic, diffSeconds } of results) {
    const text = ({ k, n, ci95 }: typeof right) =>
      n === 0 ? 'none' : `${k} of ${n} [${ci95!.map((value) => value.toFixed(2)).join(', ')}]`;
    process.stdout.write(
      `${plant}: ${changed} changed, blamed rightly ${text(right)}; with a checked critic ${text(withCheckedCritic.right)}; ${diffSeconds.toFixed(1)} s\n`,
    );
  }
} finally {
  await assembly.close();
  await rm(scratch, { recursive: true, force: true });
}
