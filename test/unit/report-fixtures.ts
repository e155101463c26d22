import { meanInterval } from '../../src/evaluate/metrics/mean.ts';
import { holm, pairedDifference } from '../../src/evaluate/metrics/paired.ts';
import type {
  ChangedQuestion,
  ExperimentReport,
  QuestionReport,
  TableCell,
} from '../../src/evaluate/report/experiment-report.ts';
import { seededRandom } from '../../src/text/random.ts';

type Metric = ExperimentReport['metrics'][number];

const METRICS: readonly Metric[] = [
  { name: 'recall.ndcg@10', stage: 'recall', better: 'higher', description: 'order of the recalled passages, 0..1' },
  { name: 'recall.recall@10', stage: 'recall', better: 'higher', description: 'share of gold passages found, 0..1' },
  { name: 'rerank.ndcg@5', stage: 'rerank', better: 'higher', description: 'order of the kept passages, 0..1' },
  { name: 'isRel.auroc', stage: 'critics', better: 'higher', description: 'gold passages above the others, 0..1' },
  {
    name: 'gate.kept',
    stage: 'gate',
    better: 'higher',
    description: 'share of questions whose context was kept, 0..1',
  },
  { name: 'supported', stage: 'generation', better: 'higher', description: 'share of supported segments, 0..1' },
  { name: 'f1', stage: 'end to end', better: 'higher', description: 'words shared with the best gold answer, 0..1' },
  { name: 'em', stage: 'end to end', better: 'higher', description: '1 where it is a gold answer, else 0' },
  { name: 'declined', stage: 'end to end', better: 'lower', description: '1 where no answer was given, else 0' },
  { name: 'calls', stage: 'cost', better: 'lower', description: 'calls to models' },
  { name: 'tokens', stage: 'cost', better: 'lower', description: 'generated tokens' },
  { name: 'ms', stage: 'cost', better: 'lower', description: 'milliseconds of model time' },
];

/** Texts that try to get out of where they stand. */
export const HOSTILE = {
  script: '</title></style><script>window.pwned = 1; fetch("http://127.0.0.1:9/a")</script>',
  handler: '"><img src=x onerror="window.pwned = 2"><svg onload=window.pwned=3>',
  url: 'javascript:window.pwned=4',
  longWord: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(9),
  rightToLeft: 'ما هي عاصمة فرنسا؟ \u202E reversed \u2067 open isolate',
  markup: '{{constructor}} $ {alert(1)} &amp; <!-- -- > ]]> \u0000 \u0007 \uD800',
};

interface System {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** What is added to a value of quality, and what costs are multiplied with. */
  readonly gain: number;
  readonly cost: number;
}

const SYSTEMS: readonly System[] = [
  { name: 'defaults', options: {}, gain: 0, cost: 1 },
  { name: 'tuned', options: { 'retrieve.threshold': 0.35, 'weights.isSup': 1.5 }, gain: 0.12, cost: 0.8 },
  { name: 'no gate', options: { 'gate.mode': 'off' }, gain: 0.004, cost: 0.65 },
  { name: 'reversed rerank', options: { 'rerank.by': 'reversed' }, gain: -0.15, cost: 1 },
];

const HOSTILE_SYSTEMS: readonly System[] = [
  ...SYSTEMS.slice(0, 2),
  { name: HOSTILE.script, options: { [HOSTILE.handler]: HOSTILE.url }, gain: -0.1, cost: 2 },
  { name: HOSTILE.longWord.slice(0, 90), options: { 'retrieve.mode': HOSTILE.longWord }, gain: 0.05, cost: 1 },
  { name: `مقترح ${HOSTILE.rightToLeft}`, options: {}, gain: 0, cost: 1 },
];

const clip = (value: number): number => Math.min(1, Math.max(0, value));

function sampleValue({ stage, name }: Metric, { gain, cost }: System, random: () => number, level: number): number {
  const noise = random() - 0.5;
  if (name === 'ms') return (900 + 600 * noise + 200 * level) * cost;
  if (name === 'tokens') return Math.round((150 + 90 * noise) * cost);
  if (stage === 'cost') return Math.round((4 + 3 * noise) * cost);
  if (name === 'declined') return random() < 0.12 - gain / 2 ? 1 : 0;
  if (name === 'em') return random() < level / 2 + gain ? 1 : 0;
  return clip(level + gain + 0.3 * noise);
}

const QUESTIONS = [
  ['Who wrote the first compiler?', 'Grace Hopper', 'Alan Turing'],
  ['In which year did the bridge over the strait open, after 12 years of work?', '1932', 'in 1923, as the report says'],
  ['¿Cuál es el río más largo de la península?', 'el Tajo', 'el Ebro'],
  ['长江有多长？', '6300公里', '约6,400公里'],
] as const;

