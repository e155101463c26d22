import type { TopLevelSpec } from 'vega-lite';
import { COLOURS, INK } from './chart.ts';
import { visible } from './parts.ts';

/** Pixels, labels and legend included: readable on a phone, two or three beside one another on a screen. */
export const CHART_WIDTH = 400;

export type Layer = Record<string, unknown>;

/** Layers as a chart of ours; `height` in pixels, or for each row of names. */
export const frame = (title: string, height: number | { step: number }, layer: readonly Layer[]): TopLevelSpec =>
  ({
    title: {
      ...{ text: visible(title), anchor: 'start', frame: 'group', color: INK },
      ...{ fontSize: 13, limit: CHART_WIDTH, offset: 8 },
    },
    ...{ width: CHART_WIDTH, height, layer },
    autosize: { type: typeof height === 'number' ? 'fit' : 'fit-x', contains: 'padding' },
    config: {
      aria: false,
      view: { stroke: null },
      axis: {
        ...{ labelColor: INK, titleColor: INK, tickColor: INK, domainColor: INK, gridColor: INK, gridOpacity: 0.12 },
        ...{ labelFontSize: 11, titleFontSize: 11, titleFontWeight: 'normal', labelLimit: 170, titleLimit: 320 },
        ...{ tickCount: 5, domainOpacity: 0.5, tickOpacity: 0.5 },
      },
      legend: {
        ...{ labelColor: INK, titleColor: INK, orient: 'bottom', direction: 'horizontal' },
        ...{ labelFontSize: 11, symbolFillColor: 'transparent', title: null },
      },
      text: { color: INK, fontSize: 11 },
    },
  }) as unknown as TopLevelSpec;

export const values = (rows: readonly object[]): { values: readonly object[] } => ({ values: rows });

/** Room for all of the numbers; around one value alone as far as it is from 0, at least a tenth. */
export function scaleOf(shown: readonly (number | undefined)[], zero = false): object {
  const all = [...shown.filter((value) => value !== undefined), ...(zero ? [0] : [])];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  if (all.length === 0 || low < high) return { zero, nice: true };
  const room = 0.1 * Math.max(1, Math.abs(low));
  return { zero: false, nice: true, domain: [low - room, low + room] };
}

export const axis = (field: string, title: string, scale: object): object => ({
  ...{ field, title, scale },
  type: 'quantitative',
});

export const seriesOf = (rows: readonly { readonly series?: string }[]): string[] => [
  ...new Set(rows.map(({ series }) => series ?? '')),
];

const DASHES = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 3, 2, 3],
  [1, 3],
  [10, 4],
];

/** As many names in a line as fit. */
const legendOf = (series: readonly string[]): object =>
  series.some((name) => name.length > 14) ? { columns: 1, labelLimit: 300 } : { columns: 2, labelLimit: 140 };

/** The colour of each of several series; nothing for one alone. */
export const colourOf = (series: readonly string[], legend: object = {}): Layer =>
  series.length < 2
    ? {}
    : {
        color: {
          ...{ field: 'series', type: 'nominal', scale: { domain: series, range: COLOURS } },
          legend: { ...legendOf(series), ...legend },
        },
      };

/** Series differ by colour and by a second way, so that a print without colours can be read. */
export const bySeries = (series: readonly string[], channel: 'strokeDash' | 'shape', legend: object = {}): Layer =>
  series.length < 2
    ? {}
    : {
        ...colourOf(series, legend),
        [channel]: {
          ...{ field: 'series', type: 'nominal', legend: { ...legendOf(series), ...legend } },
          scale: channel === 'shape' ? { domain: series } : { domain: series, range: DASHES },
        },
      };
