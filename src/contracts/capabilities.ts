export type { Capabilities } from '../types/capabilities.ts';
