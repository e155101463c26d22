import { setTimeout as sleep } from 'node:timers/promises';
import { othersThanFitted } from './assembly/estimate.ts';
import type { OwnParts } from './assembly.ts';
import type { Config } from './config.ts';
import type { CallOptions, PassageIndex } from './contracts.ts';
import { type Check, type Finding, failed, looker, ok, warning } from './doctor/check.ts';
import {
  diskFinding,
  enginesOf,
  folderFinding,
  freeBytes,
  NATIVE_PACKAGES,
  nativeFinding,
  nodeFinding,
} from './doctor/machine.ts';
import { modelFinding } from './doctor/models.ts';
import { type Made, makeParts, type Workshop } from './doctor/parts.ts';
import { addressOf, isLocal, keyFinding, partFinding, servicesOf, unmade } from './doctor/probe.ts';
import { MANIFEST } from './models/manifest.ts';
import { planModel } from './models/plan.ts';
import { createModelStore } from './models/store.ts';
import { type NativePackage, type NativeState, nativeState, shippedCritics } from './presets/doctor.ts';
import { type Classifier, createEstimator, openIndex } from './presets.ts';

export type { Check } from './doctor/check.ts';

export interface ExamineOptions {
  readonly config: Config;
  /** Folder of an index. */
  readonly index?: string;
  /** Parts of your own in place of those that the config names. They stay yours. */
  readonly parts?: OwnParts;
  readonly keys?: Readonly<Record<string, string | undefined>>;
  /** For one server. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** What is looked at in place of this machine, for tests. */
  readonly machine?: Partial<Machine>;
}

export interface Machine {
  readonly nodeVersion: string;
  readonly native: (name: NativePackage, options: CallOptions) => Promise<NativeState>;
  /** The folder of shipped critics. */
  readonly critics: string;
  readonly freeBytes: (dir: string) => Promise<number>;
}

/** Loading a model from a slow disk. */
const LOCAL_MS = 60_000;
/** A part that does not close is left behind. */
const CLOSE_MS = 5_000;

/**
 * Looks at everything that questions with this config need, and says what to do where it is not as it should be.
 * Nothing is fetched. One failure stops nothing else.
 *
 * @example
 * const failed = (await examine({ config })).filter(({ state }) => state === 'failed');
 */
export async function examine(options: ExamineOptions): Promise<Check[]> {
  const { keys = {}, index, signal, machine = {}, timeoutMs = 10_000, parts: own = {} } = options;
  const secrets = Object.values(keys).filter((key) => key !== undefined && key !== '');
  const look = looker(secrets as string[], signal);
  const config = hasty(options.config, timeoutMs);
  const store = createModelStore({ ...config.models, offline: true });
  const shop = await makeParts({ config, own, keys, store, signal });

  function partCheck({ options: named, result }: Made): Promise<Check> {
    const name = listed(named);
    if ('error' in result) return look(name, LOCAL_MS, async () => unmade(result.error));
    const { part, notice } = result;
    return look(name, isLocal(part) ? LOCAL_MS : timeoutMs, (within) =>
      partFinding(part, { option: named[0]!, notice, config, signal: within }),
    );
  }

  async function modelChecks(): Promise<{ checks: Check[]; missing: number }> {
    let missing = 0;
    const checks: Check[] = [];
    for (const name of shop.models)
      checks.push(
        await look(`model ${name}`, LOCAL_MS, async (within) => {
          const found = await modelFinding(name, store, config.models, within);
          missing += found.missing;
          return found.finding;
        }),
      );
    return { checks, missing };
  }

  try {
    // Servers are asked while this machine is looked at; what it loads itself is loaded one by one.
    const servers = new Map(shop.made.filter(isServer).map((made) => [made, partCheck(made)]));
    for (const asked of servers.values()) asked.catch(() => {});
    const writes = await hasGenerator(shop.models, store.dir);
    const [machineChecks, models, rest] = await Promise.all([
      Promise.all([
        look('node', LOCAL_MS, async () => nodeFinding(machine.nodeVersion ?? process.version, await enginesOf())),
        ...NATIVE_PACKAGES.map((name) =>
          look(`package ${name}`, LOCAL_MS, async (within) =>
            nativeFinding(name, await (machine.native ?? nativeState)(name, { signal: within }), writes),
          ),
        ),
        look('models.dir', LOCAL_MS, () => folderFinding(store.dir)),
      ]),
      modelChecks(),
      Promise.all([
        look('shipped critics', LOCAL_MS, async (within) =>
          shippedFinding(await shippedCritics({ dir: machine.critics, signal: within })),
        ),
        ...[...servicesOf(shop.made)].map(([service, users]) =>
          look(`key ${service}`, LOCAL_MS, async () =>
            keyFinding(
              keys[service],
              users.every((option) => addressOf(option, config) !== null),
            ),
          ),
        ),
      ]),
    ]);
    const disk = await look('disk', LOCAL_MS, async () =>
      diskFinding(await (machine.freeBytes ?? freeBytes)(store.dir), models.missing),
    );
    const checks = [...machineChecks, disk, ...models.checks, ...rest];
    for (const made of shop.made) checks.push(await (servers.get(made) ?? partCheck(made)));
    for (const opened of shop.classifiers.values()) {
      const classifier = await opened.catch(() => null);
      // What is wrong with its files was said of the part that asks it.
      if (classifier)
        checks.push(await look(`classifier ${classifier.id}`, LOCAL_MS, () => classifierFinding(classifier)));
    }
    if (config.gate.when !== 'never')
      checks.push(await look('gate.estimator', LOCAL_MS, () => estimateFinding(config, shop)));
    if (index !== undefined) checks.push(await look('index', LOCAL_MS, () => indexFinding(index, config, shop)));
    return checks;
  } finally {
    await Promise.race([shop.close(), sleep(CLOSE_MS, undefined, { ref: false })]);
  }
}

