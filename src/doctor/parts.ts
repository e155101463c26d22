import type { OwnParts } from '../assembly.ts';
import type { Config } from '../config.ts';
import type { Critic, Embedder, Entailment, Generator, Reranker, Rewriter } from '../contracts.ts';
import type { ModelStore } from '../models/store.ts';
import { criticForm } from '../presets/composed.ts';
import {
  type Classifier,
  createCritic,
  createEmbedder,
  createEntailment,
  createGenerator,
  createReranker,
  createRewriter,
  openClassifier,
  type PresetContext,
} from '../presets.ts';
import { needsSamples } from '../stages/gate-decision.ts';
import { REFLECTIONS, type ReflectionKind } from '../types.ts';

export type Part = Critic | Generator | Embedder | Entailment | Reranker | Rewriter;

/** A part that the config needs, and whether it could be made. */
export interface Made {
  /** The options that name it. */
  readonly options: readonly string[];
  readonly result: { readonly part: Part; readonly notice: string | null } | { readonly error: unknown };
  /** Services whose key it asked for. */
  readonly services: readonly string[];
}

export interface Making {
  readonly config: Config;
  readonly own: OwnParts;
  readonly keys: Readonly<Record<string, string | undefined>>;
  /** Offline: nothing is fetched. */
  readonly store: ModelStore;
  readonly signal: AbortSignal | undefined;
}

export interface Workshop {
  readonly made: readonly Made[];
  readonly embedder: () => Promise<Embedder>;
  /** Whether any part is of this option. */
  find(option: string): Part | null;
  /** Names of the models that were asked for. */
  readonly models: ReadonlySet<string>;
  readonly classifiers: ReadonlyMap<string, Promise<Classifier>>;
  close(): Promise<void>;
}

type Make = (context: PresetContext) => Promise<Part | { readonly part: Part; readonly notice?: string | undefined }>;

interface Wanted {
  readonly option: string;
  readonly key: string;
  readonly make: Make;
}

/** The names of the critics that a name puts together; a name that cannot be read has none. */
function innerNames(name: string): string[] {
  try {
    const form = criticForm(name);
    if (form.type === 'one') return [];
    if (form.type === 'calibrated') return [form.name];
    return form.type === 'cascade' ? [form.cheap, form.dear] : form.members.map((member) => member.name);
  } catch {
    return [];
  }
}

const criticOf =
  (name: string): Make =>
  async (context) => {
    const { critic, notice } = await createCritic(name, context);
    return { part: critic, notice };
  };

/** What questions with this config can need, in the order of a question. */
function wantedOf({ retrieve, recall, rerank, critics, isRel, generate, gate }: Config, own: OwnParts): Wanted[] {
  const wanted: Wanted[] = [];
  const want = (
    option: string,
    kind: string,
    name: string | null,
    mine: Part | undefined,
    make: (name: string) => Make,
  ) => {
    if (mine) wanted.push({ option, key: `own ${mine.id}`, make: async () => mine });
    else if (name !== null) wanted.push({ option, key: `${kind} ${name}`, make: make(name) });
  };
  const retrieves = retrieve.mode !== 'never';
  const gated = retrieves && gate.when !== 'never';
  if (retrieves && !own.recaller) want('embedder', 'embedder', '', own.embedder, () => (context) => context.embedder());
  if (retrieves) {
    want(
      'recall.rewrite',
      'rewriter',
      recall.rewrite,
      own.rewriter,
      (name) => (context) => createRewriter(name, context),
    );
    const backend = rerank.backend === 'none' ? null : rerank.backend;
    want(
      'rerank.backend',
      'reranker',
      backend,
      own.reranker,
      (name) => async (context) => (await createReranker(name, context)).reranker,
    );
  }
  const asked: Record<ReflectionKind, boolean> = {
    retrieve: retrieve.mode === 'adaptive',
    isRel: retrieves,
    isSup: retrieves,
    isUse: true,
  };
  const named = (option: string, name: string | null, mine?: Critic) => {
    want(option, 'critic', name, mine, criticOf);
    if (mine || name === null) return;
    for (const inner of innerNames(name)) want(`part of ${option}`, 'critic', inner, undefined, criticOf);
  };
  for (const kind of Object.keys(REFLECTIONS) as ReflectionKind[])
    if (asked[kind]) named(`critics.${kind}`, critics[kind], own.critics?.[kind]);
  named('critics.shadow', critics.shadow, own.shadow);
  named('critics.outage', ['fail', 'undecided'].includes(critics.outage) ? null : critics.outage);
  const write = (option: string, name: string | null, mine?: Generator) =>
    want(option, 'generator', name, mine, (one) => (context) => createGenerator(one, context));
  if (retrieves) write('generate.withContext', generate.withContext, own.withContext);
  if (retrieve.mode !== 'always' || isRel.whenNoEvidence === 'generate' || gated)
    write('generate.closedBook', generate.closedBook, own.closedBook);
  if (retrieves && generate.quotes > 0) write('generate.quotes', 'quote');
  if (gated && needsSamples(gate.measure))
    want(
      'gate.entailment',
      'entailment',
      gate.entailment,
      own.entailment,
      (name) => (context) => createEntailment(name, context),
    );
  return wanted;
}

/** Makes the parts one after another, so that it is known who asked for which key. Nothing is loaded by it. */
export async function makeParts({ config, own, keys, store, signal }: Making): Promise<Workshop> {
  const models = new Set<string>();
  const read = new Set<string>();
  const classifiers = new Map<string, Promise<Classifier>>();
  const mine: Part[] = [];
  let shared: Promise<Embedder> | null = null;
  const context: PresetContext = {
    config,
    store: {
      ...store,
      resolve(name, call) {
        models.add(name);
        return store.resolve(name, call);
      },
    },
    keys: watched(keys, (service) => read.add(service)),
    embedder: () => (shared ??= own.embedder ? Promise.resolve(own.embedder) : keep(createEmbedder(context))),
    vectorsOf: async (ids) => ids.map(() => null),
    classifier(folder) {
      const opened = classifiers.get(folder) ?? openClassifier(folder, signal);
      classifiers.set(folder, opened);
      return opened;
    },
    signal,
  };
  async function keep<P extends Part>(making: Promise<P>): Promise<P> {
    const part = await making;
    mine.push(part);
    return part;
  }

  const wanted = wantedOf(config, own);
  const made: Made[] = [];
  for (const key of new Set(wanted.map((one) => one.key))) {
    const alike = wanted.filter((one) => one.key === key);
    const options = [...new Set(alike.map(({ option }) => option))];
    read.clear();
    const result = await alike[0]!
      .make(context)
      .then((given) => ('part' in given ? given : { part: given }))
      .then(({ part, notice = null }) => ({ part, notice }))
      .catch((error: unknown) => ({ error }));
    if ('part' in result && !key.startsWith('own ') && !mine.includes(result.part)) mine.push(result.part);
    made.push({ options, result, services: [...read] });
  }
  return {
    made,
    embedder: context.embedder,
    find(option) {
      const result = made.find(({ options }) => options.includes(option))?.result;
      return result && 'part' in result ? result.part : null;
    },
    models,
    classifiers,
    async close() {
      await Promise.allSettled(mine.map((part) => part.close()));
      await Promise.allSettled([...classifiers.values()].map(async (opened) => (await opened).close()));
    },
  };
}

/** The same keys, telling of each that is read. */
const watched = (keys: Making['keys'], tell: (service: string) => void): Making['keys'] =>
  new Proxy(keys, {
    get(all, service: string) {
      tell(service);
      return all[service];
    },
  });
