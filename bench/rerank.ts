/**
 * Rerank of a question's passages on one thread: the product, bare onnxruntime and transformers.js on the same int8
 * file, in one run and in turns.
 *
 *   npm run build && npx tsx bench/rerank.ts [--pairs 50] [--runs 5] [--critic mini] [--models DIR]
 *
 * Lengths are lognormal (median 83 tokens, mean about 105, at most 384); each round has other texts of the same lengths,
 * so that nothing is known from the round before. Writes bench/results/rerank.md and rerank.json.
 */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AutoModel, AutoTokenizer, env, Tensor as JsTensor, pipeline } from '@xenova/transformers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Candidate, Passage } from '../src/types.ts';
import { shuffle } from './lib-fit.ts';
import { watchLoop } from './lib-loop.ts';
import { clock, machine, markdownTable, percentile } from './lib-stats.ts';

// Workers run the built package only, so it is measured whole.
const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { createClassifier } = await built<typeof import('../src/backends/classifier.ts')>('backends/classifier.js');
const { loadClassifier, shippedCritic } = await built<typeof import('../src/backends/classifier-definition.ts')>(
  'backends/classifier-definition.js',
);
const { FEATURES, inputsOf } =
  await built<typeof import('../src/backends/classifier-input.ts')>('backends/classifier-input.js');
const { classifierReranker } = await built<typeof import('../src/backends/reranker/classifier.ts')>(
  'backends/reranker/classifier.js',
);
const { onnxEmbedder } = await built<typeof import('../src/backends/embedder/onnx.ts')>('backends/embedder/onnx.js');
const { loadTokenizer } = await built<typeof import('../src/backends/onnx-worker-tokenizer.ts')>(
  'backends/onnx-worker-tokenizer.js',
);
const { createModelStore } = await built<typeof import('../src/models/store.ts')>('models/store.js');
const { parseConfig } = await built<typeof import('../src/config.ts')>('config.js');
const { wordReader } = await built<typeof import('../src/text/overlap.ts')>('text/overlap.js');
const { makePassage } = await built<typeof import('../src/text/passage.ts')>('text/passage.js');
const { seededRandom } = await built<typeof import('../src/text/random.ts')>('text/random.js');

const { values: flags } = parseArgs({
  options: {
    pairs: { type: 'string', default: '50' },
    runs: { type: 'string', default: '5' },
    critic: { type: 'string', default: 'mini' },
    models: { type: 'string' },
  },
});
const PAIRS = Number(flags.pairs);
const RUNS = Number(flags.runs);
const QUESTIONS = [
  'When does the first ferry leave the harbour in winter?',
  'Who paid for the new lamp of the lighthouse?',
  'How many loaves does the bakery sell on a market day?',
  'Why was the old bridge closed to carts?',
  'What does the observatory measure at night?',
];

const files = await loadClassifier((await shippedCritic(flags.critic)) ?? flags.critic);
const { definition } = files;
const tokenizer = await loadTokenizer(files.tokenizer);
const read = wordReader(tokenizer.vocabulary);

interface Round {
  readonly question: string;
  readonly passages: readonly Passage[];
  readonly ids: ReadonlyMap<string, Uint16Array>;
}

/** Lengths of the passages, in tokens: the same in each round. Of 21 draws one is taken, evenly, so that few pairs have the shape of many. */
function drawLengths(next: () => number): number[] {
  const gauss = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const drawn = Array.from({ length: 21 * PAIRS }, () => 83 * Math.exp(0.686 * gauss())).sort((a, b) => a - b);
  const even = Array.from({ length: PAIRS }, (_, i) => Math.round(drawn[21 * i + 10]!));
  return shuffle(
    even.map((length) => Math.min(384, Math.max(8, length))),
    next,
  );
}

