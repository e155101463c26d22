import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntailmentRequest, SampleRequest } from '../../src/contracts.ts';
import { askSeper, type SeperFacts, type SeperOptions, type SeperParts } from '../../src/evaluate/seper/collect.ts';
import { groupedMean, membersOf } from '../../src/evaluate/seper/intervals.ts';
import { measureSeper } from '../../src/evaluate/seper/measure.ts';
import { parseRecord, recordLine, rowKey } from '../../src/evaluate/seper/records.ts';
import { labelOf, parseSeperFile, parseSeperRow } from '../../src/evaluate/seper/rows.ts';
import { reportSeper, SEPER_MEASURES } from '../../src/evaluate/seper.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { memoryIndex } from '../../src/testing/memory-index.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { configOf, passageOf } from './parts.ts';

/** P(entailment) of the better direction against the reference Paris; the rest is neutral. */
const TO_PARIS: Readonly<Record<string, number>> = { Paris: 0.9, Lyon: 0.3, Rome: 0.1, Turin: 0.05 };
const chance = ({ first, second }: EntailmentRequest): number =>
  first === 'Paris' ? (TO_PARIS[second] ?? 0) / (second === 'Paris' ? 1 : 3) : (TO_PARIS[first] ?? 0);

function asking() {
  const calls: { entail: EntailmentRequest[][]; equivalent: EntailmentRequest[][] } = { entail: [], equivalent: [] };
  const model = scriptedEntailment({
    entail: (request) => ({ entailment: chance(request), neutral: 1 - chance(request) }),
    equivalent: ({ first, second }) => (first === second ? 1 : 0),
  });
  return {
    calls,
    entailment: {
      ...model,
      entail: async (requests: readonly EntailmentRequest[]) => {
        calls.entail.push([...requests]);
        return model.entail(requests);
      },
      equivalent: async (requests: readonly EntailmentRequest[]) => {
        calls.equivalent.push([...requests]);
        return model.equivalent(requests);
      },
    },
  };
}

const NO_CRITICS = { retrieve: null, isRel: null, isSup: null, isUse: null };
const partsOf = (parts: Partial<SeperParts> = {}): SeperParts => ({
  sampler: null,
  entailment: asking().entailment,
  search: null,
  evidence: { rewriter: null, reranker: null, critics: NO_CRITICS },
  ...parts,
});
const options = (change: Partial<SeperOptions> = {}): SeperOptions => ({
  config: configOf(),
  ...{ samples: 3, perPassage: false, scores: false },
  ...change,
});
const rowOf = (fields: object) => parseSeperRow({ question: 'Capital?', answers: ['Paris'], ...fields }, 'here', 'row');
type Given = readonly (string | readonly [string, readonly (number | null)[] | null])[];
const samples = (given: Given) => given.map((one) => (typeof one === 'string' ? [one, [-0.1]] : one));
const factsOf = (context: Given, alone: Given, fields: object = {}): Promise<SeperFacts> =>
  askSeper(rowOf({ samples_with: samples(context), samples_without: samples(alone), ...fields }), partsOf(), options());

const CONTEXT = ['Paris', 'Paris', 'Lyon'];
const ALONE = ['Lyon', 'Rome', 'Paris'];

