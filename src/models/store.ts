import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { DiscernError } from '../errors.ts';
import { keyOf } from '../text/hash.ts';
import { checkFile, type FileState, markerOf, peekFile } from './checked-file.ts';
import { writeError } from './failure.ts';
import { fetchFiles, type ModelProgress, type SourceName } from './fetch.ts';
import { withLock } from './lock.ts';
import { MANIFEST, type ManifestModel, type ModelKind, type ResolvedModel } from './manifest.ts';
import { PACKAGE_COMMANDS, type PackageCommands } from './package-source.ts';
import { type Plan, type PlannedFile, planModel, readEmbedderFacts } from './plan.ts';

export interface ModelStoreOptions {
  /** Null: the cache folder of the user. */
  readonly dir: string | null;
  readonly hub: string;
  readonly sources: readonly SourceName[];
  readonly offline: boolean;
  readonly timeoutMs: number;
  /** Told of every download that `resolve` starts, and of `pull` where that has none of its own. */
  readonly onProgress?: (progress: ModelProgress) => void;
  /** The models that are known by name; without it, the package's own. */
  readonly manifest?: readonly ManifestModel[];
  /** How pip and mvn are started. */
  readonly commands?: PackageCommands;
}

export interface ListedModel {
  readonly name: string;
  readonly kind: ModelKind;
  readonly licence: string;
  readonly description: string;
  readonly bytes: number;
  readonly state: 'present' | 'partial' | 'missing';
  /** Every file was hashed since it last changed, and was right. */
  readonly checked: boolean;
}

export interface VerifiedModel {
  readonly name: string;
  readonly ok: boolean;
  readonly files: readonly (FileState & { readonly path: string })[];
}

export interface ModelStore {
  /** Absolute path of the folder with the files. */
  readonly dir: string;
  /** The models of the manifest, without reading their files. */
  list(): Promise<ListedModel[]>;
  /** Paths of checked files; downloads what is missing, unless offline. Names: see `planModel`. */
  resolve(name: string, call?: { readonly signal?: AbortSignal }): Promise<ResolvedModel>;
  /** The same, with progress of its own. */
  pull(
    name: string,
    call?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: ModelProgress) => void },
  ): Promise<ResolvedModel>;
  /** Reads every file again, whatever was found before. Downloads nothing. */
  verify(name: string, call?: { readonly signal?: AbortSignal }): Promise<VerifiedModel>;
}

type StorePlan = Extract<Plan, { from: 'store' }>;
type LocalPlan = Extract<Plan, { from: 'local' }>;
type Call = { readonly signal?: AbortSignal; readonly onProgress?: (progress: ModelProgress) => void };

/**
 * The folder with the model files, and the ways to fill it.
 *
 * @example
 * const store = createModelStore(config.models);
 * const { files } = await store.resolve('bge-small-en-v1.5');
 * files['model.onnx'].path; // absolute, checked
 */
export function createModelStore(options: ModelStoreOptions): ModelStore {
  const root = resolvePath(options.dir ?? join(homedir(), '.cache', 'discern-rag', 'models'));
  const manifest = options.manifest ?? MANIFEST;
  const settings = { ...options, commands: options.commands ?? PACKAGE_COMMANDS };

  async function pull(name: string, call: Call = {}): Promise<ResolvedModel> {
    const plan = await planModel(name, root, manifest);
    return plan.from === 'local' ? resolveLocal(plan, root, call.signal) : resolveStored(plan, call);
  }

  async function resolveStored(plan: StorePlan, call: Call): Promise<ResolvedModel> {
    let states = await inspect(plan, call.signal);
    if (lacking(states).length > 0) {
      if (options.offline) throw offlineError(plan, states);
      states = await download(plan, call);
    }
    const found = [...states].flatMap(([file, state]) =>
      state.state === 'ok' ? [[file.key, { path: join(plan.dir, file.path), sha256: state.sha256 }] as const] : [],
    );
    return {
      name: plan.name,
      kind: plan.kind,
      dir: plan.dir,
      files: Object.fromEntries(found),
      embedder: plan.embedder ?? (plan.kind === 'embedder' ? await readEmbedderFacts(plan.dir) : null),
    };
  }

  async function download(
    plan: StorePlan,
    { signal, onProgress = options.onProgress ?? (() => {}) }: Call,
  ): Promise<States> {
    await mkdir(plan.dir, { recursive: true }).catch((error: unknown) => {
      throw writeError(error, plan.dir);
    });
    const onWait = () => onProgress({ model: plan.name, file: '', step: 'wait', done: 0, total: null });
    return withLock(plan.dir, { signal, onWait }, async (signal) => {
      // While this process waited, another one may have brought them.
      const files = lacking(await inspect(plan, signal));
      if (files.length > 0) await fetchFiles(plan, files, settings, { signal, onProgress });
      return inspect(plan, signal);
    });
  }

  return {
    dir: root,
    list: () => listModels(root, manifest),
    resolve: (name, call) => pull(name, { signal: call?.signal }),
    pull,
    async verify(name, call) {
      const plan = await planModel(name, root, manifest);
      if (plan.from === 'local') {
        const { files } = await resolveLocal(plan, root, call?.signal, true);
        return { name, ok: true, files: Object.values(files).map((file) => ({ state: 'ok', ...file })) };
      }
      const states = await inspect(plan, call?.signal, true);
      const files = [...states]
        .filter(([file, state]) => !(file.optional && state.state === 'missing'))
        .map(([file, state]) => ({ ...state, path: join(plan.dir, file.path) }));
      return { name, ok: files.every((file) => file.state === 'ok'), files };
    },
  };
}

