import { describe, expect, it } from 'vitest';
import { outageCritic } from '../../src/backends/critic/outage.ts';
import { DiscernError } from '../../src/errors.ts';
import { createCollection, requestId } from '../../src/evaluate/export/collect.ts';
import { checkTeacher, targetOf } from '../../src/evaluate/export/targets.ts';
import { askWide } from '../../src/evaluate/wide.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import type { CriticOracle } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { changed, failing, UNDECIDED_REL } from './critic-composed-fixtures.ts';
import { collected, critic, mill, oracle, QUESTION, TARGET, tower, traceOf } from './export-fixtures.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

const idOf = (passage = tower) => requestId({ kind: 'isRel', question: QUESTION, passage });

describe('what critics were asked', () => {
  it('is one request each, with what it was answered, its documents, file and threshold', async () => {
    const { asked, answers, conflicts, unexplained } = await collected([await traceOf(), 'first']);
    const kinds = [...asked.values()].map(({ request }) => request.kind);
    expect(new Set(kinds)).toEqual(new Set(['retrieve', 'isRel', 'isSup', 'isUse']));
    expect(asked.get(idOf())).toMatchObject({
      isSentence: false,
      request: { kind: 'isRel', passage: { id: 'tower' } },
    });
    const { teachers, docIds, sources, thresholds } = asked.get(idOf(mill))!;
    expect(teachers.get('a@1')!.probs.relevant).toBeCloseTo(0.45, 12);
    expect(teachers.get('a@1')!.mass).toBe(1);
    expect([[...docIds], [...sources], [...thresholds]]).toEqual([['mill'], ['first'], [0.5]]);
    expect(answers).toEqual([
      {
        ...{ traceId: 'q1', question: QUESTION, source: 'first' },
        segments: [
          { text: 'The tower was built in 1902 by a guild.', passage: tower },
          { text: 'It is 31 metres high.', passage: tower },
        ],
      },
    ]);
    expect([conflicts, unexplained]).toEqual([0, 0]);
  });

  it('the answer that is judged as a whole is of the documents that it was written from', async () => {
    const { asked } = await collected(await traceOf());
    const uses = [...asked.values()].filter(({ request }) => request.kind === 'isUse');
    expect(uses.length).toBeGreaterThan(1);
    for (const { docIds } of uses) expect([...docIds]).toEqual(['tower']);
  });

  it('a shadow, and a critic of another file, are further teachers of the same requests', async () => {
    const contrary: CriticOracle = (request) =>
      request.kind === 'isRel' ? { relevant: 0.2, irrelevant: 0.8 } : oracle(request);
    const first = await traceOf({ shadow: critic('b@1', contrary, ['isRel']) });
    const second = await traceOf({ critic: critic('c@1') });
    const { asked } = await collected([first, 'one'], [second, 'two']);
    const { teachers, sources } = asked.get(idOf())!;
    expect([...teachers].map(([id, { probs }]) => [id, Number(probs.relevant!.toFixed(6))])).toEqual([
      ['a@1', 0.9],
      ['b@1', 0.2],
      ['c@1', 0.9],
    ]);
    expect([...sources]).toEqual(['one', 'two']);
    const support = [...asked.values()].find(({ request }) => request.kind === 'isSup')!;
    expect([...support.teachers.keys()]).toEqual(['a@1', 'c@1']);
  });

  it('what a critic says first stays, and what it says otherwise is counted', async () => {
    const changedMind: CriticOracle = (request) =>
      request.kind === 'isRel' ? { relevant: 0.6, irrelevant: 0.4 } : oracle(request);
    const collection = await collected(await traceOf(), await traceOf({ critic: critic('a@1', changedMind) }));
    expect(collection.asked.get(idOf())!.teachers.get('a@1')!.probs.relevant).toBeCloseTo(0.9, 12);
    expect(collection.conflicts).toBe(2); // both passages
    expect((await collected(await traceOf(), await traceOf())).conflicts).toBe(0);
  });

  it('the same text in two documents is one request of both', async () => {
    const twin = { ...tower, id: 'twin', docId: 'twin' };
    const { asked } = await collected(await traceOf({ passages: [tower, twin] }));
    expect([...asked.get(idOf())!.docIds]).toEqual(['tower', 'twin']);
    const titled = { ...tower, id: 'titled', title: 'Towers' };
    expect(requestId({ kind: 'isRel', question: QUESTION, passage: titled })).not.toBe(idOf());
  });

  it('of a wide trace, also what other settings asked', async () => {
    const one = critic();
    const parts = partsOf({
      passages: [tower, mill, passageOf('goat', 'A goat eats hay near the tower.')],
      critics: { retrieve: one, isRel: one, isSup: one, isUse: one },
      withContext: scriptedGenerator(),
    });
    const config = configOf({ beam: { maxSegments: 2 } });
    const answer = await askWide(
      (change, shared) => answerQuestion(QUESTION, parts, configOf({ ...config, ...change }), { shared }),
      { settings: 24, seed: 0 },
    );
    const wide = await collected(answer.trace);
    const plain = await collected((await answerQuestion(QUESTION, parts, config)).trace);
    expect(wide.asked.size).toBeGreaterThan(plain.asked.size);
    expect([...plain.asked.keys()].filter((id) => !wide.asked.has(id))).toEqual([]);
    expect(wide.unexplained).toBe(0);
    // The mill is dropped by the answer, and supports a sentence under another threshold.
    const aboutMill = [...wide.asked.values()].filter(
      ({ docIds, request }) => request.kind === 'isSup' && docIds.has('mill'),
    );
    expect(aboutMill.length).toBeGreaterThan(0);
  });

  it('a trace that cannot be answered again adds nothing', async () => {
    const trace = await traceOf();
    const collection = createCollection();
    const broken = { ...trace, facts: trace.facts.filter(({ role }) => role !== 'extend') };
    await expect(collection.add(broken, 'x')).rejects.toSatisfy((error) =>
      DiscernError.is(error, 'REPLAY_FACT_MISSING'),
    );
    expect([collection.asked.size, collection.answers.length]).toEqual([0, 0]);
  });
});