describe('one question, by hand', () => {
  it('soft, hard, F1, entropy, and what the context gains', async () => {
    const figures = measureSeper(await factsOf(CONTEXT, ALONE));
    expect(figures.with).toEqual({
      soft: expect.closeTo(0.7, 12), // (0.9 + 0.9 + 0.3) / 3
      hard: expect.closeTo(2 / 3, 12),
      f1: expect.closeTo(2 / 3, 12),
      entropy: expect.closeTo(Math.log(3) - (2 / 3) * Math.log(2), 12),
    });
    expect(figures.without).toEqual({
      soft: expect.closeTo(1.3 / 3, 12),
      hard: expect.closeTo(1 / 3, 12),
      f1: expect.closeTo(1 / 3, 12),
      entropy: expect.closeTo(Math.log(3), 12),
    });
    expect(figures).toMatchObject({
      deltaSoft: expect.closeTo(0.8 / 3, 12),
      deltaHard: expect.closeTo(1 / 3, 12),
      deltaF1: expect.closeTo(1 / 3, 12),
      entropyReduction: expect.closeTo((2 / 3) * Math.log(2), 12),
      pseudoSeper: expect.closeTo(1 / 3, 9), // Paris 2/3 with, 1/3 without
      ...{ isRel: null, rerank: null, passages: [], samples: { with: 3, without: 3 }, gap: null },
    });
  });

  it('answers weigh by their mean log-probability', async () => {
    const log3 = Math.log(3);
    const context = [['Paris', [0, 0]] as const, ['Rome', [-2 * log3, 0]] as const]; // 3 to 1
    const figures = measureSeper(await factsOf(context, ['Rome']));
    expect(figures.with!.soft).toBeCloseTo(0.75 * 0.9 + 0.25 * 0.1, 12);
    expect(figures.deltaHard).toBeCloseTo(0.75, 12);
  });

  it('a single sample of each', async () => {
    const figures = measureSeper(await factsOf(CONTEXT, ALONE), 1);
    expect(figures.with).toMatchObject({ soft: 0.9, hard: 1, f1: 1, entropy: 0 });
    expect(figures.deltaSoft).toBeCloseTo(0.6, 12);
    expect(figures.pseudoSeper).toBe(1);
    expect(figures.samples).toEqual({ with: 1, without: 1 });
  });

  it('the best reference counts; equal ones are one', async () => {
    const facts = await factsOf(['Lyon'], ['Rome'], { answers: ['Paris', 'the paris.', '', 'Nowhere'] });
    expect(facts.answers).toEqual(['Paris', 'Nowhere']);
    expect(measureSeper(facts).with!.soft).toBeCloseTo(0.3, 12); // Nowhere: Lyon says 0.3 to anything
    const other = await factsOf(['Paris'], ['Rome'], { answers: ['Nowhere', 'Paris'] });
    expect(measureSeper(other).with!.soft).toBeCloseTo(0.9, 12);
  });

  it('Chinese answers are compared by character', async () => {
    const facts = await factsOf(['巴黎市'], ['里昂'], { answers: ['巴黎'], lang: 'zh' });
    expect(measureSeper(facts).with!.f1).toBeCloseTo(0.8, 12);
    expect(measureSeper({ ...facts, lang: null }).with!.f1).toBe(0);
  });

  it('without log-probabilities each answer weighs the same, and the report says so', async () => {
    const facts = await factsOf(
      [
        ['Paris', null],
        ['Rome', null],
      ],
      ['Rome'],
    );
    expect(measureSeper(facts).with!.soft).toBeCloseTo(0.5, 12);
    expect(reportSeper([facts], { ks: [], seed: 0 }).report.discrete).toBe(1);
  });
});

describe('what has no weight', () => {
  const minus = [['Paris', [null, -1]] as const];
  it.each([
    ['empty answers alone', ['', ' ... '], ['Rome'], 'no weight with context'],
    ['-Infinity alone', ['Rome'], minus, 'no weight without context'],
  ])('%s: no figures, and the reason', async (_what, context, alone, gap) => {
    const figures = measureSeper(await factsOf(context, alone));
    expect(figures).toMatchObject({ gap, deltaSoft: null, entropyReduction: null, pseudoSeper: null });
  });

  it('an empty or impossible answer among others changes no soft measure', async () => {
    const [plain, more] = [
      measureSeper(await factsOf(['Paris', 'Rome'], ['Lyon'])),
      measureSeper(await factsOf(['', 'Paris', 'Rome', ['Lyon', [null]]], ['Lyon'])),
    ];
    expect(more.with).toEqual({
      soft: expect.closeTo(0.5, 12),
      hard: expect.closeTo(0.5, 12),
      f1: expect.closeTo(0.5, 12),
      entropy: expect.closeTo(plain.with!.entropy, 12),
    });
  });

  it.each([
    [{ answers: [''], samples_with: [['Paris', [0]]] }, 'no reference answer'],
    [{ passage: ' ' }, 'no passage'],
    [{ samples_with: [['Paris', [0]]] }, 'no samples without context'],
    [{ samples_without: [['Paris', [0]]] }, 'no samples with context'],
  ])('%j: %s', async (fields, gap) => {
    const { calls, entailment } = asking();
    const facts = await askSeper(rowOf(fields), partsOf({ entailment }), options());
    expect(measureSeper(facts).gap).toBe(gap);
    expect(calls.entail).toHaveLength('answers' in fields || 'passage' in fields ? 0 : 1);
    expect(reportSeper([facts], { ks: [], seed: 0 }).report).toMatchObject({
      leftOut: { [gap]: 1 },
      soft: { gain: null },
    });
  });
});

