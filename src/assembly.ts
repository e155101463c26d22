import { capabilityLog } from './assembly/capabilities.ts';
import { assembledCritics, NO_CRITIC } from './assembly/critics.ts';
import { othersThanFitted } from './assembly/estimate.ts';
import type { Config } from './config.ts';
import type {
  Critic,
  Embedder,
  Entailment,
  Generator,
  PassageIndex,
  Recaller,
  Reranker,
  Rewriter,
} from './contracts.ts';
import { DiscernError } from './errors.ts';
import { createModelStore, type ModelStoreOptions } from './models/store.ts';
import type { Parts } from './pipeline.ts';
import {
  createEmbedder,
  createEntailment,
  createEstimator,
  createGenerator,
  createReranker,
  createRewriter,
  openClassifier,
  openIndex,
  type PresetContext,
  type PresetReranker,
} from './presets.ts';
import type { GateParts } from './stages/gate.ts';
import { needsSamples } from './stages/gate-decision.ts';
import { embeddingRecaller } from './stages/recall.ts';
import { REFLECTIONS, type ReflectionKind } from './types.ts';

/** Parts of your own; each replaces the one that the config names. They stay yours: close them yourself. */
export interface OwnParts {
  readonly embedder?: Embedder;
  readonly index?: PassageIndex;
  /** Recalls in place of embedder and index, such as a vector store of LangChain. Then there is no index to ingest into. */
  readonly recaller?: Recaller;
  readonly rewriter?: Rewriter;
  readonly reranker?: Reranker;
  readonly critics?: Partial<Record<ReflectionKind, Critic>>;
  /** Asked what the critics were asked, once the answer is there; decides nothing. */
  readonly shadow?: Critic;
  readonly withContext?: Generator;
  readonly closedBook?: Generator;
  /** Says which sampled answers mean the same, for the gate. */
  readonly entailment?: Entailment;
}

