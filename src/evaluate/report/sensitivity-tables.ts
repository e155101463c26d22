import { type Compared, findingOf } from '../sensitivity/compared.ts';
import type { SensitivityReport } from '../sensitivity/sensitivity.ts';
import type { Sweep } from '../sensitivity/sweeps.ts';
import { type Html, html } from './html.ts';
import {
  type Cell,
  dataTable,
  details,
  differenceText,
  intervalText,
  numberText,
  percentText,
  rangeText,
} from './parts.ts';
import { MARKS } from './tables.ts';

/** Values of an option: as many decimals as tell them apart. */
export const valueText = (value: number): string => numberText(value, Number.isInteger(value) ? 0 : 2);

/** From the least to the most that could be replayed. */
export function coverageText(points: readonly Pick<Compared, 'coverage'>[], decimals = 1): string {
  const shares = points.map(({ coverage }) => coverage);
  const [least, most] = [Math.min(...shares), Math.max(...shares)].map((share) => percentText(share, decimals));
  return least === most ? least! : `${least} to ${most}`;
}

type Better = SensitivityReport['metric']['better'];

/** The difference with a sign of what its interval allows to say. */
function differenceCell({ difference }: Pick<Compared, 'difference'>, better: Better): Cell {
  if (difference === null) return null;
  const finding = findingOf(difference, better);
  const mark = MARKS[finding === 'none' ? 'unclear' : finding];
  return html`<span class="nums">${mark} ${differenceText(difference)}</span>`;
}

/** The options that matter most first. */
export const bySize = ({ sweeps }: SensitivityReport): Sweep[] => {
  const size = ({ points, largest }: Sweep) => Math.abs(points.find(({ at }) => at === largest)?.difference?.mean ?? 0);
  return [...sweeps].sort((a, b) => size(b) - size(a));
};

export function sweepsTable(report: SensitivityReport): Html {
  const rows = bySize(report).map((sweep): Cell[] => {
    const { path, base, low, high, alike, largest, points } = sweep;
    const most = points.find(({ at }) => at === largest);
    return [
      ...[path, base === null ? 'none' : valueText(base), rangeText([low, high], 2, valueText)],
      alike === null ? null : rangeText(alike, 2, valueText),
      ...[most ? valueText(most.at) : null, most ? differenceCell(most, report.metric.better) : null],
      coverageText(points),
    ];
  });
  return dataTable(
    `${report.metric.name} where one option is moved, the largest differences first`,
    [...['option', 'recorded', 'range', 'no difference shown', 'largest at', 'largest difference', 'coverage']],
    rows,
  );
}

/** Every point of every curve, for a reader to open. */
export const pointTables = (report: SensitivityReport): Html =>
  details(
    'All values of all options',
    html`${bySize(report).map(({ path, points }) =>
      dataTable(
        `${path}: ${report.metric.name} at each value`,
        ['value', 'mean', 'n', 'difference', 'coverage', 'calls', 'calls saved'],
        points.map((point) => [
          ...[valueText(point.at), intervalText(point.value), point.value?.n ?? null],
          differenceCell(point, report.metric.better),
          ...[percentText(point.coverage), callsText(point.calls), callsText(point.callsSaved)],
        ]),
      ),
    )}`,
  );

const callsText = (calls: number | null): string | null => (calls === null ? null : numberText(calls, 2));

function criticRow(name: string, one: Compared, better: Better): Cell[] {
  return [
    ...[name, intervalText(one.value), differenceCell(one, better)],
    ...[percentText(one.coverage), callsText(one.callsSaved)],
  ];
}

const CRITIC_HEADS = ['critic', 'mean', 'difference', 'coverage', 'calls saved a question'];

export function criticsTable({ critics, metric: { name, better } }: SensitivityReport): Html {
  const rows = critics.flatMap(({ kind, ablated, dropped }) => [
    criticRow(`${kind} knowing nothing`, ablated, better),
    criticRow(`${kind} not asked`, dropped, better),
  ]);
  return dataTable(`${name} where one critic is changed`, CRITIC_HEADS, rows);
}

/** Every noise level of every critic, for a reader to open. */
export const noiseTables = ({ critics, metric: { name, better } }: SensitivityReport): Html =>
  details(
    'All noise levels of all critics',
    html`${critics.map(({ kind, noise }) =>
      dataTable(
        `${kind}: ${name} with a share of its labels changed`,
        ['labels changed', ...CRITIC_HEADS.slice(1), 'difference to knowing nothing'],
        noise.map((point) => [
          ...criticRow(percentText(point.noise, 0), point, better),
          differenceCell({ difference: point.overAblated }, better),
        ]),
      ),
    )}`,
  );