/** `critics.isRel, isSup`: a group is named once. */
const listed = (options: readonly string[]): string =>
  options
    .map((option, i) => {
      const group = option.slice(0, option.lastIndexOf('.') + 1);
      return i > 0 && group !== '' && options[i - 1]!.startsWith(group) ? option.slice(group.length) : option;
    })
    .join(', ');

/** Servers are asked once: whether it would have worked at the third try is not the question. */
const hasty = (config: Config, timeoutMs: number): Config => ({
  ...config,
  critics: { ...config.critics, retries: 0, timeoutMs: Math.min(config.critics.timeoutMs, timeoutMs) },
});

const isServer = ({ result }: Made): boolean => 'part' in result && !isLocal(result.part);

async function hasGenerator(models: ReadonlySet<string>, dir: string): Promise<boolean> {
  const plans = await Promise.allSettled([...models].map((name) => planModel(name, dir, MANIFEST)));
  return plans.some((plan) => plan.status === 'fulfilled' && plan.value.kind === 'generator');
}

function shippedFinding(critics: Awaited<ReturnType<typeof shippedCritics>>): Finding {
  const wrong = critics.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]));
  if (wrong.length > 0) return failed(wrong.join('; '), 'install the package again');
  return critics.length === 0
    ? failed('there are none', 'install the package again')
    : ok(`${critics.map(({ name }) => name).join(', ')}: as shipped`);
}

async function classifierFinding(classifier: Classifier): Promise<Finding> {
  const slow = await classifier.notice();
  return slow === null ? ok('runs') : warning('runs, slowly', slow);
}

/** Whether the gate's estimate was fitted for the parts that it is used with. */
async function estimateFinding({ gate }: Config, { find }: Workshop): Promise<Finding> {
  const { id, fittedFor } = await createEstimator(gate.estimator);
  if (gate.measure !== 'helps') return ok(`${id}; gate.measure ${gate.measure} does without it`);
  const writers = [find('generate.withContext'), find('generate.closedBook')];
  const others = othersThanFitted(fittedFor, {
    sampler: writers.find((one) => one && 'sample' in one)?.id,
    isRel: find('critics.isRel')?.id,
    isSup: find('critics.isSup')?.id,
    entailment: find('gate.entailment')?.id,
  });
  return others.length === 0
    ? ok(`${id}, fitted for the parts of this config`)
    : warning(
        `${id} was fitted for ${others.join(', ')}, which this config does not use: its probabilities are a guess`,
        'decide by a single measure, such as --gate.measure entropyReduction, or fit it for these parts',
      );
}

async function indexFinding(dir: string, config: Config, { embedder }: Workshop): Promise<Finding> {
  let opened: PassageIndex;
  try {
    opened = await openIndex(config, await embedder(), dir, false);
  } catch (error) {
    return unmade(error);
  }
  try {
    const { passages, sources, search, note } = await opened.info();
    const found = `${passages} passages of ${sources} sources, made with this embedder; ${search} search: ${note}`;
    return passages === 0 ? warning(found, 'fill it with `discern ingest <files or folders>`') : ok(found);
  } finally {
    await opened.close();
  }
}
