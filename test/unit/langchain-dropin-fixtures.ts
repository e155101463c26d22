import type { ConfigInput, Rag } from '../../src/index.ts';
import { createRag } from '../../src/index.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { listRecaller, passageOf } from './parts.ts';

export const tower = passageOf('tower', 'The tower was built in 1902. It is 31 metres high.');
export const mill = passageOf('mill', 'The mill grinds rye. It has two wheels.');
export const QUESTION = 'When was the tower built?';

/** What speaks of the tower is relevant, and supports what speaks of the tower; a sum needs no passage. */
export const towerCritic = scriptedCritic((request): Record<string, number> => {
  switch (request.kind) {
    case 'retrieve':
      return /\d \+ \d/.test(request.question) ? { yes: 0.1, no: 0.9 } : { yes: 0.9, no: 0.1 };
    case 'isRel':
      return request.passage.text.includes('tower')
        ? { relevant: 0.9, irrelevant: 0.1 }
        : { relevant: 0.2, irrelevant: 0.8 };
    case 'isSup':
      return /tower/.test(request.passage.text) && /tower|1902/.test(request.segment)
        ? { fully: 0.9, none: 0.1 }
        : { fully: 0.1, none: 0.9 };
    case 'isUse':
      return { '5': 1 };
  }
});

/** A system without models, that answers from the tower and knows when nothing is to be looked up. */
export const towerRag = (config: ConfigInput = {}): Promise<Rag> =>
  createRag({
    config: {
      retrieve: { mode: 'adaptive' },
      rerank: { backend: 'none' },
      isRel: { threshold: 0.5 },
      beam: { width: 1 },
      ...config,
    },
    parts: {
      recaller: listRecaller([mill, tower]),
      critics: { retrieve: towerCritic, isRel: towerCritic, isSup: towerCritic, isUse: towerCritic },
      withContext: scriptedGenerator(),
      closedBook: scriptedGenerator(() => [{ text: 'It is 4.', end: true }]),
    },
  });
