export type { LangchainOptions } from './backends/langchain/calls.ts';
export { type ChatMessageLike, type ChatModelLike, fromChatModel } from './backends/langchain/chat-model.ts';
export { type CompressorLike, fromCompressor } from './backends/langchain/compressor.ts';
export { documentFilter, type PassageOf } from './backends/langchain/documents.ts';
export { type EmbeddingsLike, type EmbeddingsOptions, fromEmbeddings } from './backends/langchain/embeddings.ts';
export type { Limits } from './backends/langchain/limits.ts';
export { fromLlm, type LlmLike } from './backends/langchain/llm.ts';
export { fromRetriever, type RetrieverLike, type RetrieverOptions } from './backends/langchain/retriever.ts';
export {
  fromVectorStore,
  type VectorStoreLike,
  type VectorStoreOptions,
} from './backends/langchain/vector-store.ts';
export { type CheckedChainFields, type CheckedOutput, checkedChain } from './langchain/checked.ts';
export { ReflectionCompressor, type ReflectionCompressorFields } from './langchain/compressor.ts';
export { type DocumentScores, documentOf, fromDocuments } from './langchain/documents.ts';
export { EVENT_PREFIX } from './langchain/events.ts';
export { answerNode, checkNode, DiscernState, retrieveNode } from './langchain/graph.ts';
export { DiscernRetriever, type DiscernRetrieverFields } from './langchain/retriever.ts';
export { type DiscernInput, DiscernRunnable, type DiscernRunnableFields } from './langchain/runnable.ts';
export { type DiscernToolOptions, discernTool } from './langchain/tool.ts';