const HOSTILE_QUESTIONS = [
  [HOSTILE.script, HOSTILE.handler, HOSTILE.url],
  [HOSTILE.longWord, HOSTILE.longWord, HOSTILE.longWord],
  [HOSTILE.rightToLeft, HOSTILE.rightToLeft, HOSTILE.script],
  [HOSTILE.markup, HOSTILE.markup, HOSTILE.rightToLeft],
] as const;

const tracesOf = (system: number, hostile: boolean): string =>
  hostile && system === 2
    ? 'javascript:traces/a"onmouseover="window.pwned=5.jsonl'
    : `traces/system-${system + 1}.jsonl`;

function questionsOf(systems: readonly System[], count: number, hostile: boolean, seed: number): QuestionReport[] {
  const random = seededRandom(seed);
  const texts = hostile ? HOSTILE_QUESTIONS : QUESTIONS;
  return Array.from({ length: count }, (_, i) => {
    const [question, gold, wrong] = texts[i % texts.length]!;
    const level = 0.35 + 0.4 * random();
    const results = systems.map((system, at): [string, QuestionReport['results'][string]] => {
      const values = METRICS.map((metric): [string, number | null] => [
        metric.name,
        metric.stage === 'gate' && at === 2 ? null : sampleValue(metric, system, random, level),
      ]);
      const own = Object.fromEntries(values);
      return [
        system.name,
        {
          text: own.em === 1 ? gold : `${wrong}, as it seems; the passages say more of it than a short answer can.`,
          unanswered: own.declined === 1 ? 'no passage was kept' : null,
          values: own,
          trace: { file: tracesOf(at, hostile), line: i + 1 },
        },
      ];
    });
    return {
      id: `q${i + 1}`,
      question: count > texts.length ? `${question} (${i + 1})` : question,
      answers: i % 11 === 3 ? [] : i % 11 === 5 ? null : [gold, `the ${gold}`],
      results: Object.fromEntries(results),
    };
  });
}

function tableOf(systems: readonly System[], questions: readonly QuestionReport[]): TableCell[] {
  const cells = METRICS.flatMap((metric) =>
    systems.map(({ name }, at) => {
      const valuesOf = (system: string) => questions.map(({ results }) => results[system]?.values[metric.name] ?? null);
      const values = valuesOf(name).filter((value) => value !== null);
      return {
        metric: metric.name,
        system: name,
        cost: metric.stage === 'cost',
        value: values.length === 0 ? null : meanInterval(values, 7, 400),
        difference: at === 0 ? null : pairedDifference(valuesOf(systems[0]!.name), valuesOf(name), 7, 2000),
      };
    }),
  );
  const adjusted = new Map(
    [true, false].flatMap((cost) => {
      const family = cells.filter((cell) => cell.cost === cost && cell.difference !== null);
      const ps = holm(family.map(({ difference }) => difference!.p));
      return family.map((cell, i) => [cell, ps[i]!] as const);
    }),
  );
  return cells.map((cell): TableCell => {
    const { cost: _, ...own } = cell;
    return { ...own, adjustedP: adjusted.get(cell) ?? null };
  });
}

function changedOf(systems: readonly System[], questions: readonly QuestionReport[]): ChangedQuestion[] {
  return systems.slice(1).flatMap(({ name }) =>
    ['f1', 'em'].flatMap((metric) =>
      questions
        .map(({ id, results }) => ({
          ...{ id, system: name, metric },
          before: results[systems[0]!.name]!.values[metric]!,
          after: results[name]!.values[metric]!,
        }))
        .filter(({ before, after }) => before !== after)
        .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
        .slice(0, 8),
    ),
  );
}

/** A report of made-up values whose means, intervals and p are really computed from them. */
export function sampleReport({ hostile = false, count = 120, only = 99, seed = 11 } = {}): ExperimentReport {
  const systems = (hostile ? HOSTILE_SYSTEMS : SYSTEMS).slice(0, only);
  const questions = questionsOf(systems, count, hostile, seed);
  return {
    version: 1,
    name: hostile ? HOSTILE.script : 'Thresholds of the first release',
    made: '2026-03-09T14:05:00.000Z',
    packageVersion: '0.1.0',
    dataset: {
      name: hostile ? HOSTILE.handler : 'bridges-and-rivers',
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      questions: questions.length,
      documents: 1480,
    },
    metrics: METRICS,
    systems: systems.map(({ name, options }, i) => ({
      ...{ name, options, traces: tracesOf(i, hostile) },
      backends: { embedder: 'onnx-e5-small@1', reranker: 'onnx-mini@1', generator: 'quote@2' },
      failed:
        i === 1
          ? [
              {
                id: 'q900',
                code: 'BACKEND_FAILED',
                message: hostile ? HOSTILE.handler : 'the server ended after 3 tries',
              },
            ]
          : [],
    })),
    baseline: systems[0]!.name,
    table: tableOf(systems, questions),
    changed: changedOf(systems, questions),
    questions,
    run: { seconds: 321.47, requests: 12_345, sharedRequests: 6_789 },
    chapters: {},
  };
}
