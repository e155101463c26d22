import { FakeListChatModel } from '@langchain/core/utils/testing';
import { calibratedCritic } from '../../src/backends/critic/calibrated.ts';
import { cascadeCritic } from '../../src/backends/critic/cascade.ts';
import { ensembleCritic } from '../../src/backends/critic/ensemble.ts';
import { outageCritic } from '../../src/backends/critic/outage.ts';
import { sampledCritic } from '../../src/backends/critic/sampled.ts';
import { structuredCritic } from '../../src/backends/critic/structured.ts';
import { getPrompt, type Prompt } from '../../src/prompts.ts';
import { describeCritic } from '../../src/testing/describe-critic.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import type { ReflectionKind } from '../../src/types.ts';
import { oracleOf, requestIn, scriptedChat } from '../unit/chat-fixtures.ts';

const STATED = {
  retrieve: 'state-retrieve@1',
  isRel: 'state-is-rel@1',
  isSup: 'state-is-sup@1',
  isUse: 'state-is-use@1',
};
const WORDS = { retrieve: 'retrieve@1', isRel: 'is-rel@1', isSup: 'is-sup@1', isUse: 'is-use@1' };

const promptOf = (ids: Readonly<Record<ReflectionKind, string>>, text: string): Prompt =>
  getPrompt(ids[requestIn(text).kind]);

/** Numbers for each name, by the words that the texts of the prompt share. */
const objects = scriptedChat(({ text }) => {
  const weights = oracleOf(text);
  const { labels } = promptOf(STATED, text);
  return Object.fromEntries(Object.entries(labels).map(([word, label]) => [word, 50 * (weights[label] ?? 0)]));
}).objects;

/** Of ten answers as many of each label as its share. */
const words = scriptedChat(({ text, seed = 0 }) => {
  const weights = Object.entries(oracleOf(text));
  const upTo = (place: number) => weights.slice(0, place + 1).reduce((sum, [, weight]) => sum + weight, 0);
  const at = ((seed + 0.5) / 10) * upTo(weights.length);
  const drawn = weights.find((_, place) => upTo(place) >= at)![0];
  return Object.entries(promptOf(WORDS, text).labels).find(([, label]) => label === drawn)![0];
}).words;

describeCritic('structured', () => structuredCritic({ model: objects, name: 'scripted' }));
describeCritic(
  'structured, a model of LangChain',
  () =>
    structuredCritic({
      model: new FakeListChatModel({ responses: ['{"relevant": 1, "irrelevant": 0}'] }),
    }),
  { skip: [{ test: 'gets easy pairs right', reason: 'it says the same of everything' }] },
);
describeCritic('sampled', () => sampledCritic({ model: words, name: 'scripted' }));
describeCritic(
  'sampled, a model of LangChain',
  () => sampledCritic({ model: new FakeListChatModel({ responses: ['Yes'] }) }),
  {
    skip: [{ test: 'gets easy pairs right', reason: 'it says the same of everything' }],
  },
);

const first = () => scriptedCritic(undefined, { id: 'first@1' });
const second = () => scriptedCritic(undefined, { id: 'second@1', mass: 0.5 });
describeCritic('ensemble', () => ensembleCritic({ members: [{ critic: first() }, { critic: second(), weight: 0.3 }] }));
describeCritic('product', () =>
  ensembleCritic({ members: [{ critic: first() }, { critic: second() }], how: 'product' }),
);
describeCritic('cascade', () =>
  cascadeCritic({
    cheap: first(),
    dear: second(),
    thresholds: { isRel: 0.5, isSup: 0.5, isUse: 0.5, retrieve: 0.5 },
    band: 0.35,
  }),
);
describeCritic('calibrated', () =>
  calibratedCritic(first(), {
    isRel: { method: 'isotonic', x: [-2, 2], y: [0.1, 0.9] },
    isSup: { method: 'temperature', temperature: 1.5 },
    isUse: { method: 'platt', scale: 1.2, bias: [0, 0, 0, 0, 0.1] },
    retrieve: { method: 'platt', scale: 0.9, bias: [0, 0.1] },
  }),
);
describeCritic('outage', () => outageCritic(first(), 'undecided'));
