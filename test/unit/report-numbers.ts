import { load } from 'cheerio';
import { visible } from '../../src/evaluate/report/parts.ts';

/** A number as a reader of a page sees it. */
export interface ShownNumber {
  readonly text: string;
  readonly value: number;
  readonly decimals: number;
  readonly percent: boolean;
  /** The words around it. */
  readonly where: string;
}

const NUMBER = /^[−+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(?:e[-+]?\d+)?$/;
const BEFORE = /^[([{"'“‘<>≤≥±~:;·]+/;
const AFTER = /[)\]}"'”’.,:;!?·]+$/;

function numbersOf(text: string): ShownNumber[] {
  return text.split(/[\s/–→×=]+/u).flatMap((word) => {
    const bare = word.replace(BEFORE, '').replace(AFTER, '');
    const percent = bare.endsWith('%');
    const own = percent ? bare.slice(0, -1) : bare;
    const found = NUMBER.exec(own);
    if (!found) return [];
    const value = Number(own.replaceAll(',', '').replace('−', '-'));
    return [{ text: bare, value, percent, decimals: found[1]?.length ?? 0, where: text.replace(/\s+/g, ' ').trim() }];
  });
}

/** Ticks of an axis and of a legend are a scale, not figures of the report. */
const SCALES = '.role-axis-label, .role-legend-label';

interface Text {
  readonly text: string;
  /** It ends with an ellipsis. */
  readonly cut: boolean;
}

/** Texts of a page that a reader sees or hears, one by one. */
function textsOf(page: string, within: string): Text[] {
  const $ = load(page);
  $('style, script, head').remove();
  $(SCALES).remove();
  const found: Text[] = [];
  for (const root of $(within).toArray())
    for (const element of [root, ...$(root).find('*').toArray()]) {
      for (const name of ['aria-label', 'title', 'alt']) {
        const text = $(element).attr(name);
        if (text !== undefined) found.push({ text, cut: false });
      }
      for (const node of $(element).contents().toArray())
        if (node.type === 'text') {
          const after = element.next?.type === 'text' ? element.next.data : '';
          const cut = after.startsWith('…') || node.data.trimEnd().endsWith('…');
          found.push({ text: node.data, cut });
        }
    }
  return found;
}

/** Every number in the texts and labels of a page, or of the part of it that a selector names. */
export const numbersShown = (page: string, within = 'body'): ShownNumber[] =>
  textsOf(page, within).flatMap(({ text }) => numbersOf(text));

interface Known {
  readonly numbers: readonly number[];
  readonly counts: ReadonlySet<number>;
  readonly strings: ReadonlySet<string>;
}

function knownIn(json: unknown): Known {
  const [numbers, counts, strings] = [[] as number[], new Set<number>(), new Set<string>()];
  const walk = (value: unknown): void => {
    if (typeof value === 'number') numbers.push(value);
    else if (typeof value === 'string') strings.add(visible(value).trim());
    else if (Array.isArray(value)) {
      counts.add(value.length);
      value.forEach(walk);
    } else if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value);
      counts.add(entries.length);
      for (const [key, inner] of entries) {
        strings.add(visible(key).trim());
        walk(inner);
      }
    }
  };
  walk(json);
  return { numbers: numbers.sort((a, b) => a - b), counts, strings };
}

/** Whether a number of a sorted list lies within `half` of a value. */
function hasNear(sorted: readonly number[], value: number, half: number): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value - half) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length && sorted[low]! <= value + half;
}

function isKnown(shown: ShownNumber, { numbers, counts }: Known): boolean {
  if (!shown.percent && shown.decimals === 0 && counts.has(shown.value)) return true;
  const scale = shown.percent ? 100 : 1;
  const half = (0.5 * 10 ** -shown.decimals + 1e-9) / scale;
  const value = shown.value / scale;
  // Of small numbers a rounding to a whole one would explain anything.
  if (!shown.percent && shown.decimals === 0 && Math.abs(value) < 10) return hasNear(numbers, value, 1e-9);
  return hasNear(numbers, value, half);
}

/** What the words of our pages name without a figure behind it: the level of an interval, and of a p. */
const CONSTANTS = ['95%', '0', '0.05', '0.001'];

/**
 * Numbers of a page that no number of a JSON rounds to, nor a length in it. Texts that stand in the JSON as they are, or cut
 * with an ellipsis, may have any.
 */
export function unexplained(
  page: string,
  json: unknown,
  { within = 'body', constants = [] }: { readonly within?: string; readonly constants?: readonly string[] } = {},
): ShownNumber[] {
  const known = knownIn(json);
  const begins = (text: string) => [...known.strings].some((one) => one.startsWith(text));
  return textsOf(page, within)
    .flatMap(({ text, cut }) => {
      const own = text.trim();
      const found = numbersOf(own);
      if (found.length === 0 || known.strings.has(own)) return [];
      return cut && begins(own.replace(/…$/, '')) ? [] : found;
    })
    .filter((shown) => ![...CONSTANTS, ...constants].includes(shown.text) && !isKnown(shown, known));
}
