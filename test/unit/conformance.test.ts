import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkConformance, formatOf, isKnownFormat } from '../../src/evaluate/conformance.ts';

const golden = (name: string) => JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8'));

const FILES = [
  ['calibration.json', 43],
  ['cluster-sts.json', 52],
  ['ir-metrics.json', 39],
  ['qa.json', 46],
  ['selfrag-beam.json', 43],
  ['selfrag-closed.json', 12],
  ['selfrag-scores.json', 62],
  ['seper.json', 27],
] as const;

/** What a file gives for information: it may say anything. */
const INFORMATION = /sklearn|Thresholds|slope|intercept|threshold$/;

/** Calls `change` on every number, with a way to set it and its path. */
function eachNumber(
  value: unknown,
  path: string,
  change: (path: string, number: number, set: (n: number) => void) => void,
) {
  if (typeof value !== 'object' || value === null) return;
  const object = value as Record<string, unknown>;
  for (const [key, item] of Object.entries(object)) {
    const here = `${path}.${key}`;
    if (typeof item === 'number') change(here, item, (n) => Object.assign(object, { [key]: n }));
    else eachNumber(item, here, change);
  }
}

describe('golden files', () => {
  it.each(FILES)('%s: all %i cases agree', (name, count) => {
    const result = checkConformance(golden(name));
    expect(result.differences).toEqual([]);
    expect(result).toMatchObject({ passed: count, failed: 0 });
  });

  it.each(FILES)('%s: every expected number is compared', (name) => {
    const file = golden(name);
    const missed: string[] = [];
    let changed = 0;
    for (const [key, list] of Object.entries<unknown>(file)) {
      if (!Array.isArray(list) || typeof list[0] !== 'object') continue;
      const one = structuredClone(list[0]);
      if (one.runs) one.runs = one.runs.slice(0, 1);
      const { format, tolerance, gateThresholds } = file;
      const small = { format, tolerance, gateThresholds, [key]: [one] };
      eachNumber((one.runs?.[0] ?? one).expected, key, (path, number, set) => {
        if (INFORMATION.test(path)) return;
        changed += 1;
        set(number + 0.01);
        if (checkConformance(small).failed !== 1) missed.push(path);
        set(number);
      });
    }
    expect(missed).toEqual([]);
    expect(changed).toBeGreaterThan(5);
  });

  it('names the place of a difference', () => {
    const file = golden('selfrag-closed.json');
    file.cases[0].expected.scores[1] += 1e-6;
    const result = checkConformance(file);
    expect(result).toMatchObject({ passed: 11, failed: 1 });
    expect(result.differences[0]).toMatchObject({ id: 'cs-s00', path: 'scores.1' });
  });

  it('fails where the means over a file differ', () => {
    const file = golden('qa.json');
    file.corpus.f1 += 1e-6;
    expect(checkConformance(file)).toMatchObject({
      passed: 46,
      failed: 1,
      differences: [{ id: 'corpus', path: 'f1' }],
    });
  });

  it('wants null where a value is undefined, and not a number', () => {
    const file = golden('cluster-sts.json');
    const constant = file.correlation.find(({ id }: { id: string }) => id === 'co-s-const');
    constant.expected.pearson = 0;
    expect(checkConformance(file).differences).toEqual([
      { id: 'co-s-const', path: 'pearson', expected: 0, actual: null },
    ]);
  });

  it('counts a case that cannot be computed as failed, and goes on', () => {
    const file = golden('selfrag-closed.json');
    file.cases[0].passages = 'none';
    expect(checkConformance(file)).toMatchObject({ passed: 11, failed: 1, differences: [{ id: 'cs-s00', path: '' }] });
  });

  it('keeps ids apart that look like parts of every object', () => {
    const text = JSON.stringify({
      id: 'odd',
      k: [1],
      relevanceLevel: 1,
      qrels: { Q: { D: 1 } },
      run: { Q: [['D', 0.5]] },
      ranking: { Q: ['D'] },
      expected: { perQuery: { Q: { rr: 1, 'ndcg@1': 1 } }, counts: { intersection: 1 } },
    });
    for (const id of ['__proto__', 'constructor', 'toString']) {
      const file = {
        format: 'ir-metrics/1',
        cases: [JSON.parse(text.replaceAll('"Q"', `"${id}"`).replaceAll('"D"', `"${id}"`))],
      };
      expect(checkConformance(file)).toEqual({ passed: 1, failed: 0, differences: [] });
    }
  });

  it('a condition without any weight is degenerate and keeps nothing', () => {
    const condition = (logprobs: unknown[]) => ({
      responses: [{ text: 'a', tokenLogprobs: logprobs }],
      nli: { responseResponse: [[null]], responseGold: [[[0, 0, 1]]], goldResponse: [[[0, 0, 1]]] },
    });
    const clusters = {
      ids: [0],
      semanticEntropy: null,
      semanticPerplexity: null,
      sePerHard: null,
      clusterProbabilities: null,
    };
    const file = {
      format: 'seper/1',
      gateThresholds: [-1],
      cases: [
        {
          id: 'empty',
          golds: ['g'],
          conditions: { without: condition([]), with: condition(['-Infinity']) },
          expected: {
            without: {
              logLikelihoods: ['-Infinity'],
              weights: [0],
              degenerate: true,
              strict: clusters,
              sePerSoft: null,
              predictiveEntropy: null,
            },
            with: {
              logLikelihoods: ['-Infinity'],
              weights: null,
              degenerate: true,
              loose: clusters,
              sePerSoftPerGold: [null],
            },
            delta: {
              deltaSoft: null,
              deltaHard: { strict: null },
              entropyReduction: { loose: null },
              keepContext: { soft: [false], entropyLoose: [false] },
            },
          },
        },
      ],
    };
    expect(checkConformance(file)).toEqual({ passed: 1, failed: 0, differences: [] });
  });

  it('refuses an unknown format and a file of another shape', () => {
    const refused = expect.objectContaining({ code: 'INPUT_INVALID' });
    expect(() => checkConformance({ format: 'other/1' })).toThrow(refused);
    expect(() => checkConformance({ format: 'qa/1', cases: [{ prediction: 1 }] })).toThrow(refused);
    expect(() => checkConformance(null)).toThrow(refused);
    expect([formatOf({}), formatOf({ format: 'qa/1' }), isKnownFormat('qa/1'), isKnownFormat('toString')]).toEqual([
      '',
      'qa/1',
      true,
      false,
    ]);
  });
});
