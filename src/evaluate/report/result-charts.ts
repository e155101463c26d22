import type { MetricStage } from '../metrics/registry.ts';
import { forest, scatter } from './charts.ts';
import type { ExperimentReport } from './experiment-report.ts';
import type { Html } from './html.ts';
import { figure, figures } from './parts.ts';
import { cellFinder, type Metric, mainMetrics, othersThanBaseline, verdictOf } from './verdict.ts';

async function differenceChart(report: ExperimentReport, { name, better }: Metric): Promise<Html[]> {
  const find = cellFinder(report);
  const rows = othersThanBaseline(report).flatMap(({ name: system }) => {
    const cell = find(name, system);
    if (!cell?.difference) return [];
    const { mean, ci95 } = cell.difference;
    const verdict = verdictOf(cell, better);
    return [{ label: system, mean, low: ci95[0], high: ci95[1], full: verdict !== 'unclear' }];
  });
  if (rows.every(({ low, high }) => low === 0 && high === 0)) return [];
  const x = better === 'higher' ? '← worse · difference · better →' : '← better · difference · worse →';
  const svg = await forest({ title: name, x, rows });
  return [
    figure(
      `${name}: difference to the baseline with its 95% interval. Hollow: no difference that the data can show, corrected for the number of comparisons.`,
      svg,
    ),
  ];
}

/** One picture for each metric of a stage that can be compared; null where none can. */
export async function differenceCharts(report: ExperimentReport, stage: MetricStage): Promise<Html | null> {
  const all = report.metrics.filter((metric) => metric.stage === stage);
  const found = (await Promise.all(all.map((metric) => differenceChart(report, metric)))).flat();
  return found.length === 0 ? null : figures(...found);
}

const COSTS = [/^calls$/, /(?:^|[._ -])ms$|Ms$/];

/** Calls and time first; else whatever costs there are. */
function costMetrics({ metrics }: ExperimentReport): Metric[] {
  const costs = metrics.filter(({ stage }) => stage === 'cost');
  const usual = COSTS.flatMap((pattern) => costs.find(({ name }) => pattern.test(name)) ?? []);
  return usual.length > 0 ? usual : costs.slice(0, 2);
}

/** The first main metric of every system against what it costs; null where there is nothing to draw. */
export async function costCharts(report: ExperimentReport): Promise<Html | null> {
  const [quality] = mainMetrics(report);
  if (!quality) return null;
  const find = cellFinder(report);
  const drawn = costMetrics(report).map(async (cost): Promise<Html[]> => {
    const points = report.systems.flatMap(({ name }) => {
      const [x, y] = [find(cost.name, name)?.value, find(quality.name, name)?.value];
      return x && y ? [{ x: x.mean, y: y.mean, xInterval: x.ci95, yInterval: y.ci95, label: name }] : [];
    });
    if (points.length === 0) return [];
    const corner = `${quality.better === 'higher' ? 'upwards' : 'downwards'} and to the ${cost.better === 'lower' ? 'left' : 'right'}`;
    const svg = await scatter({
      title: `${quality.name} against ${cost.name}`,
      x: `${cost.name} a question`,
      y: quality.name,
      points,
    });
    return [
      figure(`${quality.name} against ${cost.name} of each system, with 95% intervals. Better is ${corner}.`, svg),
    ];
  });
  const found = (await Promise.all(drawn)).flat();
  return found.length === 0 ? null : figures(...found);
}
