import type { TopLevelSpec } from 'vega-lite';
import { COLOURS, INK, svgChart } from './chart.ts';
import { numberText, visible } from './parts.ts';
import { placeLabels } from './place-labels.ts';

/** Pixels, labels and legend included: readable on a phone, two or three beside one another on a screen. */
export const CHART_WIDTH = 400;

interface Titles {
  readonly title: string;
  /** What an axis shows, with its unit. */
  readonly x: string;
  readonly y: string;
}

type Layer = Record<string, unknown>;

const DASHES = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 3, 2, 3],
  [1, 3],
  [10, 4],
];

const frame = (title: string, height: number | { step: number }, layer: readonly Layer[]): TopLevelSpec =>
  ({
    title: {
      text: visible(title),
      anchor: 'start',
      frame: 'group',
      color: INK,
      fontSize: 13,
      limit: CHART_WIDTH,
      offset: 8,
    },
    width: CHART_WIDTH,
    height,
    autosize: { type: typeof height === 'number' ? 'fit' : 'fit-x', contains: 'padding' },
    layer,
    config: {
      aria: false,
      view: { stroke: null },
      axis: {
        ...{ labelColor: INK, titleColor: INK, tickColor: INK, domainColor: INK, gridColor: INK, gridOpacity: 0.12 },
        ...{ labelFontSize: 11, titleFontSize: 11, titleFontWeight: 'normal', labelLimit: 170, titleLimit: 320 },
        ...{ tickCount: 5, domainOpacity: 0.5, tickOpacity: 0.5 },
      },
      legend: {
        ...{ labelColor: INK, titleColor: INK, orient: 'bottom', direction: 'horizontal', columns: 2 },
        ...{ labelFontSize: 11, labelLimit: 170, symbolFillColor: 'transparent', title: null },
      },
      text: { color: INK, fontSize: 11 },
    },
  }) as unknown as TopLevelSpec;

const values = (rows: readonly object[]): { values: readonly object[] } => ({ values: rows });
const number = (field: string, title?: string, scale: object = { zero: false, nice: true }): object => ({
  ...{ field, type: 'quantitative', scale },
  ...(title === undefined ? {} : { title }),
});

const seriesOf = (rows: readonly { readonly series?: string }[]): string[] => [
  ...new Set(rows.map(({ series }) => series ?? '')),
];

/** Series differ by colour and by a second way, so that a print without colours can be read. */
const bySeries = (series: readonly string[], channel: 'strokeDash' | 'shape'): Layer =>
  series.length < 2
    ? {}
    : {
        color: { field: 'series', type: 'nominal', scale: { domain: series, range: COLOURS } },
        [channel]: {
          field: 'series',
          type: 'nominal',
          scale: channel === 'shape' ? { domain: series } : { domain: series, range: DASHES },
        },
      };

export interface BandPoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
  /** The line that it is part of, where there are several. */
  readonly series?: string;
}

/** A line with its interval as a band; `marks` are upright lines with a word, such as the default of an option. */
export function lineBand(
  chart: Titles & {
    readonly points: readonly BandPoint[];
    readonly marks?: readonly { readonly x: number; readonly label: string }[];
  },
): Promise<string> {
  const rows = chart.points.map((point) => ({ ...point, series: point.series ?? '' }));
  const series = seriesOf(rows);
  const own = { color: COLOURS[0] };
  const colour =
    series.length < 2
      ? {}
      : {
          color: {
            ...(bySeries(series, 'strokeDash').color as object),
            legend: { symbolType: 'stroke', symbolOpacity: 1 },
          },
        };
  const x = number('x', chart.x);
  return svgChart(
    frame(chart.title, 260, [
      {
        data: values(rows),
        mark: { type: 'area', opacity: 0.18, ...own },
        encoding: { x, y: number('low', chart.y), y2: { field: 'high' }, ...colour },
      },
      {
        data: values(rows),
        mark: { type: 'line', strokeWidth: 2, ...own },
        encoding: { x, y: number('y', chart.y), ...bySeries(series, 'strokeDash') },
      },
      ...(chart.marks ?? []).flatMap((mark) => [
        {
          data: values([mark]),
          mark: { type: 'rule', color: INK, opacity: 0.6, strokeDash: [3, 3] },
          encoding: { x },
        },
        {
          data: values([mark]),
          mark: { type: 'text', limit: 180, angle: 270, align: 'right', baseline: 'bottom', dx: -4, dy: -3 },
          encoding: { x, y: { value: 0 }, text: { field: 'label' } },
        },
      ]),
    ]),
  );
}

export interface ScatterPoint {
  readonly x: number;
  readonly y: number;
  readonly series?: string;
  /** Stands beside the point. */
  readonly label?: string;
  /** 95% intervals, as lines through the point. */
  readonly xInterval?: readonly [low: number, high: number];
  readonly yInterval?: readonly [low: number, high: number];
  /** Joined to the others of the front, from left to right. */
  readonly front?: boolean;
}

