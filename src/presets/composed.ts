import type { Config } from '../config.ts';
import { DiscernError } from '../errors.ts';
import type { Critique } from '../types.ts';
import type { PresetCritic } from './critics.ts';

/** What a critic's name in the config stands for. Parts are names too, of one critic each. */
export type CriticForm =
  | { readonly type: 'one'; readonly name: string }
  | { readonly type: 'calibrated'; readonly name: string; readonly file: string }
  | { readonly type: 'cascade'; readonly cheap: string; readonly dear: string }
  | {
      readonly type: 'ensemble' | 'product';
      readonly members: readonly { readonly name: string; readonly weight: number }[];
    };

/** How names of critics made of others are written. */
export const COMPOSED_FORMS = ['cascade:A,B', 'ensemble:A*2,B', 'product:A,B', 'calibrated:A=FILE'] as const;

const invalid = (name: string, problem: string, hint: string) =>
  new DiscernError('CONFIG_INVALID', `the critic "${name}" ${problem}`, { hint });

/** Reads a name. Throws CONFIG_INVALID that says how it is written. */
export function criticForm(name: string): CriticForm {
  const [, type, rest = ''] = /^(cascade|ensemble|product|calibrated):(.*)$/s.exec(name) ?? [];
  if (type === undefined) return { type: 'one', name };
  if (type === 'calibrated') {
    const at = rest.lastIndexOf('=');
    const [part, file] = [rest.slice(0, at).trim(), rest.slice(at + 1).trim()];
    if (at > 0 && part !== '' && file !== '') return { type, name: part, file };
    throw invalid(
      name,
      'names no critic and file',
      'write calibrated:NAME=FILE, such as calibrated:prompted=./fit.json',
    );
  }
  const parts = rest.split(',').map((part) => part.trim());
  const hint =
    type === 'cascade'
      ? 'write cascade:CHEAP,DEAR, such as cascade:mini,prompted'
      : `write ${type}:A,B, with weights ${type}:A*2,B, such as ${type}:mini*2,embedding`;
  if (parts.includes('')) throw invalid(name, 'has a part without a name', hint);
  const nested = parts.find((part) => /^(cascade|ensemble|product):/.test(part));
  if (nested !== undefined) throw invalid(name, `has the part "${nested}", which is made of others itself`, hint);
  if (type === 'cascade') {
    const [cheap, dear] = parts;
    if (parts.length !== 2) throw invalid(name, `names ${parts.length} critics, and needs two`, hint);
    if (cheap === dear) throw invalid(name, `names ${cheap} twice`, hint);
    return { type, cheap: cheap!, dear: dear! };
  }
  const members = parts.map((part) => {
    const [, named, weight] = /^(.*?)(?:\*([^*]*))?$/s.exec(part)!;
    return { name: named!.trim(), weight: weight === undefined ? 1 : Number(weight.trim() || Number.NaN) };
  });
  const wrong = members.findIndex(({ weight }) => !(weight > 0 && Number.isFinite(weight)));
  if (wrong !== -1) throw invalid(name, `has "${parts[wrong]}", whose weight is no number above 0`, hint);
  if (members.length < 2) throw invalid(name, 'names one critic, and needs two', hint);
  const twice = members.find((member, i) => members.findIndex((other) => other.name === member.name) < i);
  if (twice) throw invalid(name, `names ${twice.name} twice`, hint);
  return { type: type as 'ensemble' | 'product', members };
}

type MakePart = (name: string) => Promise<PresetCritic>;

/** A critic made of others. What is opened before one of them fails is closed. */
export async function composedCriticOf(
  name: string,
  form: Exclude<CriticForm, { type: 'one' }>,
  config: Config,
  make: MakePart,
): Promise<PresetCritic> {
  const names =
    form.type === 'calibrated'
      ? [form.name]
      : form.type === 'cascade'
        ? [form.cheap, form.dear]
        : form.members.map((member) => member.name);
  const parts: PresetCritic[] = [];
  try {
    for (const part of names)
      parts.push(await make(part).catch((error: unknown) => Promise.reject(within(name, error))));
    return { ...noticesOf(parts), ...(await put(form, parts, config)) };
  } catch (error) {
    await Promise.all(parts.map(({ critic }) => critic.close()));
    throw error;
  }
}

