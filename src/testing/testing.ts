export { type CriticSuiteOptions, describeCritic, EASY_PAIRS, type EasyPair } from './describe-critic.ts';
export { describeEmbedder, type EmbedderSuiteOptions } from './describe-embedder.ts';
export { describeEntailment } from './describe-entailment.ts';
export { describeGenerator } from './describe-generator.ts';
export { describeIndex, type IndexPlace } from './describe-index.ts';
export { describeRecaller, type MakeRecaller, RECALL_CORPUS } from './describe-recaller.ts';
export { describeReranker } from './describe-reranker.ts';
export { describeRewriter } from './describe-rewriter.ts';
export { hashEmbedder } from './hash-embedder.ts';
export { type MemoryIndexOptions, memoryIndex } from './memory-index.ts';
export { type CriticOracle, overlapOracle, type ScriptedCriticOptions, scriptedCritic } from './scripted-critic.ts';
export {
  type EntailmentOracle,
  type ScriptedEntailmentOptions,
  scriptedEntailment,
  wordOracle,
} from './scripted-entailment.ts';
export {
  type GeneratorScript,
  readAloud,
  type ScriptedGeneratorOptions,
  scriptedGenerator,
} from './scripted-generator.ts';
export { bareWords, type RewriterScript, scriptedRewriter } from './scripted-rewriter.ts';
export type { Make, Skip, SuiteOptions } from './suite.ts';
