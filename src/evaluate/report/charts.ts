import { COLOURS, INK, svgChart } from './chart.ts';
import { axis, bySeries, colourOf, frame, type Layer, scaleOf, seriesOf, values } from './chart-frame.ts';
import { numberText } from './parts.ts';
import { placeLabels } from './place-labels.ts';

interface Titles {
  readonly title: string;
  /** What an axis shows, with its unit. */
  readonly x: string;
  readonly y: string;
}

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
  const legend = { symbolType: 'stroke', symbolOpacity: 1 };
  const marks = chart.marks ?? [];
  const x = axis('x', chart.x, scaleOf([...rows, ...marks].map((one) => one.x)));
  const upright = scaleOf(rows.flatMap(({ y, low, high }) => [y, low, high]));
  return svgChart(
    frame(chart.title, 260, [
      {
        data: values(rows),
        mark: { type: 'area', opacity: 0.18, ...own },
        encoding: { x, y: axis('low', chart.y, upright), y2: { field: 'high' }, ...colourOf(series, legend) },
      },
      {
        data: values(rows),
        mark: { type: 'line', strokeWidth: 2, ...own },
        encoding: { x, y: axis('y', chart.y, upright), ...bySeries(series, 'strokeDash', legend) },
      },
      ...marks.flatMap((mark) => [
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
  const reach = {
    x: chart.points.flatMap((point) => [point.x, ...(point.xInterval ?? [])]),
    y: chart.points.flatMap((point) => [point.y, ...(point.yInterval ?? [])]),
  };
  const [acrossScale, uprightScale] = [scaleOf(reach.x), scaleOf(reach.y)];
  const [x, y] = [axis('x', chart.x, acrossScale), axis('y', chart.y, uprightScale)];
  const colour = colourOf(series);
  const own = { color: COLOURS[0] };
  const rule = { type: 'rule', opacity: 0.8, strokeWidth: 1.5, ...own };
  const [across, upright] = [
    rows.filter(({ xLow }) => xLow !== undefined),
    rows.filter(({ low }) => low !== undefined),
  ];
  const named = placeLabels(
    rows.flatMap(({ x, y, label }) => (label === undefined ? [] : [{ x, y, label }])),
    reach,
  );
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
        encoding: { x: axis('xLow', chart.x, acrossScale), x2: { field: 'xHigh' }, y, ...colour },
      },
      {
        data: values(upright),
        mark: rule,
        encoding: { x, y: axis('low', chart.y, uprightScale), y2: { field: 'high' }, ...colour },
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
  const scale = scaleOf(
    rows.flatMap(({ mean, low, high }) => [mean, low, high]),
    true,
  );
  const y = { field: 'label', type: 'nominal', sort: null, axis: { title: null, domain: false, ticks: false } };
  const point = { type: 'point', size: 70, strokeWidth: 2, opacity: 1, color: COLOURS[0] };
  return svgChart(
    frame(chart.title, { step: 26 }, [
      {
        data: values([{ zero: 0 }]),
        mark: { type: 'rule', color: INK, opacity: 0.6, strokeDash: [4, 3] },
        encoding: { x: axis('zero', chart.x, scale) },
      },
      {
        data: values(rows),
        mark: { type: 'rule', strokeWidth: 2, color: COLOURS[0] },
        encoding: { x: axis('low', chart.x, scale), x2: { field: 'high' }, y },
      },
      {
        data: values(rows.filter(({ full }) => full)),
        mark: { ...point, filled: true },
        encoding: { x: axis('mean', chart.x, scale), y },
      },
      {
        data: values(rows.filter(({ full }) => !full)),
        mark: { ...point, filled: false, fill: 'Canvas' },
        encoding: { x: axis('mean', chart.x, scale), y },
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
  const colour = colourOf(series);
  const scale = scaleOf(
    rows.flatMap(({ value, low, high }) => [value, low, high]),
    true,
  );
  return svgChart(
    frame(chart.title, { step: Math.max(22, 14 * series.length) }, [
      {
        data: values(rows),
        mark: { type: 'bar', color: COLOURS[0] },
        encoding: { x: axis('value', chart.x, scale), y, ...offset, ...colour },
      },
      {
        data: values(rows.filter(({ low }) => low !== undefined)),
        mark: { type: 'rule', color: INK, strokeWidth: 1.5 },
        encoding: { x: axis('low', chart.x, scale), x2: { field: 'high' }, y, ...offset },
      },
      {
        data: values(rows),
        mark: { type: 'text', align: 'left', baseline: 'middle', dx: 5 },
        encoding: { x: axis('end', chart.x, scale), y, ...offset, text: { field: 'text', type: 'nominal' } },
      },
    ]),
  );
}
