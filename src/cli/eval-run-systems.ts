import { join } from 'node:path';
import { createAssembly } from '../assembly.ts';
import type { Config } from '../config.ts';
import { DiscernError } from '../errors.ts';
import type { Dataset } from '../evaluate/data/dataset.ts';
import { indexGroup, ingestDataset } from '../evaluate/experiment/ingest.ts';
import type { FactScope, RunOptions } from '../evaluate/experiment/run.ts';
import type { Experiment, System } from '../evaluate/experiment/schema.ts';
import { type AskWith, askWide } from '../evaluate/wide.ts';
import { createSplitter, criticKey, keptVectors } from '../presets.ts';
import { createRag, type Rag } from '../rag.ts';
import { mergeConfig } from '../replay.ts';
import { keyOf } from '../text/hash.ts';
import { type Critique, REFLECTIONS, type ReflectionKind } from '../types.ts';
import { type CliContext, ragOptions } from './context.ts';

/** The configs of an experiment, ready to be asked. */
export interface OpenedSystems extends Pick<RunOptions, 'ask' | 'scopeOf'> {
  /** What each config searches, by its name; null: nothing. */
  readonly indexes: Readonly<Record<string, string | null>>;
  close(): Promise<void>;
}

export type OpenSystems = (experiment: Experiment, dataset: Dataset, context: CliContext) => Promise<OpenedSystems>;

interface Opened {
  readonly rag: Rag;
  readonly index: string | null;
  endProgress(): void;
}

/** Configs that read the documents alike are one instance, whose models are loaded once; the others get one each. */
export const openSystems: OpenSystems = async (experiment, dataset, context) => {
  const groups = new Map<string, System[]>();
  for (const system of experiment.systems) {
    const group = indexGroup(system);
    groups.set(group, [...(groups.get(group) ?? []), system]);
  }
  const opened = new Map<string, Opened>();
  const close = async () => {
    for (const { rag, endProgress } of opened.values()) {
      endProgress();
      await rag.close();
    }
  };
  try {
    for (const [group, systems] of groups)
      opened.set(group, await openGroup(systems, group, experiment, dataset, context));
  } catch (error) {
    await close();
    throw error;
  }
  const of = (system: System) => opened.get(indexGroup(system))!;
  return {
    ask(system, { id, question }, { shared, signal }) {
      const ask: AskWith = (change, known) => {
        const config = mergeConfig(system.config, change);
        return of(system).rag.ask(question, { id, config, shared: known, signal });
      };
      const { wide: settings, seed, baseline } = experiment;
      return settings > 0 && system.name === baseline ? askWide(ask, { settings, seed, shared }) : ask({}, shared);
    },
    scopeOf: factScope,
    indexes: Object.fromEntries(experiment.systems.map((system) => [system.name, of(system).index])),
    close,
  };
};

async function openGroup(
  systems: readonly System[],
  group: string,
  { index, out }: Experiment,
  dataset: Dataset,
  context: CliContext,
): Promise<Opened> {
  const [{ config }] = systems as [System];
  const { endProgress, ...options } = ragOptions(config, context);
  if (systems.every((system) => system.config.retrieve.mode === 'never'))
    return { rag: await createRag(options), index: null, endProgress };
  if (index !== null) {
    const rag = await createRag({ ...options, index });
    try {
      const { passages, sources, fingerprint } = await rag.info();
      return { rag, index: keyOf({ passages, sources, fingerprint }), endProgress };
    } catch (error) {
      await rag.close();
      throw error;
    }
  }
  if (dataset.documents === null)
    throw new DiscernError('INPUT_INVALID', `index: ${dataset.name} brings no documents, so name an index`, {
      hint: 'make one with `discern ingest`, or give the dataset "documents"',
    });
  const made = `index-${keyOf([dataset.sha256, group]).slice(0, 12)}`;
  await ingestInto(join(out, made), dataset, config, context);
  return { rag: await createRag({ ...options, index: join(out, made) }), index: made, endProgress };
}

async function ingestInto(folder: string, dataset: Dataset, config: Config, context: CliContext): Promise<void> {
  const { endProgress, onIngestProgress, ...options } = ragOptions(config, context);
  const assembly = createAssembly(config, { ...options, index: folder });
  try {
    const index = await assembly.index(true);
    const kept = await keptVectors(await assembly.embedder(), join(folder, 'embedding.partial'));
    try {
      const splitter = await createSplitter(config);
      const { signal } = context;
      await ingestDataset(dataset, { splitter, embedder: kept, index, signal, onProgress: onIngestProgress });
      await kept.clear();
    } finally {
      await kept.close();
    }
  } finally {
    endProgress();
    await assembly.close();
  }
}

/** A part that is made otherwise, or over another index, may say something else under the same name. */
export function factScope(system: System): FactScope {
  const { config } = system;
  const { recall, rerank, generate, critics, gate } = config;
  const group = indexGroup(system);
  const scope = (...made: readonly (string | null)[]) => JSON.stringify([group, ...made]);
  const { model, serverModel, baseUrl, quoteRanker } = generate;
  const writer = scope(model, serverModel, baseUrl, quoteRanker, critics.baseUrl, critics.serverModel);
  const kinds = Object.keys(REFLECTIONS) as ReflectionKind[];
  const judge = (name: string | null) => scope(name === null ? null : criticKey(name, config));
  const judges = Object.fromEntries(kinds.map((kind) => [kind, judge(critics[kind])]));
  const others = {
    rewrite: scope(recall.rewrite, generate.model),
    recall: scope(),
    rerank: scope(rerank.backend, rerank.model),
    sample: writer,
    extend: writer,
    entail: scope(gate.entailment, critics.model),
  };
  return ({ role, value }) => (role === 'critique' ? judges[(value as Critique).kind]! : others[role]);
}
