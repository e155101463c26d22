import { type FormatInput, readText } from './format.ts';

/** Plain text, as it stands. */
export async function text(input: FormatInput) {
  return [{ id: input.key, title: null, text: await readText(input), pages: [], headings: [], metadata: {} }];
}
