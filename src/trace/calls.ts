import type { FactRole } from '../types.ts';

export interface ModelCall {
  readonly role: FactRole;
  /** Id of the part that is asked. */
  readonly backend: string;
  readonly requests: number;
}

/** Stands around every call to a model, so that what happens inside belongs to it. Gives back what the call gives. */
export interface ModelCalls {
  around<T>(call: ModelCall, work: () => Promise<T>): Promise<T>;
}