/** Words of the example corpus, each with the number of its tokens. */
async function corpusWords(): Promise<{ word: string; tokens: number }[]> {
  const folder = fileURLToPath(new URL('../examples/corpus/', import.meta.url));
  const names = (await readdir(folder)).filter((name) => /\.(md|txt)$/.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .join(' ')
    .split(/\s+/)
    .filter((word) => /\p{L}/u.test(word))
    .map((word) => ({ word, tokens: tokenizer.ids(word, 99).length }));
}

/** Stretches of the corpus that begin anywhere and have these lengths. */
function drawRound(round: number, lengths: readonly number[], words: Awaited<ReturnType<typeof corpusWords>>): Round {
  const next = seededRandom(1000 + round);
  const passages = lengths.map((length, i) => {
    let at = Math.floor(next() * words.length);
    const taken: string[] = [];
    for (let tokens = 0; tokens < length; at = (at + 1) % words.length) {
      taken.push(words[at]!.word);
      tokens += words[at]!.tokens;
    }
    const text = taken.join(' ');
    const document = { id: `bench/${round}-${i}`, text, title: null, pages: [], headings: [], metadata: {} };
    return makePassage(document, { start: 0, end: text.length });
  });
  const ids = new Map(passages.map(({ id, text }) => [id, Uint16Array.from(tokenizer.ids(text, 4096))]));
  return { question: QUESTIONS[round % QUESTIONS.length]!, passages, ids };
}

const lengths = drawLengths(seededRandom(1));
const words = await corpusWords();
// One more for the warm-up.
const rounds = Array.from({ length: RUNS + 1 }, (_, round) => drawRound(round, lengths, words));

interface Variant {
  readonly name: string;
  /** Scores of the pairs of a round, or nothing where it gives vectors. */
  run(round: Round): Promise<readonly number[] | null>;
  close(): Promise<unknown>;
}

const THREADS = { intraOpNumThreads: 1, interOpNumThreads: 1 };
const at = definition.heads.isRel!.at;
const pairInputs = ({ question, passages, ids }: Round, maxTokens: number) => {
  const first = [tokenizer.ids(question, 512)];
  return passages.map(({ id }) =>
    inputsOf('isRel', { first, last: [...ids.get(id)!] }, definition.frame, read, { ...definition.sizes, maxTokens }),
  );
};
type Input = ReturnType<typeof inputsOf>[number];

function feedsOf(inputs: readonly Input[]): Record<string, Tensor> {
  const width = Math.max(...inputs.map(({ ids }) => ids.length));
  const table = (value: (input: Input, place: number) => number) =>
    new Tensor(
      'int64',
      BigInt64Array.from(
        inputs.flatMap((input) =>
          Array.from({ length: width }, (_, i) => BigInt(i < input.ids.length ? value(input, i) : 0)),
        ),
      ),
      [inputs.length, width],
    );
  const features = Float32Array.from(inputs.flatMap(({ features }) => features));
  return {
    input_ids: table(({ ids }, i) => ids[i]!),
    attention_mask: table(() => 1),
    token_type_ids: table(({ secondFrom }, i) => (i < secondFrom ? 0 : 1)),
    features: new Tensor('float32', features, [inputs.length, FEATURES]),
  };
}

const asCandidate = (passage: Passage, i: number): Candidate => ({
  passage,
  recallRank: i + 1,
  recallScore: 0.5,
  rerankScore: null,
});

/** The product, as `createRag` uses it: a worker thread, texts or stored ids in, scores out. Nothing is remembered. */
function ours(name: string, stored: boolean): Variant {
  const all = new Map(rounds.flatMap(({ ids }) => [...ids]));
  const tokensOf = async (ids: readonly string[]) => ids.map((id) => all.get(id) ?? null);
  const classifier = createClassifier({ files, cache: 0, ...(stored ? { tokensOf } : {}) });
  const reranker = classifierReranker(classifier);
  return {
    name,
    run: ({ question, passages }) => reranker.score(question, passages.map(asCandidate)),
    close: () => classifier.close(),
  };
}

const bareSession = await InferenceSession.create(files.model, THREADS);

/** Everything but the runs themselves was done before the clock starts. */
function bareUnpadded(): Variant {
  const prepared = new Map(
    rounds.map((round) => [
      round,
      pairInputs(round, definition.sizes.maxTokens).map((windows) => windows.map((one) => feedsOf([one]))),
    ]),
  );
  return {
    name: 'onnxruntime, the same inputs one by one',
    async run(round) {
      const scores: number[] = [];
      for (const windows of prepared.get(round)!) {
        const found: number[] = [];
        for (const feeds of windows) found.push((await bareSession.run(feeds)).logits!.data[at] as number);
        scores.push(Math.max(...found));
      }
      return scores;
    },
    close: async () => {},
  };
}

/** `maxTokens` 512: each pair whole, as a batch is made without windows. */
function barePadded(name: string, maxTokens: number): Variant {
  const prepared = new Map(rounds.map((round) => [round, feedsOf(pairInputs(round, maxTokens).flat())]));
  return {
    name,
    async run(round) {
      await bareSession.run(prepared.get(round)!);
      return null;
    },
    close: async () => {},
  };
}

/** A folder as transformers.js wants it. Padding and truncation of the tokenizer's file go: it has options for them. */
async function transformersFolder(root: string, name: string, model: string, tokenizerFile: string): Promise<void> {
  const folder = join(root, name);
  await mkdir(join(folder, 'onnx'), { recursive: true });
  await copyFile(model, join(folder, 'onnx', 'model_quantized.onnx'));
  const tokens = { ...JSON.parse(await readFile(tokenizerFile, 'utf8')), padding: null, truncation: null };
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokens));
  await writeFile(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'BertTokenizer', model_max_length: 512, pad_token: '[PAD]' }),
  );
  await writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: 'bert', hidden_size: 384 }));
}

