import type { LimitResult } from '../evaluate/faults/check.ts';
import type { FaultReport } from '../evaluate/faults/fault-report.ts';
import { differenceText, numberText, rangeText } from '../evaluate/report/parts.ts';
import { warningLines } from './diff-lines.ts';
import { count, style } from './terminal.ts';

/** What `discern check` prints: each limit with its interval, and who is to blame where one is broken. */
export function checkLines(results: readonly LimitResult[], report: FaultReport, sure: boolean): string[] {
  const broken = results.filter(({ passed }) => !passed);
  return [
    ...results.map((result) => limitLine(result, sure)),
    ...(broken.length > 0 ? blameLines(report, broken) : []),
    ...warningLines(report),
  ];
}

function limitLine(result: LimitResult, sure: boolean): string {
  const { metric, better, most, worse, ci95, n, before, after, passed } = result;
  const isLower = better === 'higher' ? worse > 0 : worse <= 0;
  const [low, high] = worse > 0 ? ci95 : [-ci95[1], -ci95[0]];
  const change = `${isLower ? 'dropped' : 'rose'} by ${numberText(Math.abs(worse), 4)} ${rangeText([low, high], 4)}`;
  const limit = `${better === 'higher' ? 'drop' : 'rise'} of at most ${numberText(most)}`;
  const rule = sure ? `${limit}, broken where the whole interval is above` : limit;
  return `${passed ? 'ok  ' : style.bold('FAIL')} ${metric} ${change} on ${count(n, 'question')}, ${numberText(before, 3)} -> ${numberText(after, 3)}; allowed: a ${rule}`;
}

function blameLines({ stages, changed, metrics }: FaultReport, broken: readonly LimitResult[]): string[] {
  const named = stages.filter(({ blamed }) => blamed > 0).sort((x, y) => y.blamed - x.blamed);
  if (named.length === 0) return [`no answer changed in ${count(metrics[0]?.difference?.n ?? 0, 'question')}`];
  return [
    `${count(changed, 'answer')} changed; blamed:`,
    ...named.map(({ stage, blamed, byFirstDifference, effects }) => {
      const how = byFirstDifference > 0 ? `, ${byFirstDifference} by first difference` : '';
      const parts = broken.map(({ metric }) => `${metric} ${differenceText(effects[metric] ?? null)}`);
      return `  ${stage}: ${count(blamed, 'answer')}${how}; on them ${parts.join(', ')}`;
    }),
  ];
}