describe('what is asked', () => {
  it('all answers in one call, and each different one once against each reference, both ways', async () => {
    const drawn: { requests: readonly SampleRequest[]; options: object }[] = [];
    const said = {
      all: ['Paris', 'paris.', 'Rome'],
      none: ['Rome', 'The Rome', ''],
      first: ['Lyon'],
      second: ['Rome'],
    };
    const generator = scriptedGenerator(undefined, {
      samples: ({ passages }, i) => {
        const name = passages.length === 2 ? 'all' : passages.length === 0 ? 'none' : passages[0]!.text;
        return said[name as keyof typeof said][i % said[name as keyof typeof said].length]!;
      },
    });
    const sampler = {
      id: generator.id,
      sample: (requests: readonly SampleRequest[], given: Parameters<NonNullable<typeof generator.sample>>[1]) => {
        drawn.push({ requests, options: given });
        return generator.sample!(requests, given);
      },
    };
    const { calls, entailment } = asking();
    const row = rowOf({ passages: ['first', { text: 'second', title: 'T' }] });
    const facts = await askSeper(row, partsOf({ sampler, entailment }), options({ perPassage: true }));
    expect(drawn).toHaveLength(1);
    expect(drawn[0]!.requests.map(({ passages }) => passages.map(({ text }) => text))).toEqual([
      ['first', 'second'],
      [],
      ['second'],
      ['first'],
    ]);
    expect(drawn[0]!.options).toMatchObject({ first: 0, count: 3, maxTokens: 24, temperature: 0.3, seed: 0 });
    expect(facts.texts).toEqual(['Paris', 'Rome', 'Lyon']);
    expect(calls.entail).toHaveLength(1);
    expect(calls.entail[0]!.map(({ first, second }) => `${first} > ${second}`)).toEqual([
      ...['Paris > Paris', 'Paris > Paris', 'Rome > Paris', 'Paris > Rome', 'Lyon > Paris', 'Paris > Lyon'],
    ]);
    expect(calls.equivalent[0]!.map(({ first, second }) => `${first} ${second}`)).toEqual([
      ...['Paris Rome', 'Paris Lyon', 'Rome Lyon'],
    ]);
    expect(facts.models).toEqual({ sampler: 'scripted@1', entailment: 'scripted@1' });
    // With both (0.9 + 0.9 + 0.1) / 3; the second alone leaves Rome, the first alone Lyon.
    const { passages } = measureSeper(facts);
    expect(passages).toEqual([
      { deltaSoft: expect.closeTo(1.9 / 3 - 0.1, 12), deltaHard: expect.closeTo(2 / 3, 12), negative: false },
      { deltaSoft: expect.closeTo(1.9 / 3 - 0.3, 12), deltaHard: expect.closeTo(2 / 3, 12), negative: false },
    ]);
  });

  it('a passage that leads away has a negative utility; one that changes nothing has not', async () => {
    const facts = await factsOf(['Rome', 'Paris'], ['Rome'], {
      passages: ['a', 'b', 'c'],
      samples_rest: [samples(['Paris']), samples(['Rome']), samples(['Paris', 'Rome'])],
    });
    const { passages } = measureSeper(facts);
    expect(passages.map(({ negative }) => negative)).toEqual([true, false, false]);
    expect(passages[0]!.deltaSoft).toBeCloseTo(0.5 - 0.9, 12);
    expect(reportSeper([facts], { ks: [], seed: 0 }).report.passages).toMatchObject({
      n: 3,
      negative: 1,
      delta: { mean: expect.closeTo((-0.4 + 0.4 + 0) / 3, 12) },
    });
  });

  it('a single passage is worth what the context gains', async () => {
    const row = rowOf({ passage: 'the only one' });
    const sampler = scriptedGenerator(undefined, {
      samples: ({ passages }) => (passages.length > 0 ? 'Paris' : 'Rome'),
    });
    const facts = await askSeper(row, partsOf({ sampler }), options({ perPassage: true }));
    expect(facts.samples.rests).toEqual([]);
    expect(measureSeper(facts).passages).toEqual([
      { deltaSoft: expect.closeTo(0.8, 12), deltaHard: 1, negative: false },
    ]);
  });

  it('P(equivalent) where there is no NLI', async () => {
    const entailment = scriptedEntailment(
      { equivalent: ({ first, second }) => (second === 'Paris' ? TO_PARIS[first]! : 0) },
      { outputs: ['equivalent'] },
    );
    const row = rowOf({ samples_with: samples(CONTEXT), samples_without: samples(ALONE) });
    const facts = await askSeper(row, partsOf({ entailment }), options());
    expect(facts.by).toBe('equivalent');
    const { with: context } = measureSeper(facts);
    expect(context!.soft).toBeCloseTo(0.7, 12);
    expect(context!.hard).toBeCloseTo(2 / 3, 12);
  });

  it('scores of passages: what the row says stands, the rest is asked', async () => {
    const critics = { ...NO_CRITICS, isRel: scriptedCritic(() => ({ relevant: 3, irrelevant: 1 })) };
    const reranker = { id: 'r@1', score: async () => [5, 7], close: async () => {} };
    const row = rowOf({
      passages: [{ text: 'a', isRel: 0.5 }, 'b'],
      ...{ samples_with: samples(['Paris']), samples_without: samples(['Rome']) },
    });
    const parts = partsOf({ evidence: { rewriter: null, reranker, critics } });
    const facts = await askSeper(row, parts, options({ scores: true }));
    expect(facts.passages.map(({ isRel, rerank }) => [isRel, rerank])).toEqual([
      [0.5, 5],
      [0.75, 7],
    ]);
    expect(measureSeper(facts)).toMatchObject({ isRel: 0.75, rerank: 7 });
  });

  it('contexts of an index: recalled, and those kept that are relevant', async () => {
    const embedder = hashEmbedder();
    const { dimensions } = await embedder.fingerprint();
    const index = memoryIndex({ dimensions });
    const passages = ['Paris is the capital of France', 'the capital letters of a font'].map((text, i) =>
      passageOf(`p${i}`, text),
    );
    const vectors = await embedder.embed(
      passages.map(({ text }) => text),
      'passage',
    );
    const source = { key: 's', hash: 'h', origin: 'o', passages: 2 };
    await index.apply({ remove: [], add: [{ source, passages, vectors }] });
    const isRel = scriptedCritic((request) => {
      const relevant = request.kind === 'isRel' && request.passage.id === 'p0' ? 0.8 : 0.1;
      return { relevant, irrelevant: 1 - relevant };
    });
    const sampler = scriptedGenerator(undefined, {
      samples: ({ passages: given }) => (given.some(({ id }) => id === 'p0') ? 'Paris' : 'Rome'),
    });
    const facts = await askSeper(
      rowOf({ passage: 'not this one' }),
      partsOf({
        sampler,
        search: { embedder, index },
        evidence: { rewriter: null, reranker: null, critics: { ...NO_CRITICS, isRel } },
      }),
      options(),
    );
    expect(facts.passages.map(({ passage, isRel: value }) => [passage.id, value])).toEqual([
      ['p0', expect.closeTo(0.8, 12)],
    ]);
    expect(measureSeper(facts).deltaSoft).toBeCloseTo(0.8, 12);
  });

  it('no language model: CONFIG_INVALID', async () => {
    await expect(askSeper(rowOf({ passage: 'p' }), partsOf(), options())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('properties', () => {
  const Answers = fc.array(
    fc.tuple(
      fc.constantFrom('Paris', 'Lyon', 'Rome', 'Turin', ''),
      fc.array(fc.double({ min: -9, max: 0, noNaN: true }), { minLength: 1, maxLength: 3 }),
    ),
    { minLength: 1, maxLength: 8 },
  );
  const near = (a: number | null, b: number | null) =>
    a === null || b === null ? expect(a).toBe(b) : expect(a).toBeCloseTo(b, 9);

  it('the order of the samples changes no soft measure', () =>
    fc.assert(
      fc.asyncProperty(Answers, Answers, fc.integer(), async (context, alone, turn) => {
        const turned = <T>(list: readonly T[]) => {
          const at = Math.abs(turn) % list.length;
          return [...list.slice(at), ...list.slice(0, at)].reverse();
        };
        const before = measureSeper(await factsOf(context, alone));
        const after = measureSeper(await factsOf(turned(context), turned(alone)));
        near(before.deltaSoft, after.deltaSoft);
        near(before.deltaF1, after.deltaF1);
        near(before.with?.soft ?? null, after.with?.soft ?? null);
      }),
      { numRuns: 60 },
    ));

  it('a duplicate of every sample changes nothing', () =>
    fc.assert(
      fc.asyncProperty(Answers, Answers, async (context, alone) => {
        const twice = <T>(list: readonly T[]) => list.flatMap((one) => [one, one]);
        const before = measureSeper(await factsOf(context, alone));
        const after = measureSeper(await factsOf(twice(context), twice(alone)));
        for (const name of SEPER_MEASURES) near(before[name], after[name]);
        near(before.with?.entropy ?? null, after.with?.entropy ?? null);
        expect(after.gap).toBe(before.gap);
      }),
      { numRuns: 60 },
    ));

  it('identical answers have entropy 0', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), async (count) => {
        const list = Array.from({ length: count }, (_, i) => ['Lyon', [-i]] as const);
        const { with: context, entropyReduction } = measureSeper(await factsOf(list, list));
        expect(context!.entropy).toBeCloseTo(0, 12);
        expect(entropyReduction).toBeCloseTo(0, 12);
      }),
    ));
});

describe('the report', () => {
  const mixed = () =>
    Promise.all([
      factsOf(CONTEXT, ALONE),
      factsOf(['Rome', 'Paris', 'Paris'], ['Paris', 'Paris', 'Paris'], { question: 'Q2?' }),
      factsOf(['', '', ''], ALONE, { question: 'Q3?' }),
    ]);

  it('means over the rows that have one, and what is left out', async () => {
    const { report } = reportSeper(await mixed(), { ks: [], seed: 1 });
    expect(report).toMatchObject({ rows: 3, questions: 3, k: 3, fewer: 0, discrete: 0, by: ['entail'] });
    expect(report.soft.with).toMatchObject({ mean: expect.closeTo((0.7 + 1.9 / 3) / 2, 12), n: 2 });
    expect(report.soft.without).toMatchObject({ mean: expect.closeTo((1.3 / 3 + 0.9 + 1.3 / 3) / 3, 12), n: 3 });
    const [first, second] = [0.8 / 3, 1.9 / 3 - 0.9];
    expect(report.soft.gain).toEqual({
      mean: expect.closeTo((first + second) / 2, 12),
      ci95: [expect.closeTo(second, 12), expect.closeTo(first, 12)],
      n: 2,
    });
    expect(report.leftOut).toEqual({ 'no weight with context': 1 });
    expect(report).toMatchObject({ ablation: [], correlation: null, passages: null, thresholds: null, published: [] });
  });

  it('smaller k are prefixes of the largest', async () => {
    const { report, figures } = reportSeper(await mixed(), { ks: [3, 1, 20], seed: 1 });
    expect(report.k).toBe(3); // 20 were not drawn
    expect(figures[0]!.samples.with).toBe(3);
    const [one, three] = report.ablation;
    expect(report.ablation.map(({ k, n }) => [k, n])).toEqual([
      [1, 2],
      [3, 2],
    ]);
    // At k 1: 0.9 - 0.3 and 0.1 - 0.9; at k 3: 0.8 / 3 and 1.9 / 3 - 0.9.
    expect(one!.soft.delta!.mean).toBeCloseTo((0.6 - 0.8) / 2, 12);
    expect(one!.soft.change).toBeCloseTo((0.6 - 0.8 / 3 + (0.8 + 1.9 / 3 - 0.9)) / 2, 12);
    expect(one!.soft.pearson).toBeCloseTo(1, 12); // two points
    expect(three!.soft).toMatchObject({ change: 0, pearson: expect.closeTo(1, 12) });
    expect(three!.hard.delta!.mean).toBeCloseTo((1 / 3 + (2 / 3 - 1)) / 2, 12);
  });

  it('correlation with a label: Pearson, Spearman, and AUROC where it has two values', async () => {
    const facts = await Promise.all([
      factsOf(['Paris'], ['Rome'], { question: 'a' }), // 0.8
      factsOf(['Lyon'], ['Rome'], { question: 'b' }), // 0.2
      factsOf(['Rome'], ['Lyon'], { question: 'c' }), // -0.2
      factsOf(['Rome'], ['Paris'], { question: 'd' }), // -0.8
      factsOf(['Paris'], ['Paris'], { question: 'e' }), // no label
    ]);
    const values = [1, 0, 1, 0, null];
    const { correlation } = reportSeper(facts, { ks: [], seed: 3, label: { field: 'utility', values } }).report;
    expect(correlation).toMatchObject({ field: 'utility', unlabelled: 1 });
    const { deltaSoft, isRel } = correlation!.measures;
    expect(isRel).toBe(null);
    expect(deltaSoft).toMatchObject({ n: 4, auroc: { mean: 0.75, n: 4 } });
    expect(deltaSoft!.pearson!.mean).toBeCloseTo(0.6 / Math.sqrt(1.36), 12); // sum xy 0.6, sum xx 1.36, sum yy 1
    expect(deltaSoft!.spearman!.mean).toBeCloseTo(1 / Math.sqrt(5), 12); // ranks 4 3 2 1 and 3.5 1.5 3.5 1.5
    const more = { field: 'f', values: [3, 2, 1, 0, null] };
    expect(reportSeper(facts, { ks: [], seed: 3, label: more }).report.correlation!.measures.deltaSoft).toMatchObject({
      spearman: { mean: expect.closeTo(1, 12), ci95: [expect.closeTo(1, 12), expect.closeTo(1, 12)] },
      auroc: null,
    });
  });

  it('rows of one question are drawn together', () => {
    expect(membersOf(['a', 'b', 'a'])).toEqual([[0, 2], [1]]);
    // Two rows that cancel each other out in every draw.
    expect(groupedMean([1, -1, null], ['a', 'a', 'b'], 0)).toEqual({ mean: 0, ci95: [0, 0], n: 2 });
    const apart = groupedMean([1, -1], ['a', 'b'], 0)!;
    expect(apart.ci95).toEqual([-1, 1]);
    expect(groupedMean([null], ['a'], 0)).toBe(null);
  });
});

describe('rows', () => {
  it.each([
    [{ answers: 'Paris' }, 'f, line 2: answers: '],
    [{ answers: null }, 'f, line 2: answers: the reference answers are missing'],
    [{ question: ' ' }, 'f, line 2: question: is empty'],
    [{ question: 3 }, 'f, line 2: question: '],
    [{ passages: [3] }, 'f, line 2: passages.0: expected a text'],
    [{ samples_with: [] }, 'f, line 2: samples_with: '],
    [{ samples_with: [['Paris']] }, 'f, line 2: samples_with.0'],
    [{ samples_with: [['Paris', [0.4]]] }, 'f, line 2: samples_with.0.1.0: a log-probability is at most 0'],
    [
      {
        samples_without: [
          ['a', null],
          ['b', [0]],
        ],
      },
      'samples_without: either all samples have log-probabilities',
    ],
    [{ passages: ['a', 'b'], samples_rest: [[['x', [0]]]] }, 'samples_rest: 1 lists for 2 passages'],
  ])('%j is refused', (fields, said) => {
    const read = () => parseSeperRow({ question: 'q', answers: ['a'], ...fields }, 'f, line 2', 'line 2');
    expect(read).toThrow(expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining(said) }));
  });

  it('one answer, a passage with a title, -Infinity', () => {
    const row = rowOf({
      ...{ answers: undefined, answer: 'x', passage: 'p', title: 't', id: 7 },
      samples_with: [['a', [null, '-Infinity', -1]]],
    });
    expect(row).toMatchObject({ id: '7', answers: ['x'], passages: [{ passage: { text: 'p', title: 't' } }] });
    expect(row.samples!.with![0]!.logprobs).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, -1]);
  });

  it('the published example: samples with both pieces, beside their published value', async () => {
    const example = {
      question: 'Capital?',
      seper: { no_context: 0.5, both: 0.75 },
      samples_with_both_pieces: [
        {
          question: 'Capital?',
          context: 'c',
          answers: ['Paris'],
          responses: [
            ['Paris', [-0.1]],
            ['Rome', [-0.1]],
          ],
        },
      ],
    };
    const [row] = parseSeperFile(example, 'e.json');
    expect(row).toMatchObject({ id: 'row 1', published: 0.75, samples: { without: null } });
    const facts = await askSeper(row!, partsOf(), options());
    expect(reportSeper([facts], { ks: [], seed: 0 }).report).toMatchObject({
      published: [{ id: 'row 1', published: 0.75, soft: expect.closeTo(0.5, 12) }],
      leftOut: { 'no samples without context': 1 },
      soft: { with: { n: 1 }, without: null, gain: null },
    });
    expect(() => parseSeperFile([{ question: 'q' }], 'e.json')).toThrow('e.json, row 1: answers: ');
  });

  it('labels: numbers, truth values, one value against the others', () => {
    const row = rowOf({ gain: 0.5, good: true, kind: 'gold', none: null });
    expect(['gain', 'good', 'none', 'absent'].map((field) => labelOf(row, field, null))).toEqual([0.5, 1, null, null]);
    expect([labelOf(row, 'kind', 'gold'), labelOf(row, 'kind', 'random')]).toEqual([1, 0]);
    expect(() => labelOf(row, 'kind', null)).toThrow('here: the label kind is no number: "gold"');
  });
});

describe('records', () => {
  it('a line holds the whole facts, and is a row with samples too', async () => {
    const row = rowOf({
      ...{
        passages: [{ text: 'a', isRel: 0.5 }, 'b'],
        samples_with: [
          ['Paris', [-1.5, null]],
          ['Rome', [-0.1]],
        ],
      },
      ...{ samples_without: samples(ALONE), samples_rest: [samples(['Rome']), samples(['Paris'])] },
    });
    const facts = await askSeper(row, partsOf(), options());
    const line = recordLine(facts, 'settings', rowKey(row));
    const read = parseRecord(JSON.parse(line), 'f, line 1');
    expect(read).toEqual({ settings: 'settings', key: rowKey(row), facts });
    const again = parseSeperRow(JSON.parse(line), 'f, line 1', 'x');
    expect(measureSeper(await askSeper(again, partsOf(), options()))).toEqual(measureSeper(facts));
    expect(() => parseRecord({ version: 2 }, 'f, line 1')).toThrow('f, line 1: no record of discern seper');
  });
});
