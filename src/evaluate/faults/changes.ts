import type { Config } from '../../config.ts';
import { canonicalJson } from '../../text/hash.ts';
import type { ValueChange } from './fault-report.ts';
import type { TracePair } from './pairs.ts';
import { FAULT_STAGES, STAGE_PARTS, stageOfGroup } from './stages.ts';

type Values = ReadonlyMap<string, unknown>;

const optionsOf = (config: Config): Values =>
  new Map(
    Object.entries(config).flatMap(([group, options]) =>
      group === 'models'
        ? []
        : Object.entries(options as Record<string, unknown>).map(
            ([name, value]) => [`${group}.${name}`, value] as const,
          ),
    ),
  );

function differing(
  pairs: readonly TracePair[],
  valuesOf: (trace: TracePair['a']) => Values,
  stageOf: (name: string) => ValueChange['stage'],
): ValueChange[] {
  const found = new Map<string, ValueChange>();
  for (const pair of pairs) {
    const [a, b] = [valuesOf(pair.a), valuesOf(pair.b)];
    for (const name of new Set([...a.keys(), ...b.keys()])) {
      const [before, after] = [a.get(name) ?? null, b.get(name) ?? null];
      if (canonicalJson(before) === canonicalJson(after)) continue;
      const known = found.get(name) ?? { name, stage: stageOf(name), before, after, questions: 0 };
      found.set(name, { ...known, questions: known.questions + 1 });
    }
  }
  return [...found.values()];
}

/** The options that are not the same in both runs. Where files lie is none of them. */
export const optionChanges = (pairs: readonly TracePair[]): ValueChange[] =>
  differing(
    pairs,
    ({ config }) => optionsOf(config),
    (name) => stageOfGroup(name.slice(0, name.indexOf('.')) as keyof Config),
  );

/** The roles that are filled by another part, or in one run only. A shadow critic fills none. */
export const partChanges = (pairs: readonly TracePair[]): ValueChange[] => {
  const stageOf = new Map(
    FAULT_STAGES.flatMap((stage) => STAGE_PARTS[stage].backends.map((role) => [role, stage] as const)),
  );
  const valuesOf = ({ backends, gate }: TracePair['a']): Values =>
    new Map([
      ...Object.entries(backends).filter(([role]) => stageOf.has(role)),
      ...(gate ? [['gate.estimator', gate.id] as const] : []),
    ]);
  return differing(pairs, valuesOf, (name) => stageOf.get(name) ?? 'gate');
};
