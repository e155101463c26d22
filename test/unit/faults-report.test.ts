import { describe, expect, it } from 'vitest';
import { DiscernError } from '../../src/errors.ts';
import type { GoldQuestion } from '../../src/evaluate/data/dataset.ts';
import { checkLimits } from '../../src/evaluate/faults/check.ts';
import type { FaultReport } from '../../src/evaluate/faults/fault-report.ts';
import { findFaults } from '../../src/evaluate/faults/faults.ts';
import { pairTraces } from '../../src/evaluate/faults/pairs.ts';
import { answerMetric } from '../../src/evaluate/metrics/registry.ts';
import { chaptersPage } from '../../src/evaluate/report/chapters-page.ts';
import { faultsChapter } from '../../src/evaluate/report/faults-chapter.ts';
import { plainText } from '../../src/stages/answer.ts';
import type { Answer, Trace } from '../../src/types.ts';
import { baseline, critic, PASSAGES, QUESTIONS, recaller, record, reranker } from './faults-fixtures.ts';

const run = (name: string, traces: readonly Trace[]) => ({ name, traces });
const goldOf =
  (answers: (trace: Trace, place: number) => readonly string[] | null) =>
  (traces: readonly Trace[]) =>
  (trace: Trace): GoldQuestion | null => {
    const gold = answers(trace, traces.indexOf(trace));
    return gold && { id: trace.id, question: trace.question, answers: gold, relevant: null, group: null, lang: 'en' };
  };
/** What the baseline says is right. */
const asBefore = goldOf((trace) => [plainText(wordsOf(trace))]);
const wordsOf = (trace: Trace): Pick<Answer, 'segments'> =>
  ({ segments: [{ text: trace.answer.text.replace(/ ?\[\d\]/g, '') }] }) as unknown as Answer;

const metrics = ['em', 'calls'].map(answerMetric);

describe('questions of two runs', () => {
  const of = (id: string, question: string) => ({ id, question }) as Trace;

  it('belong together by id and text, else by text, each once', () => {
    const a = [of('1', 'x'), of('2', 'y'), of('3', 'z'), of('trace', 'v'), of('trace', 'w')];
    const b = [of('trace', 'w'), of('trace', 'v'), of('2', 'x'), of('9', 'y'), of('3', 'other')];
    const { pairs, onlyA, onlyB } = pairTraces(a, b);
    expect(pairs.map((pair) => [a.indexOf(pair.a), b.indexOf(pair.b)])).toEqual([
      [0, 2],
      [1, 3],
      [3, 1],
      [4, 0],
    ]);
    expect([onlyA, onlyB]).toEqual([[a[2]], [b[4]]]);
  });

  it('that stand twice are taken once', () => {
    const twice = [of('1', 'x'), of('1', 'x')];
    expect(pairTraces(twice, [of('1', 'x')])).toMatchObject({ pairs: [{ a: twice[0] }], onlyA: [twice[1]], onlyB: [] });
    expect(pairTraces([of('1', 'x')], twice).onlyB).toEqual([twice[1]]);
  });

  it('of one run only are counted', async () => {
    const all = await baseline();
    const report = await findFaults(run('a', all.slice(1)), run('b', all.slice(0, -2)));
    expect(report).toMatchObject({ pairs: 5, onlyA: ['q6', 'q7'], onlyB: ['q0'], changed: 0 });
    expect([report.a, report.b]).toEqual([
      { name: 'a', traces: 7 },
      { name: 'b', traces: 6 },
    ]);
  });
});

describe('the effect on a metric', () => {
  const compare = async (): Promise<{ report: FaultReport; traces: readonly Trace[] }> => {
    const traces = await baseline();
    const after = await record({ critic: critic(true) });
    // The first two questions have no gold answer: nothing is right or wrong there.
    const known = goldOf((trace, i) => (i < 2 ? null : [wordsOf(trace).segments[0]!.text]));
    return { traces, report: await findFaults(run('a', traces), run('b', after), { metrics, goldOf: known(traces) }) };
  };

  it('is the mean difference over the questions that are blamed on a stage', async () => {
    const { report } = await compare();
    const judged = report.questions.filter(({ id }) => Number(id.slice(1)) >= 2);
    const critics = report.stages.find(({ stage }) => stage === 'critic')!;
    expect(judged.length).toBeGreaterThan(3);
    expect(judged.length).toBeLessThan(report.changed);
    // Every changed answer was right and is wrong.
    expect(critics.effects.em).toMatchObject({ mean: -1, n: judged.length });
    expect(critics.shares.em).toBeCloseTo(-judged.length / 6, 12);
    expect(report.metrics[0]).toMatchObject({
      ...{ name: 'em', stage: 'end to end', better: 'higher', a: { mean: 1, n: 6 } },
      difference: { mean: expect.closeTo(-judged.length / 6, 12), n: 6 },
    });
    expect(report.metrics[1]!.difference!.n).toBe(8);
    expect(report.stages.filter(({ stage }) => stage !== 'critic').map(({ effects }) => effects.em)).toEqual(
      Array(5).fill(null),
    );
  });

  it('puts the largest loss of the first metric first', async () => {
    const { report } = await compare();
    const losses = report.questions.map(({ metrics: { em } }) =>
      em!.before === null || em!.after === null ? 0 : em!.after - em!.before,
    );
    expect(losses).toEqual([...losses].sort((x, y) => x - y));
    expect(losses[0]).toBe(-1);
    expect(losses.at(-1)).toBe(0);
  });

  it('without gold answers only cost is known', async () => {
    const after = await record({ critic: critic(true) });
    const report = await findFaults(run('a', await baseline()), run('b', after), { metrics });
    expect(report.metrics[0]).toMatchObject({ a: null, b: null, difference: null });
    expect(report.metrics[1]!.a!.n).toBe(8);
    expect(report.questions[0]!.metrics.em).toEqual({ before: null, after: null });
  });
});