/** Tokenizer and model of transformers.js on our file, as its cross-encoders are used; `size` pairs a call. */
async function transformersPairs(name: string, size: number): Promise<Variant> {
  const encode = await AutoTokenizer.from_pretrained('critic');
  const model = await AutoModel.from_pretrained('critic', { dtype: 'q8', session_options: THREADS });
  return {
    name,
    async run({ question, passages }) {
      for (let i = 0; i < passages.length; i += size) {
        const texts = passages.slice(i, i + size).map(({ text }) => text);
        const inputs = encode(
          texts.map(() => question),
          { text_pair: texts, padding: true, truncation: true },
        );
        const features = new JsTensor('float32', new Float32Array(texts.length * FEATURES), [texts.length, FEATURES]);
        await model({ ...inputs, features });
      }
      return null;
    },
    close: () => model.dispose(),
  };
}

async function transformersVectors(name: string, size: number): Promise<Variant> {
  const extract = await pipeline('feature-extraction', 'encoder', { dtype: 'q8', session_options: THREADS });
  return {
    name,
    async run({ passages }) {
      for (let i = 0; i < passages.length; i += size)
        await extract(
          passages.slice(i, i + size).map(({ text }) => text),
          { pooling: 'mean', normalize: true },
        );
      return null;
    },
    close: () => extract.dispose(),
  };
}

interface Row {
  readonly name: string;
  /** Of each round, in order. */
  readonly ms: readonly number[];
  /** Computing time of all threads: what a busy machine does not lengthen as much. */
  readonly cpuMs: readonly number[];
}

/** Every variant once a round, each round beginning with another one. */
async function inTurns(variants: readonly Variant[]): Promise<Row[]> {
  for (const variant of variants) await variant.run(rounds[0]!);
  const times = variants.map((): number[] => []);
  const computing = variants.map((): number[] => []);
  for (const [turn, round] of rounds.slice(1).entries()) {
    let scored: readonly number[] | null = null;
    for (let step = 0; step < variants.length; step++) {
      const which = (turn + step) % variants.length;
      let found: readonly number[] | null = null;
      const before = process.cpuUsage();
      times[which]!.push(
        await clock(async () => {
          found = await variants[which]!.run(round);
        }),
      );
      const { user, system } = process.cpuUsage(before);
      computing[which]!.push((user + system) / 1000);
      scored = agreeing(variants[which]!.name, found, scored);
    }
  }
  return variants.map(({ name }, i) => ({ name, ms: times[i]!, cpuMs: computing[i]! }));
}

/** What gives scores gives the same ones: otherwise the rows would not be comparable. */
function agreeing(name: string, found: readonly number[] | null, known: readonly number[] | null) {
  if (found === null || known === null) return found ?? known;
  const apart = Math.max(...found.map((score, i) => Math.abs(score - known[i]!)));
  if (apart > 1e-3) throw new Error(`${name} scores a pair by ${apart} differently`);
  return found;
}

const folder = await mkdtemp(join(tmpdir(), 'discern-bench-'));
const store = createModelStore(parseConfig({ models: { dir: flags.models ?? null } }).models);
const encoder = await store.resolve('all-minilm-l6-v2');
await transformersFolder(folder, 'critic', files.model, files.tokenizer);
await transformersFolder(folder, 'encoder', encoder.files['model.onnx']!.path, encoder.files['tokenizer.json']!.path);
Object.assign(env, { localModelPath: folder, allowRemoteModels: false });
const loadBefore = machine().load1;