export interface AssemblyOptions {
  /** Folder of the index. Without one it lives in memory. */
  readonly index?: string;
  readonly parts?: OwnParts;
  readonly keys?: Readonly<Record<string, string | undefined>>;
  readonly onModelProgress?: ModelStoreOptions['onProgress'];
  /** Told what is worth telling a person about how the parts run, such as a slower runtime; once for each text. */
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** The parts of one instance: made when first needed, each once, and closed together. */
export interface Assembly {
  embedder(): Promise<Embedder>;
  /** Passes on what the embedder has to say; it is asked because it is about to be used. */
  tellNotice(): Promise<void>;
  /** `create`: a folder without an index becomes one. */
  index(create?: boolean): Promise<PassageIndex>;
  /** The parts that this config can need, and the config with fitted values filled in. `given` recalls for this call. */
  partsFor(config: Config, given?: Recaller): Promise<{ parts: Parts; config: Config }>;
  /** Throws BACKEND_CLOSED after `close`. */
  check(): void;
  close(): Promise<void>;
}

interface GateNeeds {
  readonly withContext: Generator | null;
  readonly critics: Parts['critics'];
}

const NO_RERANKER = { reranker: null, mix: null };

export function createAssembly(config: Config, options: AssemblyOptions): Assembly {
  const { parts: own = {}, keys = {}, signal } = options;
  const store = createModelStore({ ...config.models, onProgress: options.onModelProgress });
  const shelf = createShelf();

  const contextOf = (current: Config): PresetContext => ({
    config: current,
    store,
    keys,
    embedder,
    vectorsOf: async (ids) => (indexless ? ids.map(() => null) : (await index()).vectors(ids)),
    tokensOf,
    classifier,
    signal,
  });
  const embedder = async () =>
    own.embedder ?? shelf.once('embedder', async (own) => own(await createEmbedder(contextOf(config))));
  const told = new Set<string>();
  function tell(text: string | null): void {
    if (text === null || told.has(text)) return;
    told.add(text);
    options.onNotice?.(text);
  }
  const capabilitiesOf = capabilityLog(tell);
  const tellNotice = async () => tell((await (await embedder()).notice?.()) ?? null);
  const tokensOf: NonNullable<PresetContext['tokensOf']> = async (ids, tokenizer) =>
    (indexless ? null : await (await index()).tokens?.(ids, tokenizer)) ?? ids.map(() => null);
  const classifier = (folder: string) =>
    shelf.once(`classifier ${folder}`, async (own) => {
      const opened = own(await openClassifier(folder, signal, tokensOf));
      tell(await opened.notice());
      return opened;
    });
  const indexless = own.recaller !== undefined && own.index === undefined && options.index === undefined;
  const index = async (create = options.index === undefined) => {
    if (indexless)
      throw new DiscernError('INDEX_MISSING', `there is no index: ${own.recaller!.id} recalls in its place`, {
        hint: 'put the documents where it searches, or give createRag an index beside it',
      });
    return (
      own.index ??
      shelf.once('index', async (own) => own(await openIndex(config, await embedder(), options.index ?? null, create)))
    );
  };

  const { criticOf, shadowOf } = assembledCritics({ own, shelf, contextOf, tell, signal });

  async function generatorOf(name: string | null, current: Config): Promise<Generator | null> {
    if (name === null) return null;
    const { model, serverModel, baseUrl, quoteRanker } = current.generate;
    const { baseUrl: address, serverModel: remote } = current.critics;
    const key = `generator ${JSON.stringify([name, model, serverModel, baseUrl, quoteRanker, address, remote])}`;
    return shelf.once(key, async (own) => own(await createGenerator(name, contextOf(current))));
  }

  async function rewriterOf(current: Config): Promise<Rewriter | null> {
    const name = current.recall.rewrite;
    if (own.rewriter || name === null) return own.rewriter ?? null;
    const key = `rewriter ${JSON.stringify([name, current.generate.model])}`;
    return shelf.once(key, async (own) => own(await createRewriter(name, contextOf(current))));
  }

  async function rerankerOf(current: Config): Promise<PresetReranker | typeof NO_RERANKER> {
    const { backend, model } = current.rerank;
    if (own.reranker) return { reranker: own.reranker, mix: null };
    if (backend === 'none') return NO_RERANKER;
    return shelf.once(`reranker ${JSON.stringify([backend, model])}`, async (own) => {
      const made = await createReranker(backend, contextOf(current));
      own(made.reranker);
      return made;
    });
  }

  /** What the gate asks: the language model at hand, the entailment model, and the estimate fitted for them. */
  async function gateOf(current: Config, { withContext, critics }: GateNeeds): Promise<GateParts | null> {
    const { when, measure, entailment, estimator } = current.gate;
    if (when === 'never') return null;
    if (!needsSamples(measure)) return { sampler: null, entailment: null, estimator: null };
    const alone = own.closedBook ?? (await generatorOf(current.generate.closedBook, current));
    const sampler = [withContext, alone].find((one) => one?.sample !== undefined) ?? null;
    const key = `entailment ${JSON.stringify([entailment, current.critics.model])}`;
    const comparer =
      own.entailment ??
      (await shelf.once(key, async (own) => own(await createEntailment(entailment, contextOf(current)))));
    checkEquivalence(comparer, current.gate.equivalence);
    const { fittedFor, ...fitted } = await createEstimator(estimator);
    if (measure === 'helps') {
      const made = {
        sampler: sampler?.id,
        isRel: critics.isRel?.id,
        isSup: critics.isSup?.id,
        entailment: comparer.id,
      };
      const others = othersThanFitted(fittedFor, made);
      if (others.length > 0)
        tell(
          `the gate's estimate ${fitted.id} was fitted for ${others.join(', ')}; with other models its probabilities are a guess`,
        );
    }
    return { sampler, entailment: comparer, estimator: fitted };
  }

  return {
    embedder,
    tellNotice,
    index,
    async partsFor(current, given = own.recaller) {
      const { mode } = current.retrieve;
      const retrieves = mode !== 'never';
      const asked: Record<ReflectionKind, boolean> = {
        retrieve: mode === 'adaptive',
        isRel: retrieves,
        isSup: retrieves,
        isUse: true,
      };
      const critics = {} as Record<ReflectionKind, Critic | null>;
      let fitted: number | null = null;
      for (const kind of Object.keys(REFLECTIONS) as ReflectionKind[]) {
        const { critic, isRelThreshold } = asked[kind] ? await criticOf(kind, current) : NO_CRITIC;
        critics[kind] = critic;
        if (kind === 'isRel') fitted = isRelThreshold;
      }
      // Before the parts are named in a trace: by then the embedder knows what it runs on.
      if (retrieves && !given) await tellNotice();
      const { reranker, mix } = retrieves ? await rerankerOf(current) : NO_RERANKER;
      const { closedBook, quotes } = current.generate;
      const withContext = retrieves
        ? (own.withContext ?? (await generatorOf(current.generate.withContext, current)))
        : null;
      const dropped =
        current.gate.when !== 'never' && (current.gate.closedBook || withContext?.abilities.quotes === false);
      const freely = mode !== 'always' || current.isRel.whenNoEvidence === 'generate' || dropped;
      const made: Parts = {
        rewriter: retrieves ? await rewriterOf(current) : null,
        recaller: retrieves ? (given ?? embeddingRecaller(await embedder(), await index())) : null,
        reranker,
        critics,
        generators: {
          withContext,
          closedBook: freely ? (own.closedBook ?? (await generatorOf(closedBook, current))) : null,
          quotes: withContext?.abilities.quotes === false && quotes > 0 ? await generatorOf('quote', current) : null,
        },
        gate: retrieves ? await gateOf(current, { withContext, critics }) : null,
        shadow: await shadowOf(current),
      };
      const parts = { ...made, capabilities: await capabilitiesOf(made, current) };
      const isRel = { ...current.isRel, threshold: current.isRel.threshold ?? fitted ?? 0 };
      const fittedMix = given?.ranksOnly ? null : mix;
      const rerank = { ...current.rerank, mix: current.rerank.mix ?? fittedMix ?? (reranker && 1) };
      return { parts, config: { ...current, isRel, rerank } };
    },
    check: shelf.check,
    close: shelf.close,
  };
}

/** Throws CONFIG_INVALID where the model cannot judge by this rule. */
function checkEquivalence({ id, outputs }: Entailment, rule: Config['gate']['equivalence']): void {
  const needed = rule === 'head' ? 'equivalent' : 'entail';
  if (!outputs.includes(needed))
    throw new DiscernError('CONFIG_INVALID', `gate.equivalence ${rule} needs what ${id} does not give`, {
      hint: rule === 'head' ? 'set gate.equivalence to strict or loose' : 'set gate.equivalence to head',
    });
}

/** Keeps what was made under a key, so that many callers share it, and closes what it owns. */
function createShelf() {
  const made = new Map<string, Promise<unknown>>();
  const closers: (() => Promise<void>)[] = [];
  let closing: Promise<void> | null = null;

  const own = <P extends { close(): Promise<void> }>(part: P): P => {
    closers.push(() => part.close());
    return part;
  };
  const check = () => {
    if (closing) throw new DiscernError('BACKEND_CLOSED', 'this instance was closed');
  };
  async function closeAll(): Promise<void> {
    await Promise.allSettled(made.values());
    const results = await Promise.allSettled(closers.map((close) => close()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
  return {
    check,
    /** A failure is not kept: the next call tries again. */
    once<T>(key: string, make: (owned: typeof own) => Promise<T>): Promise<T> {
      check();
      const existing = made.get(key) as Promise<T> | undefined;
      if (existing) return existing;
      const promise = make(own);
      made.set(key, promise);
      promise.catch(() => made.delete(key));
      return promise;
    },
    close: () => (closing ??= closeAll()),
  };
}
