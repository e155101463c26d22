import type { Compared } from '../sensitivity/compared.ts';
import type { CriticSensitivity } from '../sensitivity/critics.ts';
import type { FlipSummary } from '../sensitivity/flip-summary.ts';
import type { SensitivityReport } from '../sensitivity/sensitivity.ts';
import { type BandPoint, lineBand } from './charts.ts';
import { type Html, html } from './html.ts';
import { figure, figures, percentText } from './parts.ts';
import { bySize, coverageText, valueText } from './sensitivity-tables.ts';

const bandOf = (x: number, { difference }: Pick<Compared, 'difference'>, series?: string): BandPoint[] =>
  difference === null
    ? []
    : [
        {
          ...{ x, y: difference.mean, low: difference.ci95[0], high: difference.ci95[1] },
          ...(series !== undefined && { series }),
        },
      ];

/** A curve of each option that changes anything. Values of low coverage stand in the tables only. */
export async function sweepCharts(report: SensitivityReport): Promise<Html> {
  const { metric, leastCoverage } = report;
  const moved = bySize(report).flatMap((sweep) => {
    const covered = sweep.points.filter(({ coverage }) => coverage >= leastCoverage);
    const isFlat = covered.every(({ difference }) => (difference?.mean ?? 0) === 0);
    return isFlat || covered.length < 2 ? [] : [{ ...sweep, covered }];
  });
  const drawn = moved.map(async ({ path, base, points, covered }) => {
    const svg = await lineBand({
      ...{ title: path, x: path, y: 'difference' },
      points: covered.flatMap((point) => bandOf(point.at, point)),
      marks: base === null ? [] : [{ x: base, label: `recorded: ${valueText(base)}` }],
    });
    const all = points.length === covered.length;
    const leftOut = all ? '' : ` Values with a coverage below ${percentText(leastCoverage, 0)} are left out.`;
    return figure(`${path}: difference of ${metric.name} to the recorded value, with its 95% interval.${leftOut}`, svg);
  });
  return html`${moved.length > 0 && figures(...(await Promise.all(drawn)))}
${
  moved.length < report.sweeps.length &&
  html`<p class="fine">Not drawn: options that change ${metric.name} nowhere, or that facts are missing for.</p>`
}`;
}

async function noiseChart({ kind, noise, ablated }: CriticSensitivity, metric: string): Promise<Html[]> {
  const [wrong, nothing] = ['with labels changed', 'knowing nothing'];
  const ends = [noise[0]!, noise.at(-1)!];
  const points = [
    ...noise.flatMap((point) => bandOf(100 * point.noise, point, wrong)),
    ...ends.flatMap((end) => bandOf(100 * end.noise, ablated, nothing)),
  ];
  if (noise.length < 2 || points.every(({ low, high }) => low === 0 && high === 0)) return [];
  const svg = await lineBand({
    ...{ title: kind, x: 'labels changed, %', y: 'difference' },
    points,
  });
  const caption = `${kind}: difference of ${metric} to the recorded critic where a share of its labels is changed, beside one that knows nothing; 95% intervals. Coverage ${coverageText([...noise, ablated])}.`;
  return [figure(caption, svg)];
}

export async function noiseCharts({ critics, metric }: SensitivityReport): Promise<Html> {
  const drawn = await Promise.all(critics.map((critic) => noiseChart(critic, metric.name)));
  return html`${drawn.flat().length > 0 && figures(...drawn.flat())}`;
}

/** The share of answers that change when an option is moved so far. */
export async function flipChart(options: readonly FlipSummary[]): Promise<Html | null> {
  const groups = [
    { title: 'Thresholds', own: options.filter(({ path }) => !path.startsWith('weights.')) },
    { title: 'Weights', own: options.filter(({ path }) => path.startsWith('weights.')) },
  ].filter(({ own }) => own.some(({ near }) => near.some(({ answer }) => answer.atMost > 0)));
  const drawn = groups.map(async ({ title, own }) => {
    const points = own.flatMap(({ path, near }) =>
      near.map(({ distance, answer: { atLeast, atMost } }) => ({
        ...{ x: distance, y: 100 * atLeast, low: 100 * atLeast, high: 100 * atMost, series: path },
      })),
    );
    const svg = await lineBand({ title, x: 'option moved by at most', y: 'answers, %', points });
    const caption = `${title}: share of the questions whose answer changes when the option is moved by at most so far, to the nearer side. The band above a line is what facts are missing to tell.`;
    return figure(caption, svg);
  });
  return drawn.length === 0 ? null : figures(...(await Promise.all(drawn)));
}
