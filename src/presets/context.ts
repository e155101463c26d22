import type { Config } from '../config.ts';
import type { Embedder } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import type { ModelStore } from '../models/store.ts';

export type Classifier = import('../backends/classifier.ts').Classifier;
type TokensOf = import('../backends/onnx-worker-tokens.ts').TokensOf;

/** What backends are made with. Nothing is loaded before the first use. */
export interface PresetContext {
  readonly config: Config;
  readonly store: ModelStore;
  /** Keys of servers, by service. They reach the client of that service and nothing else. */
  readonly keys: Readonly<Record<string, string | undefined>>;
  readonly embedder: () => Promise<Embedder>;
  /** Vectors that the index holds already. */
  readonly vectorsOf: (ids: readonly string[]) => Promise<(Float32Array | null)[]>;
  /** Token ids that the index holds already; absent where there is no index. */
  readonly tokensOf?: TokensOf;
  /** The classifier in a folder: loaded once for all that ask it, and not theirs to close. */
  readonly classifier: (folder: string) => Promise<Classifier>;
  readonly signal?: AbortSignal;
}

export type Makers<T> = Readonly<Record<string, (context: PresetContext) => Promise<T>>>;

/** A maker by its name; absent where there is none. */
export const makerOf = <T>(makers: Makers<T>, name: string) => (Object.hasOwn(makers, name) ? makers[name] : undefined);

export const unknown = (role: string, name: string, known: readonly string[]) =>
  new DiscernError('BACKEND_UNKNOWN', `no ${role} is called "${name}"; there are: ${known.join(', ')}`);

export function pick<T>(makers: Makers<T>, role: string, name: string): Makers<T>[string] {
  const make = makerOf(makers, name);
  if (make === undefined) throw unknown(role, name, Object.keys(makers));
  return make;
}

/** The classifier of this name or path. `others` are the names that the role knows beside it. */
export async function classifierNamed(name: string, role: string, others: readonly string[], context: PresetContext) {
  const { classifierFolder } = await import('../backends/classifier-folder.ts');
  const folder = await classifierFolder(name);
  if (folder === null) throw unknown(role, name, [...others, 'mini', 'or a folder with a critic.json']);
  return context.classifier(folder);
}
