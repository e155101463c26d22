import type { ExtendOptions } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { type Calls, idOf, type LangchainOptions, langchainCalls, nameOf } from './calls.ts';

/** What a call wants of a model, and LangChain has no option of a call for. */
export type Limits = Pick<ExtendOptions, 'maxTokens' | 'temperature'>;

/** One model for all calls, or one for each pair of limits. */
export interface Models<M extends object> {
  readonly id: string;
  readonly name: string;
  for(limits: Limits): Promise<{ readonly model: M; readonly calls: Calls }>;
}

export function modelsOf<M extends object>(
  given: M | ((limits: Limits) => M | Promise<M>),
  options: LangchainOptions,
): Models<M> {
  if (typeof given !== 'function') {
    const name = nameOf(given);
    const only = Promise.resolve({ model: given, calls: langchainCalls(given, name, options) });
    return { id: options.id ?? idOf(name), name, for: () => only };
  }
  const { id } = options;
  if (id === undefined)
    throw new DiscernError('CONFIG_INVALID', 'a function that makes models has no name for traces', {
      hint: "give one as its id, such as 'gpt-4o-mini@1'",
    });
  const made = new Map<string, ReturnType<Models<M>['for']>>();
  return {
    id,
    name: id,
    for({ maxTokens, temperature }) {
      const key = `${maxTokens} ${temperature}`;
      const known = made.get(key);
      if (known) return known;
      const making = Promise.resolve(given({ maxTokens, temperature })).then((model) => ({
        model,
        calls: langchainCalls(model, nameOf(model), options),
      }));
      made.set(key, making);
      making.catch(() => made.delete(key));
      return making;
    },
  };
}
