import type { ReliabilityBin } from '../metrics/reliability.ts';
import { COLOURS, INK, svgChart } from '../report/chart.ts';

interface Point {
  readonly of: string;
  readonly stated: number;
  readonly true: number;
  readonly rows: number;
}

const pointsOf = (of: string, bins: readonly ReliabilityBin[]): Point[] =>
  bins
    .filter(({ count }) => count > 0)
    .map(({ meanPredicted, fractionPositive, count }) => ({
      of,
      stated: meanPredicted!,
      true: fractionPositive!,
      rows: count,
    }));

/** How often what was given a probability came true: an SVG picture. Throws PACKAGE_MISSING without the chart library. */
export async function reliabilityChart(
  title: string,
  bins: { readonly calibrated: readonly ReliabilityBin[]; readonly raw: readonly ReliabilityBin[] | null },
): Promise<string> {
  const unit = { domain: [0, 1] };
  const series = ['calibrated', ...(bins.raw === null ? [] : ['raw'])];
  return svgChart({
    ...{ width: 340, height: 340 },
    layer: [
      {
        data: { values: [0, 1].map((at) => ({ stated: at, true: at })) },
        mark: { type: 'line', color: INK, opacity: 0.5, strokeDash: [4, 4] },
        encoding: {
          x: { field: 'stated', type: 'quantitative', scale: unit, title },
          y: { field: 'true', type: 'quantitative', scale: unit, title: 'share that came true' },
        },
      },
      {
        data: { values: [...pointsOf('calibrated', bins.calibrated), ...pointsOf('raw', bins.raw ?? [])] },
        encoding: {
          x: { field: 'stated', type: 'quantitative' },
          y: { field: 'true', type: 'quantitative' },
          color: { field: 'of', type: 'nominal', title: null, scale: { domain: series, range: COLOURS } },
        },
        layer: [
          { mark: { type: 'line', opacity: 0.6 } },
          { mark: { type: 'circle', opacity: 0.8 }, encoding: { size: { field: 'rows', type: 'quantitative' } } },
        ],
      },
    ],
  });
}
