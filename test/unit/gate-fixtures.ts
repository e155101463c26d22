import type { ConfigInput } from '../../src/config.ts';
import type { Entailment, Generator } from '../../src/contracts.ts';
import type { Parts } from '../../src/pipeline.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';
import { type SampleScript, scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import type { Answer, GateEstimator, Passage, TraceEvent } from '../../src/types.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

export const question = 'When was the tower built?';
export const tower = passageOf('tower', 'The tower was built in 1902.');
/** Misleads: it is about the tower, and wrong. */
export const leaflet = passageOf('leaflet', 'A leaflet says that the tower was built in 1870.');

/** P(context helps) from the support of the answers and the doubt without it, each one against the other. */
export const estimator: GateEstimator = {
  id: 'test@1',
  bias: 0,
  features: [
    { name: 'supported', mean: 0.5, scale: 0.25, weight: 1 },
    { name: 'closedBookDoubt', mean: 0.5, scale: 0.25, weight: 1 },
  ],
  stopping: [],
};

/** What the model says with the tower, with the leaflet alone, and with neither. */
export interface Beliefs {
  readonly tower?: SampleScript;
  readonly leaflet?: SampleScript;
  readonly alone?: SampleScript;
}

/** Sure with either passage, and in three minds without one: 4, 3 and 3 of 10 answers. */
const DOUBT: Required<Beliefs> = {
  tower: () => 'in 1902',
  leaflet: () => 'in 1870',
  alone: (_, index) => `in ${1900 + (index % 3)}`,
};
/** The model knows, and a wrong passage talks it out of that. */
export const KNOWS: Beliefs = { alone: () => 'in 1902' };
/** Every answer without a passage is another one. */
export const CLUELESS: Beliefs = { alone: (_, index) => `in ${1900 + index}` };

export const samplesOf =
  (beliefs: Beliefs = {}): SampleScript =>
  (request, index) => {
    const ids = request.passages.map(({ id }) => id);
    const { tower: right, leaflet: wrong, alone } = { ...DOUBT, ...beliefs };
    return (ids.length === 0 ? alone : ids.includes('tower') ? right : wrong)(request, index);
  };

/** P(relevant) is 0.9 for the tower and 0.8 for the leaflet; only 1902 is supported, by 0.8, all else by 0.1. */
const critic = scriptedCritic((request): Record<string, number> => {
  switch (request.kind) {
    case 'retrieve':
      return { yes: 0.9, no: 0.1 };
    case 'isRel':
      return request.passage.id === 'tower' ? { relevant: 0.9, irrelevant: 0.1 } : { relevant: 0.8, irrelevant: 0.2 };
    case 'isSup':
      return request.segment.includes('1902') ? { fully: 0.8, none: 0.2 } : { fully: 0.1, none: 0.9 };
    case 'isUse':
      return { '5': 1 };
  }
});

export interface World {
  readonly passages?: readonly Passage[];
  readonly beliefs?: Beliefs;
  readonly estimator?: GateEstimator;
  readonly withContext?: Generator;
  readonly closedBook?: Generator | null;
  readonly entailment?: Entailment;
}

/** The parts of a question, and what its sampler and its entailment model were asked. */
export function worldOf(world: World = {}) {
  const calls = { samples: [] as string[], comparisons: [] as number[] };
  const writer = scriptedGenerator(({ passage }) => [passage === null ? 'I think 1902.' : passage.text], {
    samples: samplesOf(world.beliefs),
  });
  const listening: Generator = {
    ...writer,
    sample(requests, options) {
      const conditions = requests.map(({ passages }) => passages.map(({ id }) => id).join('+') || 'alone');
      calls.samples.push(`${conditions.join(', ')}: ${options.first}-${options.first + options.count - 1}`);
      return writer.sample!(requests, options);
    },
  };
  const different = world.entailment ?? scriptedEntailment({ equivalent: () => 0 });
  const entailment: Entailment = {
    ...different,
    equivalent(requests, options) {
      calls.comparisons.push(requests.length);
      return different.equivalent(requests, options);
    },
  };
  const parts: Parts = partsOf({
    passages: world.passages ?? [tower],
    critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
    withContext: world.withContext ?? writer,
    closedBook: world.closedBook === undefined ? writer : world.closedBook,
    gate: { sampler: listening, entailment, estimator: world.estimator ?? estimator },
  });
  return { parts, calls };
}

/** A config whose gate is always asked, by 10 samples at once unless the estimate says when to stop. */
export const gateConfig = (gate: ConfigInput['gate'] = {}, other: ConfigInput = {}) =>
  configOf({ ...other, gate: { when: 'always', ...gate } });

export const eventsOf = <T extends TraceEvent['type']>(answer: Answer, type: T) =>
  answer.trace.events.filter((event) => event.type === type) as Extract<TraceEvent, { type: T }>[];
