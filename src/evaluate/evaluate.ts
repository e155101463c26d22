export { type ConformanceResult, checkConformance, isKnownFormat } from './conformance.ts';
