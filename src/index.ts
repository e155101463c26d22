export type { OwnParts } from './assembly.ts';
export { type Config, type ConfigInput, ConfigSchema, parseConfig } from './config.ts';
export type {
  CallOptions,
  Capabilities,
  Critic,
  Embedder,
  EmbedderFingerprint,
  Entailed,
  Entailment,
  EntailmentRequest,
  ExtendOptions,
  ExtendRequest,
  Generator,
  GeneratorAbilities,
  Hit,
  IndexChange,
  IndexInfo,
  Loader,
  MetadataFilter,
  PassageIndex,
  QuoteScores,
  Recaller,
  Reranker,
  Rewriter,
  SampledAnswer,
  SampleOptions,
  SampleRequest,
  SegmentCandidate,
  SourceRecord,
  Splitter,
  TokenIds,
} from './contracts.ts';
export { type OpenCriticOptions, type OpenedCritic, openCritic } from './critics.ts';
export { type OpenEntailmentOptions, openEntailment } from './entailment.ts';
export { DiscernError, ERRORS, type ErrorCode } from './errors.ts';
export { listOptions, type Option } from './options.ts';
export { type CriticDefinition, defineCritic, type Judge } from './own-critic.ts';
export {
  type AnswerOptions,
  answerQuestion,
  type CheckInput,
  checkAnswer,
  type Parts,
  retrieveEvidence,
} from './pipeline.ts';
export {
  type AskOptions,
  createRag,
  type IngestCall,
  type Rag,
  type RagOptions,
  type RetrieveOptions,
  type StreamEvent,
} from './rag.ts';
export { prepareReplay, type Replayer } from './replay/prepared.ts';
export { replay, replayCheck, replayRetrieve } from './replay.ts';
export { plainText } from './stages/answer.ts';
export type { DocumentInput, IngestReport } from './stages/ingest.ts';
export type { Logger, ObserveOptions, TelemetryOptions } from './telemetry.ts';
export {
  createSharedFacts,
  type ModelCall,
  type ModelCalls,
  parseTrace,
  type SharedFacts,
  TraceSchema,
} from './trace.ts';
export {
  type Answer,
  type AnswerSegment,
  type Candidate,
  type Checked,
  type CheckedSegment,
  type Citation,
  type Cost,
  type Critique,
  type CritiqueRequest,
  type Decision,
  type Distribution,
  type EmptyReason,
  type Fact,
  type GateDecision,
  type GateEstimator,
  type GateFeature,
  type GateFeatures,
  type GateMeasure,
  type Label,
  type Meaning,
  type Passage,
  type PassageInput,
  REFLECTIONS,
  type ReflectionKind,
  type Retrieved,
  type RetrievedPassage,
  type Segment,
  type SegmentScore,
  type SourceDocument,
  type Span,
  type Trace,
  type TraceEvent,
  type TraceTask,
  type UnansweredReason,
} from './types.ts';
