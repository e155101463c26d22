import type { CallbackManagerForChainRun } from '@langchain/core/callbacks/manager';
import { patchConfig, Runnable, type RunnableConfig } from '@langchain/core/runnables';
import type { ConfigInput } from '../config.ts';
import type { AskOptions, Rag } from '../rag.ts';
import { textPieces } from '../stages/answer.ts';
import { streamOf } from '../stream.ts';
import type { Answer } from '../types.ts';
import { inRun } from './events.ts';

export type DiscernInput = string | { readonly question: string };

export interface DiscernRunnableFields {
  readonly rag: Pick<Rag, 'ask'>;
  /** Options over those of the rag. */
  readonly config?: ConfigInput;
}

const questionOf = (input: DiscernInput): string => (typeof input === 'string' ? input : input.question);

/**
 * A question in, an `Answer` out, as a Runnable. `stream` gives parts of the answer that add up to it: its `text` segment
 * by segment, as soon as each is sure, then everything else; `.pick('text')` streams the text alone. Every decision is a
 * custom event of `streamEvents` and of handlers (`discern.recall-end` and the like).
 */
export class DiscernRunnable extends Runnable<DiscernInput, Answer> {
  lc_namespace = ['discern-rag', 'runnables'];
  readonly #fields: DiscernRunnableFields;

  static override lc_name(): string {
    return 'DiscernRunnable';
  }

  constructor(fields: DiscernRunnableFields) {
    super();
    this.#fields = fields;
  }

  #ask(input: DiscernInput, config: RunnableConfig, listen?: AskOptions['onEvent']): Promise<Answer> {
    return inRun(config, this.#fields.config, ({ onEvent, ...ask }) =>
      this.#fields.rag.ask(questionOf(input), {
        ...ask,
        onEvent(event) {
          onEvent?.(event);
          listen?.(event);
        },
      }),
    );
  }

  override invoke(input: DiscernInput, options?: Partial<RunnableConfig>): Promise<Answer> {
    const ask = (question: DiscernInput, config?: Partial<RunnableConfig>, run?: CallbackManagerForChainRun) =>
      this.#ask(question, patchConfig(config, { callbacks: run?.getChild() }));
    return this._callWithConfig(ask, input, options);
  }

  override async *_streamIterator(
    input: DiscernInput,
    options?: Partial<RunnableConfig>,
  ): AsyncGenerator<Answer, void, undefined> {
    const pieces = (
      inputs: AsyncGenerator<DiscernInput>,
      run?: CallbackManagerForChainRun,
      config?: Partial<RunnableConfig>,
    ) => this.#pieces(inputs, patchConfig(config, { callbacks: run?.getChild() }));
    yield* this._transformStreamWithConfig(once(input), pieces, options);
  }

  async *#pieces(inputs: AsyncGenerator<DiscernInput>, config: RunnableConfig): AsyncGenerator<Answer> {
    for await (const input of inputs) {
      const pieceOf = textPieces();
      let told = 0;
      // As in all chains of LangChain that give objects, a chunk is a part of one.
      const chunk = (part: Partial<Answer>) => part as Answer;
      yield* streamOf<Answer>(async (emit, signal) => {
        const answer = await this.#ask(input, { ...config, signal }, (event) => {
          if (event.type !== 'segment-committed') return;
          const text = pieceOf(event);
          told += text.length;
          emit(chunk({ text }));
        });
        const { text, ...rest } = answer;
        emit(chunk({ text: text.slice(told), ...rest }));
      }, config.signal);
    }
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
