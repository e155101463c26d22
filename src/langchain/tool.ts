import { tool } from '@langchain/core/tools';
import { z } from 'zod';
import type { ConfigInput } from '../config.ts';
import type { Rag } from '../rag.ts';
import { asData } from '../text/as-data.ts';
import type { Answer, Retrieved } from '../types.ts';
import { inRun } from './events.ts';

export interface DiscernToolOptions {
  readonly rag: Pick<Rag, 'ask' | 'retrieve'>;
  readonly config?: ConfigInput;
  /** Default: `search_documents`. */
  readonly name?: string;
  /** Tells the model when to use it; say what the documents are about. */
  readonly description?: string;
  /** `passages` (default): what was found, for the agent to read. `answer`: the cited answer of Discern. */
  readonly gives?: 'passages' | 'answer';
}

const Question = z.object({ question: z.string().min(1).describe('a whole question, as you would ask a librarian') });

/**
 * A tool for agents. Its content is text for the model; its artifact, which the model does not see, is the `Retrieved` or
 * the `Answer` with decisions and trace.
 */
export function discernTool({
  rag,
  config,
  gives = 'passages',
  name = 'search_documents',
  description = 'Searches the documents for a question, and tells when they hold nothing on it.',
}: DiscernToolOptions) {
  return tool(
    ({ question }: z.infer<typeof Question>, inside) =>
      inRun(inside, config, async (ask): Promise<[string, Retrieved | Answer]> => {
        if (gives === 'passages') {
          const retrieved = await rag.retrieve(question, ask);
          return [passagesText(retrieved), retrieved];
        }
        const answer = await rag.ask(question, ask);
        return [answerText(answer), answer];
      }),
    { name, description, schema: Question, responseFormat: 'content_and_artifact' },
  );
}

/** The passages for a model to read: numbered, with their sources. */
export function passagesText({ passages, empty }: Pick<Retrieved, 'passages' | 'empty'>): string {
  if (passages.length === 0) return `No passages: ${empty?.detail ?? 'none'}.`;
  return passages
    .map(({ passage: { docId, heading, text } }, i) => {
      const place = heading === null ? docId : `${docId}, ${heading}`;
      return `[${i + 1}] ${asData(place)}\n${asData(text)}`;
    })
    .join('\n\n');
}

function answerText({ text, unanswered, citations }: Answer): string {
  if (unanswered !== null) return `No answer: ${unanswered.detail}.`;
  const sources = citations.map(({ number, docId }) => `[${number}] ${asData(docId)}`);
  return [asData(text), ...sources].join('\n');
}