describe('what is not the same', () => {
  it('names parts and options with what they were', async () => {
    const report = await findFaults(
      run('a', await baseline()),
      run(
        'b',
        await record({
          reranker: reranker(-1, 'reranker@2'),
          config: { isRel: { threshold: 0.8 }, generate: { seed: 7 }, models: { offline: true } },
        }),
      ),
    );
    expect(report.parts).toEqual([
      { name: 'rerank', stage: 'rerank', before: 'reranker@1', after: 'reranker@2', questions: 8 },
    ]);
    expect(report.options).toEqual([
      { name: 'isRel.threshold', stage: 'settings', before: 0.4, after: 0.8, questions: 8 },
      { name: 'generate.seed', stage: 'generator', before: 0, after: 7, questions: 8 },
    ]);
    expect(
      report.backends.filter(({ role }) => role === 'rerank').map(({ backend, status }) => [backend, status]),
    ).toEqual([
      ['reranker@1', 'gone'],
      ['reranker@2', 'new'],
    ]);
  });

  it('a part that is gone has no id', async () => {
    const report = await findFaults(run('a', await baseline()), run('b', await record({ reranker: null })));
    expect(report.parts).toEqual([
      { name: 'rerank', stage: 'rerank', before: 'reranker@1', after: null, questions: 8 },
    ]);
  });

  it('a shadow critic is none of it', async () => {
    const shadowed = (await baseline()).map((trace, i): Trace => {
      const said = trace.facts.find(({ role }) => role === 'critique')!;
      return {
        ...trace,
        backends: { ...trace.backends, 'critic.shadow': 'shadow@1' },
        facts: [
          ...trace.facts,
          { ...said, backend: 'shadow@1', value: { ...(said.value as object), mass: 1 / (i + 2) } },
        ],
      };
    });
    const report = await findFaults(run('a', await baseline()), run('b', shadowed));
    expect(report).toMatchObject({ changed: 0, otherFactsSameAnswer: 0, parts: [] });
    expect(report.backends.map(({ backend }) => backend)).not.toContain('shadow@1');
  });

  it('facts that no answer needed are none of it', async () => {
    const wider = (await baseline()).map((trace): Trace => {
      const [fact] = trace.facts.filter(({ role }) => role === 'rerank');
      return { ...trace, facts: [...trace.facts, { ...fact!, key: 'asked besides' }] };
    });
    const report = await findFaults(run('a', await baseline()), run('b', wider));
    expect(report).toMatchObject({ changed: 0, otherFactsSameAnswer: 0 });
  });

  it('passages with another text under the same id are counted', async () => {
    const traces = await baseline();
    const [first] = Object.keys(traces[0]!.passages);
    const edited = traces.map((trace, i): Trace => {
      const passage = trace.passages[first!];
      return i > 0 || !passage
        ? trace
        : { ...trace, passages: { ...trace.passages, [first!]: { ...passage, text: 'x' } } };
    });
    const report = await findFaults(run('a', traces), run('b', edited));
    expect(report).toMatchObject({ changed: 0, editedPassages: 1 });
    expect(faultsChapter(report).body.html).toContain('another text in the second run: 1.');
  });

  it('answers that this version would give otherwise are told', async () => {
    const other = (await baseline()).map((trace) => ({
      ...trace,
      answer: { ...trace.answer, text: 'As it was then.' },
    }));
    const report = await findFaults(run('a', other), run('b', await baseline()));
    expect(report).toMatchObject({ changed: 0, notAsRecorded: { a: 8, b: 0 }, notReplayed: { a: [], b: [] } });
  });
});

