import { parseConfig } from '../../config.ts';
import { DiscernError, messageOf } from '../../errors.ts';
import { listOptions, type Option } from '../../options.ts';
import { changeOf } from './replay-surface.ts';
import type { Setting, Surface } from './surface.ts';

export type Leaf = Setting[string];

/** One option and the values of it that are tried. */
export interface Axis {
  /** Dotted path of the option. */
  readonly path: string;
  readonly values: Range | readonly Leaf[];
}

export interface Range {
  readonly low: number;
  readonly high: number;
  /** Distance between values; null: any value between the ends. */
  readonly step: number | null;
  readonly integer: boolean;
}

const isRange = (values: Axis['values']): values is Range => 'low' in values;

/** Groups whose options may be replayed. */
export const TUNABLE: readonly (keyof Surface['base'])[] = [
  'retrieve',
  'isRel',
  'gate',
  'weights',
  'beam',
  'rerank',
  'generate',
  'budget',
];

/** Every recorded request to a model holds them: with another value it is another request. */
const IN_REQUESTS: ReadonlySet<string> = new Set([
  'generate.maxTokens',
  'generate.temperature',
  'generate.seed',
  'gate.temperature',
  'gate.answerTokens',
  'gate.maxTokens',
]);

/** Says why an option cannot be tuned; null where it can. */
function refusal({ path, type, choices }: Option): string | null {
  const group = path.split('.')[0]!;
  if (!TUNABLE.some((name) => name === group))
    return `decides what is recorded; replayable are options of ${TUNABLE.join(', ')}`;
  if (type === 'array' || (type === 'string' && choices === null))
    return 'names a part that is asked, and facts hold what the recorded one said';
  return IN_REQUESTS.has(path) ? 'is a part of recorded requests to models' : null;
}

/** What is tried where nothing is said: the thresholds and weights that decide something under the base. */
export function defaultAxes(base: Surface['base']): Axis[] {
  const range = (path: string, high: number): Axis => ({
    path,
    values: { low: 0, high, step: null, integer: false },
  });
  return [
    // In the other modes nobody compares with it.
    ...(base.retrieve.mode === 'adaptive' ? [range('retrieve.threshold', 1)] : []),
    range('isRel.threshold', 1),
    ...['weights.isRel', 'weights.isSup', 'weights.isUse'].map((path) => range(path, 3)),
  ];
}

/**
 * Reads axes such as `retrieve.threshold=0..1,weights.isSup=0..3:0.5,beam.width=1|2|4`. Throws INPUT_INVALID for what is
 * no option, out of its bounds, or not replayable.
 */
export function parseAxes(text: string): Axis[] {
  const parts = text.split(',').map((part) => part.trim());
  const axes = parts.filter((part) => part !== '').map(parseAxis);
  if (axes.length === 0) throw new DiscernError('INPUT_INVALID', 'no options to tune are named', { hint: FORM });
  const paths = axes.map(({ path }) => path);
  const twice = paths.find((path, i) => paths.indexOf(path) !== i);
  if (twice !== undefined) throw new DiscernError('INPUT_INVALID', `${twice} is named twice`);
  return axes;
}

const FORM = 'write them as retrieve.threshold=0..1,weights.isSup=0..3:0.5,beam.width=1|2|4';

function parseAxis(text: string): Axis {
  const cut = text.indexOf('=');
  if (cut < 0) throw new DiscernError('INPUT_INVALID', `"${text}" has no values`, { hint: FORM });
  const option = optionOf(text.slice(0, cut).trim());
  const values = valuesOf(option, text.slice(cut + 1).trim());
  for (const value of isRange(values) ? [values.low, values.high] : values) check(option.path, value);
  return { path: option.path, values };
}

function optionOf(path: string): Option {
  const options = listOptions();
  const option = options.find((one) => one.path === path);
  if (option === undefined) {
    const near = nearestName(
      path,
      options.filter((one) => refusal(one) === null).map((one) => one.path),
    );
    throw new DiscernError(
      'INPUT_INVALID',
      `there is no option "${path}"${near === null ? '' : `; did you mean ${near}?`}`,
    );
  }
  const reason = refusal(option);
  if (reason !== null) throw new DiscernError('INPUT_INVALID', `${path} cannot be tuned by replay: it ${reason}`);
  return option;
}

const RANGE = /^(.+?)\.\.(.+?)(?::(.+))?$/;

function valuesOf(option: Option, text: string): Axis['values'] {
  const numeric = option.type === 'number' || option.type === 'integer';
  const range = numeric ? RANGE.exec(text) : null;
  if (range === null) return text.split('|').map((item) => leafOf(option, item.trim()));
  const [low, high] = [numberOf(option, range[1]!), numberOf(option, range[2]!)];
  const integer = option.type === 'integer';
  const step = range[3] === undefined ? (integer ? 1 : null) : numberOf(option, range[3]);
  if (low >= high) throw new DiscernError('INPUT_INVALID', `${option.path}: ${low} is not below ${high}`);
  if (step !== null && !(step > 0 && step <= high - low))
    throw new DiscernError('INPUT_INVALID', `${option.path}: the step ${step} does not fit into ${low}..${high}`);
  return { low, high, step, integer };
}

function numberOf({ path, type }: Option, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || (type === 'integer' && !Number.isInteger(value)))
    throw new DiscernError(
      'INPUT_INVALID',
      `${path} takes ${type === 'integer' ? 'whole numbers' : 'numbers'}, got "${text}"`,
      { hint: FORM },
    );
  return value;
}

function leafOf(option: Option, text: string): Leaf {
  if (option.nullable && text === 'none') return null;
  if (option.type === 'number' || option.type === 'integer') return numberOf(option, text);
  if (option.type !== 'boolean') return text;
  if (text !== 'true' && text !== 'false')
    throw new DiscernError('INPUT_INVALID', `${option.path} takes true or false, got "${text}"`);
  return text === 'true';
}

/** The schema knows the bounds, also those that are left out of a list of options. */
function check(path: string, value: Leaf): void {
  try {
    parseConfig(changeOf({ [path]: value }));
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', messageOf(cause), { cause });
  }
}

/** The name that is the fewest edits away, at most a third of its length; null where none is near. */
export function nearestName(text: string, names: readonly string[]): string | null {
  const ranked = names.map((name) => ({ name, edits: edits(text.toLowerCase(), name.toLowerCase()) }));
  const best = ranked.sort((a, b) => a.edits - b.edits)[0];
  return best !== undefined && best.edits <= best.name.length / 3 ? best.name : null;
}

/** Levenshtein distance. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
