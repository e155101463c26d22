import { randomUUID } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import { DiscernError } from '../errors.ts';
import { markedText, textPieces } from '../stages/answer.ts';
import type { Answer } from '../types.ts';
import { admitEvents, type Tell } from './events.ts';
import { operation, type Server, tooLong } from './operation.ts';
import { ChatBody, ChatRequest } from './schemas.ts';

/** The last message of the user: the question. Earlier turns are not read; say so where it matters. */
function questionOf(messages: z.infer<typeof ChatRequest>['messages']): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content;
  const text = typeof content === 'string' ? content : content?.map((part) => part.text ?? '').join('\n');
  if (text === undefined || text.trim() === '')
    throw new DiscernError('INPUT_INVALID', 'no message of the user has a text', {
      hint: 'the last message with the role "user" is the question',
    });
  return text;
}

/** What is said where there is no answer: clients of chat models know no other state. */
const textOf = ({ text, unanswered }: Answer): string =>
  unanswered === null ? text : `I cannot answer that from the documents: ${unanswered.detail}.`;

/** The marks of citations, as annotations: where each stands in the text, and what it names. */
export function annotationsOf({ segments, citations }: Pick<Answer, 'segments' | 'citations'>) {
  return segments.flatMap(({ citation }, i) => {
    const cited = citations.find(({ number }) => number === citation);
    if (cited === undefined) return [];
    const { number, docId, title, start, end } = cited;
    const end_index = markedText(segments.slice(0, i + 1)).length;
    const url_citation = {
      ...{ start_index: end_index - `[${number}]`.length, end_index, title: title ?? docId },
      url: `discern:${encodeURIComponent(docId)}#char=${start},${end}`,
    };
    return [{ type: 'url_citation' as const, url_citation }];
  });
}

/** The prompt is not counted in tokens: many models read many prompts. */
const usageOf = ({ cost }: Answer) => ({
  ...{ prompt_tokens: 0, completion_tokens: cost.tokens, total_tokens: cost.tokens },
});

/** `POST /v1/chat/completions`, as clients of OpenAI know it; the citations are annotations of the message. */
export function addChat({ app, rag, model, limits, admission, traces }: Server): void {
  const route = operation({
    ...{ path: '/v1/chat/completions', summary: 'Answers the last message of the user, in the shape of OpenAI' },
    ...{ request: ChatRequest, response: ChatBody, streams: true },
  });
  app.openapi(route, async (c) => {
    const { messages, stream, stream_options } = c.req.valid('json');
    const question = questionOf(messages);
    tooLong('characters of the question', question.length, limits.questionCharacters);
    const id = randomUUID();
    const about = { id: `chatcmpl-${id}`, created: Math.floor(Date.now() / 1000), model };
    if (!stream) {
      const answer = await admission.admit(c.req.raw.signal, (signal) => rag.ask(question, { id, signal }));
      await traces?.save(answer.trace);
      const content = textOf(answer);
      const annotations = annotationsOf(answer);
      const message = { role: 'assistant' as const, content, refusal: null, annotations };
      const choices = [{ index: 0, finish_reason: 'stop' as const, logprobs: null, message }];
      return c.json({ ...about, object: 'chat.completion' as const, choices, usage: usageOf(answer) }, 200);
    }
    const written = async (tell: Tell, signal: AbortSignal) => {
      const chunk = (choices: readonly object[], more: object = {}) =>
        tell({ ...about, object: 'chat.completion.chunk', choices, ...more });
      const piece = (delta: object, finish: 'stop' | null = null) =>
        chunk([{ index: 0, delta, finish_reason: finish, logprobs: null }]);
      await piece({ role: 'assistant', content: '' });
      const pieceOf = textPieces();
      let told = 0;
      for await (const event of rag.stream(question, { id, signal })) {
        if (event.type === 'segment-committed') {
          const content = pieceOf(event);
          told += content.length;
          await piece({ content });
        }
        if (event.type !== 'answer') continue;
        await traces?.save(event.answer.trace);
        const text = textOf(event.answer);
        if (text.length > told) await piece({ content: text.slice(told) });
        await piece({ annotations: annotationsOf(event.answer) }, 'stop');
        if (stream_options?.include_usage) await chunk([], { usage: usageOf(event.answer) });
      }
      await tell('[DONE]');
    };
    // A failure has no name: clients look into the data.
    return admitEvents(c, admission, written, (tell, body) => tell(body)) as never;
  });
}
