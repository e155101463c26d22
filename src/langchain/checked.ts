import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import { CallbackManager } from '@langchain/core/callbacks/manager';
import type { DocumentInterface } from '@langchain/core/documents';
import { isBaseMessage } from '@langchain/core/messages';
import { patchConfig, Runnable, type RunnableConfig, type RunnableInterface } from '@langchain/core/runnables';
import type { ConfigInput } from '../config.ts';
import { DiscernError } from '../errors.ts';
import type { Rag } from '../rag.ts';
import { streamOf } from '../stream.ts';
import type { Checked } from '../types.ts';
import { givenDocuments } from './documents.ts';
import { inRun } from './events.ts';

/** What a chain gave, as it was, and what became of it when it was weighed. */
export interface CheckedOutput<O> {
  readonly output: O;
  readonly checked: Checked;
}

export interface CheckedChainFields<I, O> {
  readonly rag: Pick<Rag, 'check'>;
  /** `check.isSup` and `check.isUse` say what is accepted. */
  readonly config?: ConfigInput;
  /** Default: the input where it is a text, else its `question`, `input` or `query`. */
  readonly question?: (input: I) => string;
  /** Default: the output where it is a text or a message, else its `answer`, `output`, `result` or `text`. */
  readonly answer?: (output: O) => string;
  /** Default: `context` or `documents` of the output, else what the retrievers inside the chain have returned. */
  readonly documents?: (output: O, input: I) => readonly DocumentInterface[];
}

/**
 * Weighs the answer of any chain against the documents that it was written from: IsSUP of every sentence, IsUSE,
 * citations. The chain is not changed; it streams as before, with the verdict at the end.
 *
 * @example
 * const { output, checked } = await checkedChain(chain, { rag }).invoke({ input: 'Who keeps the lighthouse?' });
 * const text = checked.accepted ? output : 'The documents do not say.';
 */
export const checkedChain = <I, O>(
  chain: RunnableInterface<I, O>,
  fields: CheckedChainFields<I, O>,
): Runnable<I, CheckedOutput<O>> => new CheckedChain(chain, fields);

class CheckedChain<I, O> extends Runnable<I, CheckedOutput<O>> {
  lc_namespace = ['discern-rag', 'runnables'];
  readonly #chain: RunnableInterface<I, O>;
  readonly #fields: CheckedChainFields<I, O>;

  static override lc_name(): string {
    return 'CheckedChain';
  }

  constructor(chain: RunnableInterface<I, O>, fields: CheckedChainFields<I, O>) {
    super();
    this.#chain = chain;
    this.#fields = fields;
  }

  override invoke(input: I, options?: Partial<RunnableConfig>): Promise<CheckedOutput<O>> {
    return this._callWithConfig<I>(
      async (asked, config, run) => {
        const inside = patchConfig(config, { callbacks: run?.getChild() });
        const heard = listener();
        const output = await this.#chain.invoke(asked, { ...inside, callbacks: heard.on(inside.callbacks) });
        return { output, checked: await this.#check(asked, output, heard.documents, inside) };
      },
      input,
      options,
    );
  }

  override async *_streamIterator(
    input: I,
    options?: Partial<RunnableConfig>,
  ): AsyncGenerator<CheckedOutput<O>, void, undefined> {
    yield* this._transformStreamWithConfig<I, CheckedOutput<O>>(
      (async function* () {
        yield input;
      })(),
      (inputs, run, config) => this.#pieces(inputs, patchConfig(config, { callbacks: run?.getChild() })),
      options,
    );
  }

  async *#pieces(inputs: AsyncGenerator<I>, config: RunnableConfig): AsyncGenerator<CheckedOutput<O>> {
    const chunk = (part: Partial<CheckedOutput<O>>) => part as CheckedOutput<O>;
    for await (const input of inputs)
      yield* streamOf<CheckedOutput<O>>(async (emit, signal) => {
        const heard = listener();
        let output: O | undefined;
        const pieces = await this.#chain.stream(input, { ...config, signal, callbacks: heard.on(config.callbacks) });
        for await (const piece of pieces) {
          emit(chunk({ output: piece }));
          output = output === undefined ? piece : (this._concatOutputChunks(output as never, piece as never) as O);
        }
        const checked = await this.#check(input, output as O, heard.documents, { ...config, signal });
        emit(chunk({ checked }));
      }, config.signal);
  }

  #check(input: I, output: O, heard: readonly DocumentInterface[], config: RunnableConfig): Promise<Checked> {
    const { rag, question = questionIn, answer = answerIn, documents = documentsIn, config: discern } = this.#fields;
    const { passages } = givenDocuments(documents(output, input) ?? heard);
    const asked = { question: question(input), answer: answer(output), passages };
    return inRun(config, discern, (ask) => rag.check(asked, ask));
  }
}

/** Hears what the retrievers inside a run return. */
function listener() {
  const documents: DocumentInterface[] = [];
  const handler = BaseCallbackHandler.fromMethods({
    handleRetrieverEnd(found) {
      documents.push(...found);
    },
  });
  // The documents are wanted when the run ends.
  handler.awaitHandlers = true;
  return {
    documents,
    on(callbacks: RunnableConfig['callbacks']): CallbackManager {
      const manager = CallbackManager._configureSync(callbacks) ?? new CallbackManager();
      const heard = manager.copy();
      heard.addHandler(handler, true);
      return heard;
    },
  };
}

const named = (value: unknown, names: readonly string[]): unknown =>
  typeof value === 'object' && value !== null
    ? names.map((name) => (value as Record<string, unknown>)[name]).find((part) => part !== undefined)
    : undefined;

function questionIn(input: unknown): string {
  const found = typeof input === 'string' ? input : named(input, ['question', 'input', 'query']);
  if (typeof found === 'string') return found;
  throw new DiscernError('INPUT_INVALID', 'the input of the chain has no question: no text, question, input or query', {
    hint: 'say where it is: checkedChain(chain, { question: (input) => … })',
  });
}

function answerIn(output: unknown): string {
  const found = textOf(output) ?? textOf(named(output, ['answer', 'output', 'result', 'text']));
  if (found !== null) return found;
  throw new DiscernError('INPUT_INVALID', 'the output of the chain has no answer: no text, answer, output or result', {
    hint: 'say where it is: checkedChain(chain, { answer: (output) => … })',
  });
}

function documentsIn(output: unknown): readonly DocumentInterface[] | undefined {
  const found = named(output, ['context', 'documents', 'sourceDocuments']);
  const isDocument = (one: unknown) => typeof (one as DocumentInterface | null)?.pageContent === 'string';
  return Array.isArray(found) && found.every(isDocument) ? found : undefined;
}

/** The text of a text or of a message; null where it is neither. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return isBaseMessage(value) ? value.text : null;
}
