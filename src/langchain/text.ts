import { isBaseMessage } from '@langchain/core/messages';

/** The text of a text or of a message; null where it is neither. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return isBaseMessage(value) ? value.text : null;
}
