import { describe, expect, it } from 'vitest';
import { createRag, parseTrace, replayCheck } from '../../src/index.ts';
import { checkAnswer } from '../../src/pipeline.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import type { CritiqueRequest } from '../../src/types.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

const tower = passageOf('tower', 'The tower was built in 1902. It is 31 metres high.');
const mill = passageOf('mill', 'The mill grinds rye.');
const question = 'When was the tower built?';
const asked: CritiqueRequest[] = [];
/** Fully supported with 0.6, partially with 0.2, where passage and segment both speak of the tower. */
const critic = scriptedCritic((request): Record<string, number> => {
  asked.push(request);
  if (request.kind === 'isUse') return { '5': 0.5, '4': 0.5 };
  const both = request.kind === 'isSup' && /tower/.test(request.passage.text) && /tower/.test(request.segment);
  return both ? { fully: 0.6, partially: 0.2, none: 0.2 } : { fully: 0.1, partially: 0, none: 0.9 };
});
const critics = { isSup: critic, isUse: critic };
const parts = partsOf({ passages: [], critics });
const check = (answer: string, config = configOf(), passages = [mill, tower]) =>
  checkAnswer({ question, answer, passages }, parts, config);

describe('check', () => {
  it('holds every sentence against every passage, in one call', async () => {
    asked.length = 0;
    const checked = await check('The tower dates from 1902 [1]. Cats sleep.');
    expect(asked.map((request) => request.kind)).toEqual(['isSup', 'isSup', 'isSup', 'isSup', 'isUse']);
    expect(checked.cost).toMatchObject({ calls: 1, requests: 5 });
    expect(checked.segments).toMatchObject([
      { text: 'The tower dates from 1902.', span: { start: 0, end: 30 }, support: 0.7, supported: true, citation: 1 },
      { text: 'Cats sleep.', span: { start: 31, end: 42 }, support: 0.1, supported: false, citation: null },
    ]);
    expect(checked.text).toBe('The tower dates from 1902. [1] Cats sleep.');
    expect(checked.citations).toMatchObject([{ number: 1, docId: 'tower', quote: null, isSup: 'fully' }]);
    expect(checked).toMatchObject({ accepted: false, support: 0.5, use: 0.75 });
    expect(checked.decisions).toMatchObject([
      { about: 'isSup', outcome: 'supported', value: 0.7, threshold: 0.58, passageId: 'tower', level: 0 },
      { about: 'isSup', outcome: 'unsupported', value: 0.1, threshold: 0.58, level: 1 },
    ]);
  });

  it('what stands there word for word is supported, whatever the critic says', async () => {
    const checked = await check('It is 31 metres high. The mill grinds rye.');
    expect(checked.accepted).toBe(true);
    expect(checked.citations).toMatchObject([
      { docId: 'tower', quote: 'It is 31 metres high.', start: 29 },
      { docId: 'mill', quote: 'The mill grinds rye.', start: 0 },
    ]);
    expect(checked.decisions[0]!.reason).toBe('it stands word for word in the passage');
  });

  it('a word that stands in a passage is no sentence of it', async () => {
    const norr = passageOf('norr', 'Norr has no tower. No dogs here. The mill grinds rye.');
    for (const answer of ['No', 'No.', 'No dogs', 'rye.'])
      expect(await check(answer, configOf(), [norr]), answer).toMatchObject({ accepted: false });
    expect((await check('No dogs here. The mill grinds rye.', configOf(), [norr])).accepted).toBe(true);
  });

  it('is not accepted below the threshold of usefulness, without a passage, or without a sentence', async () => {
    const useful = await check('The tower dates from 1902.', configOf({ check: { isUse: 0.75 } }));
    expect(useful.accepted).toBe(true);
    const useless = await check('The tower dates from 1902.', configOf({ check: { isUse: 0.8 } }));
    expect(useless).toMatchObject({ accepted: false, support: 1 });
    expect(useless.decisions.at(-1)).toMatchObject({ about: 'isUse', outcome: 'not useful', value: 0.75 });
    expect(await check('The tower dates from 1902.', configOf(), [])).toMatchObject({ accepted: false, support: 0 });
    expect(await check(' [1] … ')).toMatchObject({ accepted: false, support: null, segments: [], text: '' });
  });

  it('is decided again from its trace with another threshold', async () => {
    const { trace } = await check('The tower dates from 1902.');
    const read = parseTrace(JSON.stringify(trace));
    expect((await replayCheck(read)).accepted).toBe(true);
    expect((await replayCheck(read, { check: { isSup: 0.7 } })).accepted).toBe(false);
  });

  it('rag.check takes texts, and needs no index', async () => {
    const rag = await createRag({
      config: { critics: { retrieve: null, isRel: null } },
      parts: { critics: { isSup: critic, isUse: critic } },
    });
    const input = {
      question,
      answer: 'The tower dates from 1902.',
      passages: [tower.text, { text: 'Rye.', id: 'rye' }],
    };
    const checked = await rag.check(input);
    expect(checked.citations).toMatchObject([{ docId: 'given-1' }]);
    expect(await rag.check(input, { config: { check: { isSup: 0.9 } } })).toMatchObject({ accepted: false });
    const twice = [
      { text: 'a', id: 'one' },
      { text: 'b', id: 'one' },
    ];
    await expect(rag.check({ ...input, passages: twice })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await rag.close();
  });
});
