import { sha256Hex } from '../../text/hash.ts';
import type { MeanInterval } from '../metrics/mean.ts';
import type { TracePlace } from './experiment-report.ts';
import { type Html, html, trusted } from './html.ts';

/** `1,234`, `0.512`, `−0.031`: whole numbers as they are, others with three decimals unless told. */
export function numberText(value: number, decimals = Number.isInteger(value) ? 0 : 3): string {
  const text = Math.abs(value).toLocaleString('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

/** With a sign always, for differences; 0 has none. */
export function signedText(value: number, decimals = 3): string {
  const text = numberText(value, decimals);
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** `12.5%` of a share. */
export const percentText = (share: number, decimals = 1): string => `${numberText(100 * share, decimals)}%`;

/** `1 question`, `2,000 questions`. */
export const plural = (count: number, noun: string): string => `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`;

/** `p = 0.012`, `p < 0.001`. */
export const pText = (p: number): string => (p < 0.0005 ? 'p < 0.001' : `p = ${p.toFixed(3)}`);

/** `0.512 [0.480, 0.544]`: the mean and its 95% interval; a dash where there is none. */
export const intervalText = (m: MeanInterval | null, decimals = 3): string =>
  m === null ? '–' : `${numberText(m.mean, decimals)} ${rangeText(m.ci95, decimals)}`;

/** The same of a difference, with signs. */
export const differenceText = (m: MeanInterval | null, decimals = 3): string =>
  m === null ? '–' : `${signedText(m.mean, decimals)} ${rangeText(m.ci95, decimals, signedText)}`;

/** `[0.480, 0.544]` */
export const rangeText = ([low, high]: readonly [number, number], decimals = 3, text = numberText): string =>
  `[${text(low, decimals)}, ${text(high, decimals)}]`;

/** Controls, and what turns the direction of writing: an isolate that a text leaves open would take in the end of <bdi>. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Its control characters are shown, not obeyed. */
export const visible = (text: string): string =>
  text.replace(/\r\n?/g, '\n').replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A text of a dataset, a model or a user: shown as it is, and kept from turning round the text beside it. */
export const foreign = (text: string): Html => html`<bdi>${visible(text)}</bdi>`;

/** A foreign text of at most `length` characters, with an ellipsis where it was cut. */
export function foreignBrief(text: string, length: number): Html {
  const chars = [...text];
  return chars.length <= length ? foreign(text) : html`${foreign(chars.slice(0, length).join(''))}…`;
}

/** The address of a file beside the page: relative, whatever its name. */
export const hrefOf = (file: string): string => file.replace(/^\/+/, '/').split('/').map(encodeURIComponent).join('/');

/** A link to the line of a trace, relative to the page. */
export const traceLink = ({ file, line }: TracePlace): Html =>
  html`<a href="${hrefOf(file)}#L${line}">${foreign(`${file}:${line}`)}</a>`;

/** What the chart library says of single marks: the picture has one name as a whole. */
const MARKS_ARIA = / (?:role="graphics-[a-z]+"|aria-(?:roledescription|label)="[^"]*")/g;
const oneId = /(\bid="|url\(#)(?=(?:clip|gradient|pattern))/g;

/** A picture with what it shows in words. `caption` says what to see in it, for those too who do not see it. */
export function figure(caption: string, svg: string): Html {
  // Every picture counts its clip paths from 1: in one page the names would be the same.
  const own = svg
    .replace(MARKS_ARIA, '')
    .replace(oneId, (found) => `${found}f${sha256Hex(svg).slice(0, 8)}-`)
    .replace('<svg ', html`<svg role="img" aria-label="${visible(caption)}" `.html);
  return html`<figure>${trusted(own)}<figcaption>${foreign(caption)}</figcaption></figure>`;
}

/** Pictures beside one another as far as the page is wide. */
export const figures = (...all: readonly Html[]): Html => html`<div class="figures">${all}</div>`;

export type Cell = string | number | Html | null;

const shown = (cell: Cell): string | Html => (cell === null ? '–' : typeof cell === 'number' ? numberText(cell) : cell);

const NUMBERS = /^[[(]?[−+-]?\d[\d.,]*%?(?:\s.*|$)/;
const isNumeric = (cell: Cell): boolean =>
  typeof cell === 'number' || cell === null || (typeof cell === 'string' && (cell === '–' || NUMBERS.test(cell)));
const plainLength = (cell: Cell): number =>
  cell === null || typeof cell === 'number'
    ? 0
    : (typeof cell === 'string' ? cell : cell.html.replace(/<[^>]*>/g, '')).length;

/** `n`: numbers, to the right and in one line. `t`: texts, that need room. */
function columnKind(cells: readonly Cell[]): Html | null {
  if (cells.every((cell) => cell === null || cell === '–')) return null;
  if (cells.every(isNumeric)) return html` class="n"`;
  return cells.some((cell) => plainLength(cell) > 30) ? html` class="t"` : null;
}

/**
 * A table that scrolls in its own place where it is too wide. The first cell of a row names it; columns of numbers and of
 * texts that begin with one stand to the right; null is shown as a dash.
 */
export function dataTable(
  caption: string,
  heads: readonly (string | Html)[],
  rows: readonly (readonly Cell[])[],
): Html {
  const kinds = heads.map((_, i) => columnKind(rows.map((row) => row[i] ?? null)));
  return html`<div class="scroll" role="group" aria-label="${visible(caption)}" tabindex="0"><table>
<caption>${foreign(caption)}</caption>
<thead><tr>${heads.map((head, i) =>
    head === '' ? html`<td></td>` : html`<th scope="col"${i > 0 && kinds[i]}>${head}</th>`,
  )}</tr></thead>
<tbody>${rows.map(
    ([first, ...others]) => html`
<tr><th scope="row"${kinds[0]?.html.includes('t') && kinds[0]}>${shown(first ?? null)}</th>${others.map((cell, i) => html`<td${kinds[i + 1]}>${shown(cell)}</td>`)}</tr>`,
  )}
</tbody></table></div>`;
}

/** What a reader opens to see more; closed on paper. */
export const details = (summary: string, body: Html): Html =>
  html`<details><summary>${foreign(summary)}</summary>${body}</details>`;