const within = (name: string, error: unknown): unknown =>
  DiscernError.is(error, 'BACKEND_UNKNOWN')
    ? new DiscernError(error.code, `in "${name}": ${error.message}`, { hint: error.hint, cause: error })
    : error;

const noticesOf = (parts: readonly PresetCritic[]): { readonly notice?: string } => {
  const notices = parts.flatMap(({ notice }) => notice ?? []);
  return notices.length === 0 ? {} : { notice: notices.join('; ') };
};

async function put(
  form: Exclude<CriticForm, { type: 'one' }>,
  parts: readonly PresetCritic[],
  config: Config,
): Promise<PresetCritic> {
  if (form.type === 'calibrated') return calibrated(parts[0]!, form.file);
  const basis = await commonBasis(parts);
  if (form.type === 'cascade') {
    const { cascadeCritic } = await import('../backends/critic/cascade.ts');
    const [cheap, dear] = parts as [PresetCritic, PresetCritic];
    const { isRelThreshold } = cheap;
    const thresholds = {
      retrieve: config.retrieve.threshold,
      isRel: config.isRel.threshold ?? isRelThreshold ?? 0,
      // Nothing of the config: the middle of what they can say.
      isSup: 0.5,
      isUse: 0.5,
    };
    const critic = cascadeCritic({ cheap: cheap.critic, dear: dear.critic, thresholds, band: config.critics.band });
    return { critic, isRelThreshold, ...basis };
  }
  const { ensembleCritic } = await import('../backends/critic/ensemble.ts');
  const weights = form.members.map(({ weight }) => weight);
  const members = parts.map(({ critic }, i) => ({ critic, weight: weights[i]! }));
  const critic = ensembleCritic({ members, how: form.type === 'product' ? 'product' : 'mean' });
  return { critic, isRelThreshold: meanThreshold(parts, weights), ...basis };
}

/** Between the thresholds that were fitted for the members; null where one has none. */
function meanThreshold(parts: readonly PresetCritic[], weights: readonly number[]): number | null {
  const fitted = parts.flatMap(({ isRelThreshold }) => isRelThreshold ?? []);
  if (fitted.length < parts.length) return null;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return fitted.reduce((sum, threshold, i) => sum + (threshold * weights[i]!) / total, 0);
}

async function calibrated({ critic }: PresetCritic, file: string): Promise<PresetCritic> {
  const { calibratedCritic, loadCalibration } = await import('../backends/critic/calibrated.ts');
  const { critic: fittedFor, calibration, isRelThreshold } = await loadCalibration(file);
  if (fittedFor !== critic.id)
    throw new DiscernError('CONFIG_INVALID', `${file} was fitted for ${fittedFor}, the critic is ${critic.id}`, {
      hint: 'a calibration serves the critic that it was fitted for alone: fit one for this critic',
    });
  return { critic: calibratedCritic(critic, calibration), isRelThreshold };
}

/** Throws CONFIG_INVALID where numbers of different scales would be put together. */
async function commonBasis(parts: readonly PresetCritic[]): Promise<{ readonly basis?: Critique['basis'] }> {
  const [first] = parts as [PresetCritic];
  const other = parts.find(({ basis }) => basis !== first.basis);
  if (other) {
    const { mixed, scaleOf } = await import('../backends/critic/composed.ts');
    throw mixed(`${first.critic.id} gives ${scaleOf(first)}, ${other.critic.id} ${scaleOf(other)}`);
  }
  return first.basis === undefined ? {} : { basis: first.basis };
}