/** Points, with intervals, names and a front where they have them. */
export function scatter(chart: Titles & { readonly points: readonly ScatterPoint[] }): Promise<string> {
  const rows = chart.points.map(({ xInterval, yInterval, ...point }) => ({
    ...{ ...point, series: point.series ?? '' },
    ...{ xLow: xInterval?.[0], xHigh: xInterval?.[1], low: yInterval?.[0], high: yInterval?.[1] },
  }));
  const series = seriesOf(rows);
  const [x, y] = [number('x', chart.x), number('y', chart.y)];
  const colour = series.length < 2 ? {} : { color: bySeries(series, 'shape').color };
  const own = { color: COLOURS[0] };
  const rule = { type: 'rule', opacity: 0.8, strokeWidth: 1.5, ...own };
  const [across, upright] = [
    rows.filter(({ xLow }) => xLow !== undefined),
    rows.filter(({ low }) => low !== undefined),
  ];
  const named = placeLabels(rows.flatMap(({ x, y, label }) => (label === undefined ? [] : [{ x, y, label }])));
  const front = rows.filter((row) => row.front === true);
  const places = [...new Set(named.map(({ side, below }) => `${side} ${below}`))];
  const label = (place: string): Layer => {
    const own = named.filter(({ side, below }) => place === `${side} ${below}`);
    const right = own[0]!.side === 'right';
    const at = { align: right ? 'left' : 'right', dx: right ? 8 : -8, dy: own[0]!.below, baseline: 'middle' };
    return {
      data: values(own),
      mark: { type: 'text', limit: 150, ...at },
      encoding: { x, y, text: { field: 'label' } },
    };
  };
  return svgChart(
    frame(chart.title, 280, [
      ...(front.length > 1
        ? [
            {
              data: values(front),
              mark: { type: 'line', color: INK, opacity: 0.5, strokeDash: [4, 3], interpolate: 'step-after' },
              encoding: { x, y, order: { field: 'x' } },
            },
          ]
        : []),
      {
        data: values(across),
        mark: rule,
        encoding: { x: number('xLow', chart.x), x2: { field: 'xHigh' }, y, ...colour },
      },
      {
        data: values(upright),
        mark: rule,
        encoding: { x, y: number('low', chart.y), y2: { field: 'high' }, ...colour },
      },
      {
        data: values(rows),
        mark: { type: 'point', filled: true, size: rows.length > 60 ? 20 : 70, opacity: 0.85, ...own },
        encoding: { x, y, ...bySeries(series, 'shape') },
      },
      ...places.map(label),
    ]),
  );
}

export interface ForestRow {
  readonly label: string;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** A full point; a hollow one is where the data show nothing. */
  readonly full?: boolean;
}

/** Differences with their intervals, one under another, beside the line of no difference. */
export function forest(chart: Omit<Titles, 'y'> & { readonly rows: readonly ForestRow[] }): Promise<string> {
  const rows = chart.rows.map((row) => ({ ...row, full: row.full ?? true }));
  const scale = { zero: true, nice: true };
  const y = { field: 'label', type: 'nominal', sort: null, axis: { title: null, domain: false, ticks: false } };
  const point = { type: 'point', size: 70, strokeWidth: 2, opacity: 1, color: COLOURS[0] };
  return svgChart(
    frame(chart.title, { step: 26 }, [
      {
        data: values([{ zero: 0 }]),
        mark: { type: 'rule', color: INK, opacity: 0.6, strokeDash: [4, 3] },
        encoding: { x: number('zero', chart.x, scale) },
      },
      {
        data: values(rows),
        mark: { type: 'rule', strokeWidth: 2, color: COLOURS[0] },
        encoding: { x: number('low', chart.x, scale), x2: { field: 'high' }, y },
      },
      {
        data: values(rows.filter(({ full }) => full)),
        mark: { ...point, filled: true },
        encoding: { x: number('mean', chart.x, scale), y },
      },
      {
        data: values(rows.filter(({ full }) => !full)),
        mark: { ...point, filled: false, fill: 'Canvas' },
        encoding: { x: number('mean', chart.x, scale), y },
      },
    ]),
  );
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
  readonly series?: string;
}

/** Lying bars, so that long names can be read; `x` names the value. Bars of one label stand together, by series. */
export function bars(chart: Omit<Titles, 'y'> & { readonly bars: readonly Bar[] }): Promise<string> {
  const rows = chart.bars.map((bar) => ({
    ...{ ...bar, series: bar.series ?? '', text: numberText(bar.value) },
    end: Math.max(0, bar.value, bar.high ?? 0),
  }));
  const series = seriesOf(rows);
  const y = { field: 'label', type: 'nominal', sort: null, axis: { title: null, ticks: false } };
  const offset = series.length < 2 ? {} : { yOffset: { field: 'series', type: 'nominal', sort: series } };
  const colour = series.length < 2 ? {} : { color: bySeries(series, 'shape').color };
  const scale = { zero: true, nice: true };
  return svgChart(
    frame(chart.title, { step: Math.max(22, 14 * series.length) }, [
      {
        data: values(rows),
        mark: { type: 'bar', color: COLOURS[0] },
        encoding: { x: number('value', chart.x, scale), y, ...offset, ...colour },
      },
      {
        data: values(rows.filter(({ low }) => low !== undefined)),
        mark: { type: 'rule', color: INK, strokeWidth: 1.5 },
        encoding: { x: number('low', chart.x, scale), x2: { field: 'high' }, y, ...offset },
      },
      {
        data: values(rows),
        mark: { type: 'text', align: 'left', baseline: 'middle', dx: 5 },
        encoding: { x: number('end', chart.x, scale), y, ...offset, text: { field: 'text', type: 'nominal' } },
      },
    ]),
  );
}
