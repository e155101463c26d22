/** Hard negatives: passages that the embedder takes for relevant, and that hold none of the known answers. */
import { onnxEmbedder } from '../../src/backends/embedder/onnx.ts';
import type { ResolvedModel } from '../../src/models/manifest.ts';
import { type Row, readRows, squeeze } from './data.ts';

/** The very nearest may be an unlabelled answer; far ones teach nothing. */
const NEAREST = 3;
const FARTHEST = 24;
/** A nearer passage than this share of the gold passage's similarity may be as good as it. */
const MARGIN = 0.98;

/** Marks rows made of a claim and its evidence. */
export const EVIDENCE = '+evidence';

/** Texts of one kind have one length and style. */
const kindOfText = (source: string): string =>
  source === 'squad11_sent' || source.endsWith(EVIDENCE) ? source : 'passages';

export async function mineNegatives(
  rows: readonly Row[],
  count: number,
  context: { model: ResolvedModel; data: string; random: () => number; log: (text: string) => void },
): Promise<{ row: Row; passage: string }[]> {
  const { model, data, random, log } = context;
  if (count === 0) return [];
  const embedder = onnxEmbedder({ model, maxTokens: 160, threads: 1 });
  const pool = [...new Set(rows.map(({ passage }) => passage!))];
  const gold = rows.filter(
    ({ label, source }) => label === 'relevant' && source !== 'factcheck_gpt' && source !== 'clapnq',
  );
  const answersOf = new Map<string, string[]>();
  for (const name of ['adversarial_qa', 'qed', 'nq_oracle'])
    for (const { question, answers } of await readRows(data, `qa/${name}.jsonl.gz`))
      answersOf.set(
        squeeze(question!),
        (answers ?? []).map(squeeze).filter((answer) => answer.length > 1),
      );
  const relevant = new Map<string, Set<string>>();
  for (const { question, passage } of gold) {
    const key = squeeze(question!);
    relevant.set(key, (relevant.get(key) ?? new Set()).add(passage!));
  }
  const vectors = await embedder.embed(pool, 'passage', {
    onProgress: (done) => {
      if (done % 2000 === 0) log(`mining: ${done} of ${pool.length} passages embedded`);
    },
  });
  const queries = await embedder.embed(
    gold.map(({ question }) => question!),
    'query',
  );
  await embedder.close();
  const flat = new Float32Array(pool.length * 384);
  vectors.forEach((vector, i) => {
    flat.set(vector, i * 384);
  });
  const squeezed = pool.map(squeeze);
  const sentence = pool.map((_, i) => i);
  const kindOf = new Map(rows.map(({ passage, source }) => [passage!, kindOfText(source)]));
  const found = gold.flatMap((row, q) => {
    const key = squeeze(row.question!);
    const answers = answersOf.get(key) ?? [];
    // Sentences against sentences, passages against passages: the length must not tell them apart.
    const sims = sentence.filter((i) => kindOf.get(pool[i]!) === kindOfText(row.source));
    const own = pool.indexOf(row.passage!);
    const scored = sims.map((i) => [i, dot(flat, i * 384, queries[q]!)] as const).sort((a, b) => b[1] - a[1]);
    const limit = MARGIN * dot(flat, own * 384, queries[q]!);
    const candidates = scored
      .slice(0, FARTHEST + NEAREST)
      .filter(
        ([i, score], rank) =>
          (rank >= NEAREST || answers.length > 0) && score < limit && !relevant.get(key)!.has(pool[i]!),
      )
      .filter(([i]) => !answers.some((answer) => squeezed[i]!.includes(answer)));
    const chosen: string[] = [];
    while (chosen.length < count && candidates.length > 0) {
      const at = Math.floor(random() * random() * candidates.length); // nearer ones more often
      chosen.push(pool[candidates.splice(at, 1)[0]![0]]!);
    }
    if (row.source.endsWith(EVIDENCE)) {
      const any = pool[sims[Math.floor(random() * sims.length)]!]!; // these rows come without irrelevant ones of their own
      if (!relevant.get(key)!.has(any)) chosen.push(any);
    }
    return chosen.map((passage) => ({ row, passage }));
  });
  log(`mined ${found.length} negatives for ${gold.length} questions out of ${pool.length} passages`);
  return found;
}

function dot(flat: Float32Array, from: number, vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += flat[from + i]! * vector[i]!;
  return sum;
}