describe('the target of a request', () => {
  const said =
    (relevant: number): CriticOracle =>
    (request) =>
      request.kind === 'isRel' ? { relevant, irrelevant: 1 - relevant } : oracle(request);
  const two = async () => {
    const { asked } = await collected(await traceOf({ shadow: critic('b@1', said(0.3), ['isRel']) }));
    return asked.get(idOf())!;
  };

  it('is the mean of the teachers, or one of them', async () => {
    const asked = await two();
    const mean = targetOf(asked, TARGET);
    expect(mean.probs!.relevant).toBeCloseTo(0.6, 12); // (0.9 + 0.3) / 2
    expect(mean).toMatchObject({ label: 'relevant', doubtful: true });
    expect(mean.confidence).toBeCloseTo(0.6, 12);
    expect(mean.margin).toBeCloseTo(0.1, 12); // the threshold is 0.5
    expect(mean.disagreement).toBeCloseTo(0.6, 12);
    expect(mean.doubt).toBeCloseTo(0.9, 12);
    const b = targetOf(asked, { ...TARGET, teacher: 'b@1' });
    expect(b.label).toBe('irrelevant');
    expect([...b.teachers.keys()]).toEqual(['b@1']);
    expect(b.disagreement).toBeCloseTo(0.6, 12);
    expect(targetOf(asked, { ...TARGET, teacher: 'c@1' })).toMatchObject({ probs: null, label: null, doubt: 1 });
    expect(() => checkTeacher('c@1', [asked], false)).toThrow(
      'no trace has an answer of the critic "c@1"; there are a@1, b@1',
    );
  });

  it('is what a person says, whole or with a weight', async () => {
    const asked = await two();
    const overrides = new Map([[asked.id, { label: 'irrelevant', note: 'no' }]]);
    const whole = targetOf(asked, { ...TARGET, overrides });
    expect(whole).toMatchObject({ probs: { relevant: 0, irrelevant: 1 }, label: 'irrelevant', confidence: 1 });
    expect(whole.predicted!.label).toBe('relevant');
    const part = targetOf(asked, { ...TARGET, overrides, overrideWeight: 0.25 });
    expect(part.probs!.irrelevant).toBeCloseTo(0.25 + 0.75 * 0.4, 12);
    expect(part.label).toBe('irrelevant'); // although the critics weigh more
  });

  it('leaves out what was undecided, and what was said in place of a failed critic', async () => {
    const { critic: unsure } = changed(critic('u@1'), ({ kind }) => (kind === 'isRel' ? UNDECIDED_REL : {}));
    const open = (await collected(await traceOf({ critic: unsure }))).asked.get(idOf())!;
    expect([open.teachers.size, [...open.undecided]]).toEqual([0, ['u@1']]);
    expect(targetOf(open, TARGET)).toMatchObject({ probs: null, doubt: 1, doubtful: true });

    const guarded = outageCritic(failing(critic('f@1'), 'BACKEND_UNAVAILABLE').critic, critic('other@1'));
    const stood = (await collected(await traceOf({ critic: guarded }))).asked.get(idOf())!;
    expect([[...stood.teachers.keys()], [...stood.standIns.keys()]]).toEqual([[], ['other@1']]);
    expect(targetOf(stood, TARGET).probs).toBeNull();
    const kept = targetOf(stood, { ...TARGET, keepDegraded: true });
    expect(kept).toMatchObject({ label: 'relevant', isDegraded: true });
    expect([...kept.teachers.keys()]).toEqual(['other@1']);
  });

  it('stated numbers count only where there are no others', async () => {
    const { critic: stating } = changed(critic('s@1', said(0.1)), () => ({ basis: 'stated' }));
    const both = (await collected(await traceOf({ shadow: stating }))).asked.get(idOf())!;
    expect(targetOf(both, TARGET).probs!.relevant).toBeCloseTo(0.9, 12);
    expect(targetOf(both, { ...TARGET, teacher: 's@1' }).probs!.relevant).toBeCloseTo(0.1, 12);
    const alone = (await collected(await traceOf({ critic: stating }))).asked.get(idOf(mill))!;
    expect(targetOf(alone, TARGET).probs!.relevant).toBeCloseTo(0.1, 12);
  });
});
