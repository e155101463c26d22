import type { Config } from '../config.ts';
import type { Answer, Passage, SegmentScore } from '../types.ts';
import type { Capabilities } from './capabilities.ts';
import type { GateDecision, GateEstimator, GateMeasure } from './gate.ts';
import type { TraceTask } from './tasks.ts';

export type FactRole = 'rewrite' | 'recall' | 'rerank' | 'critique' | 'sample' | 'entail' | 'extend';

/** What a model said. `key` is the hash of the request; `ms` its share of the call's time. */
export interface Fact {
  readonly role: FactRole;
  readonly backend: string;
  readonly key: string;
  readonly value: unknown;
  readonly ms: number;
}

/** What happened, in order. Texts of segments and ids only: passages stand once in the trace. */
export type TraceEvent =
  | {
      readonly type: 'retrieve-decided';
      readonly level: number;
      readonly retrieve: boolean;
      readonly reason: string;
      readonly value: number | null;
      readonly threshold: number | null;
    }
  | {
      readonly type: 'recall-end';
      readonly level: number;
      readonly query: string;
      readonly candidates: readonly { readonly passageId: string; readonly score: number }[];
    }
  | {
      readonly type: 'rerank-end';
      readonly level: number;
      readonly kept: readonly {
        readonly passageId: string;
        readonly recallRank: number;
        readonly score: number | null;
      }[];
    }
  | {
      readonly type: 'relevance-decided';
      readonly level: number;
      readonly passages: readonly {
        readonly passageId: string;
        readonly value: number | null;
        readonly kept: boolean;
      }[];
      readonly threshold: number;
    }
  | ({ readonly type: 'gate-decided'; readonly level: number } & GateDecision)
  | { readonly type: 'gate-skipped'; readonly level: number; readonly reason: string }
  | {
      readonly type: 'negative-utility';
      readonly level: number;
      readonly passageId: string;
      readonly value: number;
      readonly measure: GateMeasure;
    }
  | {
      readonly type: 'segment-scored';
      readonly level: number;
      readonly id: string;
      readonly parent: string;
      readonly passageId: string | null;
      readonly text: string;
      readonly end: boolean;
      readonly score: SegmentScore;
      readonly dropped: boolean;
    }
  | {
      readonly type: 'beam-pruned';
      readonly level: number;
      readonly kept: readonly { readonly path: string; readonly score: number; readonly finished: boolean }[];
    }
  | {
      readonly type: 'segment-committed';
      readonly index: number;
      readonly text: string;
      readonly citation: number | null;
    }
  | {
      readonly type: 'budget-spent';
      readonly level: number;
      readonly limit: 'calls' | 'tokens' | 'ms';
      readonly value: number;
    }
  | { readonly type: 'degraded'; readonly level: number; readonly role: string; readonly reason: string };

/** A question's whole record: one JSON line. It holds no keys and no absolute paths. */
export interface Trace {
  readonly version: 1;
  readonly id: string;
  readonly question: string;
  readonly config: Config;
  readonly backends: Readonly<Record<string, string>>;
  /** What the parts can do, as far as it decides something; by role. */
  readonly abilities: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  /** What parts on servers turned out to give, by role; absent where none was asked. */
  readonly capabilities?: Readonly<Record<string, Capabilities>>;
  readonly prompts: Readonly<Record<string, string>>;
  /** The estimate that the gate decided by; absent where there was none. */
  readonly gate?: GateEstimator;
  readonly passages: Readonly<Record<string, Passage>>;
  readonly facts: readonly Fact[];
  readonly events: readonly TraceEvent[];
  /** What came of it, so that a reader of the file sees it; replay computes it again. */
  readonly answer: Pick<Answer, 'text' | 'unanswered' | 'usedContext' | 'citations'>;
  /** What was asked for in place of an answer; absent for an answer. */
  readonly task?: TraceTask;
}
