import { randomUUID } from 'node:crypto';
import type { ConfigInput } from '../config.ts';
import { DiscernError } from '../errors.ts';
import type { Answer } from '../types.ts';
import { admitEvents } from './events.ts';
import { operation, type Server, tooLong } from './operation.ts';
import { AnswerBody, AskRequest } from './schemas.ts';

/** What of the options concerns a single question; models, files and servers are the operator's. */
const FREE = [
  'retrieve',
  'recall',
  'rerank',
  'isRel',
  'weights',
  'beam',
  'check',
  'budget',
  'gate',
  'generate',
] as const;
/** Inside of these groups, what names a model, a part or a server. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  recall: ['rewrite'],
  rerank: ['backend', 'model'],
  gate: ['entailment', 'estimator'],
  generate: ['withContext', 'closedBook', 'model', 'serverModel', 'baseUrl', 'quoteRanker'],
};

/** Names what a client may not choose; null where all is well. */
export function forbiddenOption(config: Readonly<Record<string, Readonly<Record<string, unknown>>>>): string | null {
  for (const [group, options] of Object.entries(config)) {
    if (!(FREE as readonly string[]).includes(group)) return group;
    const fixed = Object.keys(options).find((name) => FIXED[group]?.includes(name));
    if (fixed !== undefined) return `${group}.${fixed}`;
  }
  return null;
}

/** Throws CONFIG_INVALID for what a client may not choose. */
export function checkOptions(config: Parameters<typeof forbiddenOption>[0]): void {
  const wrong = forbiddenOption(config);
  if (wrong !== null)
    throw new DiscernError('CONFIG_INVALID', `${wrong} is not for clients to choose`, {
      hint: 'thresholds, weights, sizes and budgets are; models and servers belong to whoever runs this one',
    });
}

export const bodyOfAnswer = (id: string, answer: Answer, trace: boolean) => ({
  id,
  text: answer.text,
  unanswered: answer.unanswered,
  usedContext: answer.usedContext,
  segments: answer.segments.map(({ text, passageId, citation, score }) => ({ text, passageId, citation, score })),
  citations: [...answer.citations],
  decisions: [...answer.decisions],
  cost: answer.cost,
  ...(trace && { trace: answer.trace }),
});

/** `POST /v1/ask`: one JSON, or every event as it happens and the answer at last. */
export function addAsk({ app, rag, limits, admission, traces }: Server): void {
  const route = operation({
    ...{ path: '/v1/ask', summary: 'Answers a question with citations and the reason of every decision' },
    ...{ request: AskRequest, response: AnswerBody, streams: true },
  });
  app.openapi(route, async (c) => {
    const { question, config = {}, stream, trace } = c.req.valid('json');
    tooLong('characters of the question', question.length, limits.questionCharacters);
    checkOptions(config);
    const id = randomUUID();
    const options = { id, config: config as ConfigInput };
    if (!stream) {
      const answer = await admission.admit(c.req.raw.signal, (signal) => rag.ask(question, { ...options, signal }));
      await traces?.save(answer.trace);
      return c.json(bodyOfAnswer(id, answer, trace), 200);
    }
    return admitEvents(c, admission, async (tell, signal) => {
      for await (const event of rag.stream(question, { ...options, signal }))
        if (event.type === 'answer') {
          await traces?.save(event.answer.trace);
          await tell(bodyOfAnswer(id, event.answer, trace), 'answer');
        } else await tell(event, event.type);
    }) as never;
  });
}
