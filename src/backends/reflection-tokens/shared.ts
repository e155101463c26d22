import { type ReflectionParts, reflectionParts } from './parts.ts';
import type { TokenModel } from './token-model.ts';

const made = new WeakMap<object, Map<string, Promise<ReflectionParts>>>();

/**
 * The parts of one model for one owner, so that its critic knows what its generator wrote. Once all that were handed out
 * are closed, the next call makes new ones.
 */
export function sharedParts(
  owner: object,
  key: string,
  make: () => TokenModel | Promise<TokenModel>,
): Promise<ReflectionParts> {
  const mine = made.get(owner) ?? new Map<string, Promise<ReflectionParts>>();
  made.set(owner, mine);
  const known = mine.get(key);
  if (known) return known;
  const parts = Promise.resolve()
    .then(make)
    .then((model) => reflectionParts(model, () => mine.delete(key)));
  mine.set(key, parts);
  parts.catch(() => mine.delete(key));
  return parts;
}
