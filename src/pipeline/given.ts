import type { Recaller } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { sha256Hex } from '../text/hash.ts';
import type { Passage, PassageInput } from '../types.ts';

/** Passages that are brought along, each once. A text without a `docId` is a document of its own, named by its first place. */
export function givenPassages(inputs: readonly PassageInput[]): Passage[] {
  const passages = new Map<string, Passage>();
  const places = new Map<string, number>();
  for (const [i, input] of inputs.entries()) {
    const { text } = typeof input === 'string' ? { text: input } : input;
    if (!places.has(text)) places.set(text, i + 1);
    const passage = givenPassage(input, i + 1, places.get(text)!);
    const same = passages.get(passage.id);
    if (same !== undefined && same.text !== passage.text)
      throw new DiscernError('INPUT_INVALID', `two passages with different texts have the id ${passage.id}`);
    if (same === undefined) passages.set(passage.id, passage);
  }
  return [...passages.values()];
}

function givenPassage(input: PassageInput, place: number, first: number): Passage {
  const given = typeof input === 'string' ? { text: input } : input;
  if (typeof given?.text !== 'string' || given.text.trim() === '')
    throw new DiscernError('INPUT_INVALID', `passage ${place} has no text`);
  const { text, docId = `given-${first}` } = given;
  const start = given.span?.start ?? 0;
  const span = { start, end: start + text.length };
  if (given.span !== undefined && given.span.end !== span.end)
    throw new DiscernError('INPUT_INVALID', `the span of passage ${place} is not as long as its text`);
  const id = given.id ?? sha256Hex(`${docId}\n${span.start}-${span.end}\n${text}`).slice(0, 24);
  const { title = null, page = null, heading = null, metadata = {} } = given;
  return { id, docId, text, title, span, page, heading, metadata };
}

/** Recalls the passages that it was made of, in their order, whatever is searched for. */
export const givenRecaller = (passages: readonly Passage[]): Recaller => ({
  id: 'given@1',
  ranksOnly: true,
  recall: async (queries, { topK }) =>
    queries.map(() =>
      passages.slice(0, topK).map((passage, i) => ({ passage, recallRank: i + 1, recallScore: 0, rerankScore: null })),
    ),
});
