import type { DocumentInterface } from '@langchain/core/documents';
import type { RunnableConfig } from '@langchain/core/runnables';
import { z } from 'zod';
import type { ConfigInput } from '../config.ts';
import type { Rag } from '../rag.ts';
import type { Answer, Checked } from '../types.ts';
import { documentOf, givenDocuments } from './documents.ts';
import { inRun } from './events.ts';

/**
 * State of a LangGraph graph that the nodes below read and write: `new StateGraph(DiscernState)`, or with channels of
 * your own `new StateGraph(DiscernState.extend({ … }))`.
 */
export const DiscernState = z.object({
  question: z.string(),
  /** Written by `retrieveNode`; empty where there is no context. */
  documents: z.custom<DocumentInterface[]>(Array.isArray).optional(),
  /** Why there is no context; null where there is some. */
  empty: z.object({ reason: z.string(), detail: z.string() }).nullable().optional(),
  /** What a node of yours has written from the documents, for `checkNode`. */
  generation: z.string().optional(),
  /** Written by `checkNode`. */
  checked: z.custom<Checked>(isObject).optional(),
  /** Written by `answerNode`. */
  answer: z.custom<Answer>(isObject).optional(),
});

export type DiscernState = z.infer<typeof DiscernState>;

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

type Node<K extends keyof DiscernState, U extends keyof DiscernState> = (
  state: Pick<DiscernState, K>,
  config: RunnableConfig,
) => Promise<Pick<DiscernState, U>>;

/** `question` to `answer`: the whole of Discern as one node. */
export const answerNode =
  (rag: Pick<Rag, 'ask'>, options?: ConfigInput): Node<'question', 'answer'> =>
  (state, config) =>
    inRun(config, options, async (ask) => ({ answer: await rag.ask(state.question, ask) }));

/** `question` to `documents`, and `empty` to branch on. */
export const retrieveNode =
  (rag: Pick<Rag, 'retrieve'>, options?: ConfigInput): Node<'question', 'documents' | 'empty'> =>
  (state, config) =>
    inRun(config, options, async (ask) => {
      const { passages, empty } = await rag.retrieve(state.question, ask);
      return { documents: passages.map(documentOf), empty };
    });

/** `question`, `documents` and `generation` to `checked`: what your own node wrote, weighed. */
export const checkNode =
  (rag: Pick<Rag, 'check'>, options?: ConfigInput): Node<'question' | 'documents' | 'generation', 'checked'> =>
  ({ question, documents = [], generation = '' }, config) =>
    inRun(config, options, async (ask) => {
      const { passages } = givenDocuments(documents);
      return { checked: await rag.check({ question, answer: generation, passages }, ask) };
    });
