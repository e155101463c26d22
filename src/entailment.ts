import { type ConfigInput, parseConfig } from './config.ts';
import type { CallOptions, Entailment } from './contracts.ts';
import { createModelStore, type ModelStoreOptions } from './models/store.ts';
import { type Classifier, createEntailment, openClassifier } from './presets.ts';

export interface OpenEntailmentOptions extends CallOptions {
  /** Of it count `models`, where model files are kept and come from, and `critics.model`, which `prompted` asks. */
  readonly config?: ConfigInput;
  readonly onModelProgress?: ModelStoreOptions['onProgress'];
  /** Told what is worth telling a person about how the model runs, such as a slower runtime. */
  readonly onNotice?: (text: string) => void;
}

/**
 * An entailment model by name: a classifier critic such as `mini` or the folder of one, `prompted`, the folder of an NLI
 * model, or `owner/repo` of the hub. Throws BACKEND_UNKNOWN, CRITIC_INVALID, CRITIC_KIND_UNSUPPORTED, CONFIG_INVALID, or
 * an error of the model store.
 */
export async function openEntailment(name: string, options: OpenEntailmentOptions = {}): Promise<Entailment> {
  const { signal, onNotice, onModelProgress } = options;
  const config = parseConfig(options.config);
  const store = createModelStore({ ...config.models, onProgress: onModelProgress });
  let mine: Classifier | null = null;
  const closeMine = async () => mine?.close();
  const classifier = async (folder: string) => {
    mine = await openClassifier(folder, signal);
    const notice = await mine.notice();
    if (notice !== null) onNotice?.(notice);
    return mine;
  };
  try {
    const entailment = await createEntailment(name, { config, store, classifier, signal });
    return {
      ...entailment,
      async close() {
        await entailment.close();
        await closeMine();
      },
    };
  } catch (error) {
    await closeMine();
    throw error;
  }
}
