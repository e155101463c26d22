import type { Config, ConfigInput } from '../config.ts';
import type { OpenedCritic } from '../critics.ts';
import { DiscernError } from '../errors.ts';
import type { ComparisonReport } from '../evaluate/critics/compare-report.ts';
import type { ComparedState } from '../evaluate/critics/compare-states.ts';
import { TRANSFERS, type Transfer } from '../evaluate/critics/transfer.ts';
import { REFLECTIONS, type ReflectionKind } from '../types.ts';
import { wholeNumber } from './eval-rows.ts';

export interface CompareFlags {
  readonly a: string;
  readonly b: string;
  readonly data?: readonly string[];
  readonly traces?: readonly string[];
  readonly aConfig?: string;
  readonly bConfig?: string;
  readonly answers?: string;
  readonly head: readonly string[];
  readonly lang?: string;
  readonly rows?: string;
  readonly seed: string;
  readonly transfer: string;
  readonly configOut?: string;
  readonly json?: boolean;
  readonly out?: string;
}

export interface CompareSettings {
  readonly config: Config;
  /** Options of retrieve and isRel that were given. */
  readonly change: ConfigInput;
  readonly transfer: Transfer;
  readonly seed: number;
  /** Rows of each head, or traces, at most. */
  readonly rows: number | null;
  readonly heads: readonly ReflectionKind[];
}

/** What was compared, and what came of it. */
export interface ComparedAll {
  readonly states: readonly ComparedState[];
  readonly report: ComparisonReport;
  /** B as a config names it; null where it is known from facts alone. */
  readonly name: string | null;
}

/** Opens one of the two, with its own options. */
export type Opener = (side: 'a' | 'b') => Promise<OpenedCritic>;

const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

/** Throws INPUT_INVALID for flags that go against each other, or that nothing is known of. */
export function checkFlags(flags: CompareFlags, config: Config, given: ConfigInput): CompareSettings {
  const { data, traces, answers, head, lang, rows, seed, transfer } = flags;
  if ((data === undefined) === (traces === undefined))
    throw new DiscernError('INPUT_INVALID', 'one of --data and --traces is needed, and not both');
  if (data !== undefined && answers !== undefined)
    throw new DiscernError('INPUT_INVALID', '--answers goes with --traces: rows have no answers to compare');
  if (traces !== undefined && (head.length > 0 || lang !== undefined))
    throw new DiscernError('INPUT_INVALID', '--head and --lang choose rows, and --traces has none');
  const wrong = head.find((name) => !KINDS.some((kind) => kind === name));
  if (wrong !== undefined) throw new DiscernError('INPUT_INVALID', `--head ${wrong}; known: ${KINDS.join(', ')}`);
  const method = TRANSFERS.find((name) => name === transfer);
  if (method === undefined)
    throw new DiscernError('INPUT_INVALID', `--transfer ${transfer}; known: ${TRANSFERS.join(', ')}`);
  if (traces !== undefined && method === 'calibration')
    throw new DiscernError('INPUT_INVALID', '--transfer calibration needs labels, and traces have none', {
      hint: 'use --transfer quantile, or labelled rows with --data',
    });
  return {
    ...{ config, change: { retrieve: given.retrieve, isRel: given.isRel }, transfer: method },
    seed: wholeNumber('seed', seed),
    rows: rows === undefined ? null : wholeNumber('rows', rows),
    heads: KINDS.filter((kind) => head.length === 0 || head.includes(kind)),
  };
}

export const nothingInCommon = (
  { critic: a }: Pick<OpenedCritic, 'critic'>,
  { critic: b }: Pick<OpenedCritic, 'critic'>,
) =>
  new DiscernError(
    'CRITIC_KIND_UNSUPPORTED',
    `nothing to compare: ${a.id} predicts ${a.kinds.join(', ')}; ${b.id} predicts ${b.kinds.join(', ')}`,
    { hint: 'give rows or traces of a token that both predict' },
  );