describe('limits', () => {
  const reportOf = async (names: readonly string[]): Promise<FaultReport> => {
    const traces = await baseline();
    return findFaults(run('a', traces), run('b', await record({ recaller: recaller(PASSAGES.slice(0, 25)) })), {
      metrics: names.map(answerMetric),
      goldOf: asBefore(traces),
    });
  };
  const limit = (name: string, most: number) => ({ metric: answerMetric(name), most });

  it('are compared with how much worse it is', async () => {
    const report = await reportOf(['em']);
    const { mean, ci95 } = report.metrics[0]!.difference!;
    expect(mean).toBeLessThan(-0.1);
    expect(ci95[1]).toBeLessThan(0);
    const check = (most: number, sure = false) => checkLimits(report, [limit('em', most)], sure)[0]!;
    expect(check(0)).toMatchObject({
      metric: 'em',
      worse: -mean,
      ci95: [-ci95[1], -ci95[0]],
      before: 1,
      passed: false,
    });
    expect(check(-mean).passed).toBe(true);
    expect(check(-mean - 0.001).passed).toBe(false);
    // Only the drop itself is beyond this one: the interval reaches below it.
    const between = (-mean - ci95[1]) / 2;
    expect([check(between).passed, check(between, true).passed]).toEqual([false, true]);
    expect(check(-ci95[1] - 0.001, true).passed).toBe(false);
  });

  it('of a cost hold for a rise, and never for a fall', async () => {
    const report = await reportOf(['calls']);
    const { mean } = report.metrics[0]!.difference!;
    const [result] = checkLimits(report, [limit('calls', 0)], false);
    expect(result).toMatchObject({ better: 'lower', worse: mean, passed: mean <= 0 });
    const undone = await findFaults(run('a', await record({ critic: critic(true) })), run('b', await baseline()), {
      metrics: [answerMetric('calls')],
    });
    const rise = undone.metrics[0]!.difference!.mean;
    expect(rise).toBeGreaterThan(0.1);
    expect(checkLimits(undone, [limit('calls', rise - 0.01)], false)[0]!.passed).toBe(false);
    expect(checkLimits(undone, [limit('calls', rise + 0.01)], false)[0]!.passed).toBe(true);
  });

  it('cannot be checked where the metric is not defined', async () => {
    const traces = await baseline();
    const report = await findFaults(run('a', traces), run('b', traces), { metrics: [answerMetric('em')] });
    expect(() => checkLimits(report, [limit('em', 0)], false)).toThrow('em is defined for none of 8 questions');
    expect(() => checkLimits(report, [limit('f1', 0)], false)).toThrow(DiscernError);
  });
});

describe('the chapter', () => {
  it('shows who is to blame, with texts as text', async () => {
    const questions = [...QUESTIONS, '<b>What</b> happened to the "tower" & mill?'];
    const traces = await record({ questions });
    const report = await findFaults(
      run('<a>.jsonl', traces),
      run('b.jsonl', await record({ questions, reranker: reranker(-1), critic: critic(true) })),
      { metrics, goldOf: asBefore(traces) },
    );
    const page = chaptersPage('Comparison', 'b against a', [faultsChapter(report)]);
    expect(page).not.toMatch(/<script|<b>|<a>\.jsonl/);
    expect(page).toContain('&#60;a&#62;.jsonl');
    expect(page).toContain('rerank and critic, by substitution; not tried for missing facts: rerank, critic');
    expect(page).toContain('other answers under the same id');
    for (const { id } of report.questions) expect(page).toContain(`<bdi>${id}</bdi>`);
    const words = page.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]*>/g, ' ');
    expect(words).toContain(`${report.changed} answers changed`);
  });

  it('says what makes the comparison weak', async () => {
    const config = { recall: { topK: 12 }, beam: { maxSegments: 1 } };
    const report = await findFaults(
      run('a', await record({ config })),
      run('b', await record({ config, reranker: reranker(-1) })),
    );
    const { html } = faultsChapter({
      ...report,
      notReplayed: { a: ['q1'], b: ['q1', 'q2'] },
      notAsRecorded: { a: 3, b: 1 },
    }).body;
    expect(html).toContain('2 questions cannot be answered again');
    expect(html).toContain('4 recorded answers would be another one today');
    expect(html).toContain('nothing but its id says that the critic is the same');
    expect(html).toContain('not checked: critic');
  });

  it('has nothing to list where nothing changed', async () => {
    const report = await findFaults(run('a', await baseline()), run('b', await baseline()));
    const { html } = faultsChapter(report).body;
    expect(html).toContain('0 answers changed');
    expect(html).not.toMatch(/Changed answers|<article>|Options|Parts/);
  });
});