const rerankers = [
  ours('**Discern, from texts**', false),
  ours('Discern, token ids stored', true),
  bareUnpadded(),
  barePadded('onnxruntime, one padded batch of whole pairs', definition.sizes.limit),
  barePadded('onnxruntime, one padded batch of the same inputs', definition.sizes.maxTokens),
  await transformersPairs('transformers.js, one call', PAIRS),
  await transformersPairs('transformers.js, pair by pair', 1),
];
const pairRows = await inTurns(rerankers);
const watch = watchLoop();
for (const round of rounds) await rerankers[0]!.run(round);
const loop = await watch.stop();
for (const variant of rerankers) await variant.close();
await bareSession.release();

const embedder = onnxEmbedder({ model: encoder, maxTokens: 512, threads: 1 });
const embedders: Variant[] = [
  {
    name: '**Discern**',
    async run({ passages }) {
      await embedder.embed(
        passages.map(({ text }) => text),
        'passage',
      );
      return null;
    },
    close: () => embedder.close(),
  },
  await transformersVectors('transformers.js pipeline, one call', PAIRS),
  await transformersVectors('transformers.js pipeline, text by text', 1),
];
const textRows = await inTurns(embedders);
for (const variant of embedders) await variant.close();
await rm(folder, { recursive: true });

const windows = pairInputs(rounds[1]!, definition.sizes.maxTokens).flat();
const about = {
  ...machine(),
  loadBefore,
  critic: `${definition.id}@${definition.version}`,
  transformers: env.version,
  pairs: PAIRS,
  runs: RUNS,
  tokens: { mean: lengths.reduce((sum, one) => sum + one, 0) / PAIRS, median: percentile(lengths, 0.5) },
  modelRuns: windows.length,
};
const median = (values: readonly number[]) => percentile(values, 0.5);
/** Median over the rounds of how many times as long as `other` it took in the same round. */
const times = (row: Row, other: Row, measure: 'ms' | 'cpuMs' = 'ms') =>
  median(row[measure].map((value, round) => value / other[measure][round]!));
const table = (rows: readonly Row[]) =>
  markdownTable(
    ['variant', 'median ms', 'least–most', 'ms each', 'CPU ms', 'times the first row'],
    rows.map((row) => [
      row.name,
      median(row.ms).toFixed(1),
      `${Math.min(...row.ms).toFixed(1)}–${Math.max(...row.ms).toFixed(1)}`,
      (median(row.ms) / PAIRS).toFixed(2),
      median(row.cpuMs).toFixed(1),
      times(row, rows[0]!).toFixed(2),
    ]),
  );
const [fromTexts, fromIds, bare, padded, , allAtOnce, oneByOne] = pairRows as [Row, Row, Row, Row, Row, Row, Row];
const overhead = (row: Row) => `${times(row, bare).toFixed(2)} (computing ${times(row, bare, 'cpuMs').toFixed(2)})`;
const faster = (row: Row) => times(row, fromTexts).toFixed(1);
const report = `# Rerank

${PAIRS} pairs of a question and a passage, int8, one thread, ${RUNS} rounds in turns. Passages have ${about.tokens.mean.toFixed(0)} tokens
in the mean and ${about.tokens.median} in the median (lognormal, at most 384); ${about.critic} reads longer ones in windows, ${windows.length}
runs in all. Nothing is remembered from round to round.

${about.cpu}, ${about.cores} cores, Node ${about.node}, load ${loadBefore} before and ${about.load1} after. Made by
\`npm run build && npx tsx bench/rerank.ts\`.

${table(pairRows)}

- Times bare onnxruntime: ${overhead(fromTexts)} from texts, ${overhead(fromIds)} with stored ids (aim: at most 1.1).
- Faster than one padded batch of whole pairs: ${faster(padded)} times (aim: 8).
- Faster than transformers.js ${about.transformers}, which runs the same onnxruntime: ${faster(allAtOnce)} times where it is given all pairs
  in one call (aim: 2.5), ${faster(oneByOne)} where a program gives it one pair a call.
- Longest stall of the main thread while ${rounds.length} reranks ran: ${loop.max.toFixed(1)} ms, of it computing at most ${loop.computing?.max.toFixed(1) ?? '?'} ms.

The same texts embedded by all-MiniLM-L6-v2, beside the feature-extraction pipeline of transformers.js:

${table(textRows)}
`;
const results = new URL('./results/', import.meta.url);
await writeFile(new URL('rerank.md', results), report);
await writeFile(
  new URL('rerank.json', results),
  `${JSON.stringify({ about, pairs: pairRows, texts: textRows, loop: { p99: loop.p99, max: loop.max, computing: loop.computing } }, null, 2)}\n`,
);
process.stdout.write(report);
