import type { Config } from '../config.ts';
import type { Critic, Embedder, Generator } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import type { SeperParts } from '../evaluate/seper/collect.ts';
import { createModelStore } from '../models/store.ts';
import {
  type Classifier,
  createCritic,
  createEmbedder,
  createEntailment,
  createGenerator,
  createReranker,
  createRewriter,
  openClassifier,
  openIndex,
  type PresetContext,
} from '../presets.ts';
import type { CliContext } from './context.ts';
import { showProgress } from './models.ts';

/** What a run needs, so that nothing else is opened. */
export interface SeperNeeds {
  /** Answers are drawn. */
  readonly sampler: boolean;
  /** Passages that stand in rows are judged. */
  readonly scores: boolean;
  /** Folder of the index that contexts are found in; null: they stand in the rows. */
  readonly index: string | null;
}

export interface OpenedSeper {
  readonly parts: SeperParts;
  /** With what was fitted for the parts filled in. */
  readonly config: Config;
  close(): Promise<void>;
}

/** Opens the parts by the names of the config; a classifier that several of them are of is loaded once. */
export async function openSeperParts(config: Config, needs: SeperNeeds, cli: CliContext): Promise<OpenedSeper> {
  const { environment, signal, note } = cli;
  const progress = showProgress();
  const closers: (() => Promise<void>)[] = [];
  const owned = <P extends { close(): Promise<void> }>(part: P): P => {
    closers.push(() => part.close());
    return part;
  };
  async function close(): Promise<void> {
    for (let next = closers.pop(); next; next = closers.pop()) await next();
  }
  let embedding: Promise<Embedder> | null = null;
  const classifiers = new Map<string, Classifier>();
  const tokensOf: NonNullable<PresetContext['tokensOf']> = async (ids, tokenizer) =>
    (await index?.tokens?.(ids, tokenizer)) ?? ids.map(() => null);
  const context: PresetContext = {
    ...{ config, keys: environment.keys, signal },
    store: createModelStore({ ...config.models, onProgress: progress.update }),
    embedder: () => (embedding ??= createEmbedder(context).then(owned)),
    vectorsOf: async (ids) => (await index?.vectors(ids)) ?? ids.map(() => null),
    tokensOf,
    async classifier(folder) {
      const known = classifiers.get(folder);
      if (known) return known;
      const opened = owned(await openClassifier(folder, signal, tokensOf));
      classifiers.set(folder, opened);
      tell(await opened.notice());
      return opened;
    },
  };
  const tell = (text: string | null | undefined) => void (text && note(text));
  let index: Awaited<ReturnType<typeof openIndex>> | null = null;
  try {
    const entailment = owned(await createEntailment(config.gate.entailment, context));
    const output = config.gate.equivalence === 'head' ? 'equivalent' : 'entail';
    if (!entailment.outputs.includes(output))
      throw new DiscernError(
        'CONFIG_INVALID',
        `gate.equivalence ${config.gate.equivalence} needs what ${entailment.id} does not give`,
        { hint: output === 'equivalent' ? 'set gate.equivalence to strict or loose' : 'set gate.equivalence to head' },
      );
    if (needs.index !== null) {
      const embedder = await context.embedder();
      index = owned(await openIndex(config, embedder, needs.index, false));
      if ((await index.info()).passages === 0) throw new DiscernError('INDEX_EMPTY', 'the index holds no passages');
      tell(await embedder.notice?.());
    }
    const judges = await openJudges(context, needs, owned);
    return {
      parts: {
        sampler: needs.sampler ? await openSampler(context, owned) : null,
        entailment,
        search: index && { embedder: await context.embedder(), index },
        evidence: judges.evidence,
      },
      config: judges.config,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  } finally {
    progress.end();
  }
}

type Owned = <P extends { close(): Promise<void> }>(part: P) => P;

/** The generator of answers with context, or else that of closed-book answers: the first that can sample. */
async function openSampler(context: PresetContext, owned: Owned): Promise<Generator> {
  const { withContext, closedBook } = context.config.generate;
  for (const name of new Set([withContext, closedBook])) {
    const generator = name === null ? null : owned(await createGenerator(name, context));
    if (generator?.sample) return generator;
  }
  throw new DiscernError('CONFIG_INVALID', 'SePer needs sampled answers, and no language model is configured', {
    hint: 'set generate.withContext or generate.closedBook to one, such as gguf',
  });
}

/** Rewriter, reranker and the critic of IsREL, where contexts are found or scored. */
async function openJudges(
  context: PresetContext,
  { index, scores }: SeperNeeds,
  owned: Owned,
): Promise<{ evidence: SeperParts['evidence']; config: Config }> {
  const { config, signal } = context;
  const { rewrite } = config.recall;
  const wanted = index !== null || scores;
  const rewriter = index === null || rewrite === null ? null : owned(await createRewriter(rewrite, context));
  const { backend } = config.rerank;
  const ranked = !wanted || backend === 'none' ? null : await createReranker(backend, context);
  if (ranked) owned(ranked.reranker);
  const name = config.critics.isRel;
  const judged = !wanted || name === null ? null : await createCritic(name, context);
  const isRel: Critic | null = judged && owned(judged.critic);
  if (isRel && !isRel.kinds.includes('isRel'))
    throw new DiscernError(
      'CRITIC_KIND_UNSUPPORTED',
      `the critic "${name}" predicts ${isRel.kinds.join(', ')}, not isRel`,
    );
  await isRel?.prepare?.({ signal });
  return {
    evidence: {
      rewriter,
      reranker: ranked?.reranker ?? null,
      critics: { retrieve: null, isRel, isSup: null, isUse: null },
    },
    config: {
      ...config,
      isRel: { ...config.isRel, threshold: config.isRel.threshold ?? judged?.isRelThreshold ?? 0 },
      rerank: { ...config.rerank, mix: config.rerank.mix ?? ranked?.mix ?? 1 },
    },
  };
}
