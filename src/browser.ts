export { type Config, type ConfigInput, ConfigSchema, parseConfig } from './config.ts';
export { DiscernError, ERRORS, type ErrorCode, type ErrorOptions } from './errors.ts';
export { listOptions, type Option } from './options.ts';
export { prepareReplay, type Replayer } from './replay/prepared.ts';
export { type ReplayOptions, replay } from './replay.ts';
export { plainText } from './stages/answer.ts';
export { parseTrace, TraceSchema } from './trace.ts';
export {
  type Answer,
  type AnswerSegment,
  type Candidate,
  type Capabilities,
  type Citation,
  type Cost,
  type Critique,
  type Decision,
  type Distribution,
  type Fact,
  type FactRole,
  type GateDecision,
  type GateEstimator,
  type GateFeature,
  type GateFeatures,
  type GateMeasure,
  type Label,
  type Meaning,
  type Metadata,
  type Passage,
  REFLECTIONS,
  type ReflectionKind,
  type Segment,
  type SegmentScore,
  type Span,
  type Trace,
  type TraceEvent,
  type UnansweredReason,
} from './types.ts';
