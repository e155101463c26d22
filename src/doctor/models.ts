import type { Config } from '../config.ts';
import { DiscernError } from '../errors.ts';
import type { SourceName } from '../models/fetch.ts';
import { MANIFEST } from '../models/manifest.ts';
import { type Plan, planModel } from '../models/plan.ts';
import type { ModelStore } from '../models/store.ts';
import { type Finding, failed, failure, ok, warning } from './check.ts';
import { sizeOf } from './machine.ts';

type StorePlan = Extract<Plan, { from: 'store' }>;

export interface ModelFound {
  readonly finding: Finding;
  /** Bytes that are still to be fetched, as far as they are known. */
  readonly missing: number;
}

/** Where the files that a model needs can be had, in the order in which the sources are tried. */
function sourcesOf({ files }: StorePlan, { sources, hub }: Config['models']): string[] {
  const needed = files.filter(({ optional }) => !optional);
  const places: Readonly<Record<SourceName, (file: StorePlan['files'][number]) => string | null | undefined>> = {
    hub: (file) => file.hub && `${new URL(hub).host}/${file.hub.repo}`,
    pypi: ({ pypi }) => pypi && `PyPI ${pypi.package} ${pypi.version}`,
    maven: ({ maven }) => maven && `Maven ${maven.coordinate}`,
  };
  return sources.flatMap((source) => {
    const found = needed.map(places[source]);
    return found.length > 0 && found.every((place) => place) ? [...new Set(found)].join(' and ') : [];
  });
}

/** Whether the files of a model are here and right. Fetches nothing: `store` is offline. */
export async function modelFinding(
  name: string,
  store: ModelStore,
  models: Config['models'],
  signal: AbortSignal,
): Promise<ModelFound> {
  const plan = await planModel(name, store.dir, MANIFEST).catch((error: unknown) => error as DiscernError);
  if (DiscernError.is(plan)) return { finding: failure(plan), missing: 0 };
  try {
    const { files, dir } = await store.resolve(name, { signal });
    const count = Object.keys(files).length;
    const checked = plan.from === 'store' && plan.files.some(({ sha256 }) => sha256 !== null);
    const how = checked ? 'checksums right' : 'no published checksums';
    return { finding: ok(`${count} ${count === 1 ? 'file' : 'files'} in ${dir}, ${how}`), missing: 0 };
  } catch (error) {
    if (plan.from === 'local' || !DiscernError.is(error)) return { finding: failure(error), missing: 0 };
    if (models.offline) return { finding: failure(error), missing: 0 };
    const bytes = plan.files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
    const from = sourcesOf(plan, models);
    const amount = bytes === 0 ? '' : ` ${sizeOf(bytes)}`;
    if (from.length === 0)
      return {
        finding: failed(
          `not here, and none of the sources ${models.sources.join(', ')} has it`,
          `add a source with --models.sources`,
        ),
        missing: 0,
      };
    const advice = `run \`discern models pull ${name}\`, which fetches${amount} from ${from.join(', or else ')}`;
    if (DiscernError.is(error, 'MODEL_CHECKSUM')) {
      const { path } = error.details;
      return {
        finding: failed(`${String(path)} is another file than it should be: its checksum is wrong`, advice),
        missing: bytes,
      };
    }
    if (!DiscernError.is(error, 'MODEL_UNAVAILABLE')) return { finding: failure(error), missing: 0 };
    return { finding: warning(`not here yet: it is fetched at its first use`, advice), missing: bytes };
  }
}
