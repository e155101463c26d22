import type { Answer, TraceEvent } from '../types.ts';

export type EventOf<T extends TraceEvent['type']> = Extract<TraceEvent, { type: T }>;

export const eventsOf = <T extends TraceEvent['type']>(answer: Answer, type: T): EventOf<T>[] =>
  answer.trace.events.filter((event): event is EventOf<T> => event.type === type);

/** Two decimals; a dash where there is none. */
export const number = (value: number | null | undefined): string =>
  value === null || value === undefined ? '-' : value.toFixed(2);