type States = ReadonlyMap<PlannedFile, FileState>;

async function inspect(plan: StorePlan, signal?: AbortSignal, force = false): Promise<States> {
  const states = new Map<PlannedFile, FileState>();
  for (const file of plan.files) {
    const path = join(plan.dir, file.path);
    states.set(
      file,
      await checkFile(path, { marker: markerOf(path), expected: file.sha256, pinned: true, force, signal }),
    );
  }
  return states;
}

/** What has to be fetched. Optional files count only while a needed one is missing too. */
function lacking(states: States): PlannedFile[] {
  const files = [...states].filter(([, state]) => state.state !== 'ok').map(([file]) => file);
  return files.some((file) => !file.optional) ? files : [];
}

function offlineError(plan: StorePlan, states: States): DiscernError {
  const [file, state] = [...states].find(([file, state]) => !file.optional && state.state !== 'ok')!;
  const path = join(plan.dir, file.path);
  const details = { model: plan.name, file: file.path, path };
  if (state.state === 'wrong')
    return new DiscernError(
      'MODEL_CHECKSUM',
      `${path} has sha256 ${state.sha256} where ${state.expected} is expected, and models.offline is on`,
      {
        hint: `switch models.offline off, then run \`discern models pull ${plan.name}\`; or replace the file`,
        details,
      },
    );
  return new DiscernError(
    'MODEL_UNAVAILABLE',
    `${file.path} of ${plan.name} is not in ${plan.dir}, and models.offline is on`,
    {
      hint: `switch models.offline off, then run \`discern models pull ${plan.name}\`; or put the file at ${path}`,
      details,
    },
  );
}

async function resolveLocal(
  plan: LocalPlan,
  root: string,
  signal?: AbortSignal,
  force = false,
): Promise<ResolvedModel> {
  const files: Record<string, { path: string; sha256: string }> = {};
  for (const [key, path] of Object.entries(plan.files)) {
    // The user's own folder stays as it is: what was seen of the file is kept in the store.
    const marker = join(root, '.local', `${keyOf(path)}.json`);
    const state = await checkFile(path, { marker, expected: null, pinned: false, force, signal });
    if (state.state !== 'ok') throw new DiscernError('MODEL_UNAVAILABLE', `${path} went away while it was read`);
    files[key] = { path, sha256: state.sha256 };
  }
  const embedder = plan.kind === 'embedder' ? await readEmbedderFacts(plan.dir) : null;
  return { name: plan.name, kind: plan.kind, dir: plan.dir, files, embedder };
}

const listModels = (root: string, manifest: readonly ManifestModel[]): Promise<ListedModel[]> =>
  Promise.all(
    manifest.map(async ({ name, kind, licence, description, files }) => {
      const seen = await Promise.all(files.map((file) => peekFile(join(root, name, file.path), file.sha256)));
      const present = seen.filter((state) => state !== 'missing').length;
      return {
        name,
        kind,
        licence,
        description,
        bytes: files.reduce((sum, file) => sum + file.bytes, 0),
        state: present === files.length ? 'present' : present === 0 ? 'missing' : 'partial',
        checked: seen.every((state) => state === 'ok'),
      } satisfies ListedModel;
    }),
  );
