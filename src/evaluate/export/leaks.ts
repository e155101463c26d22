import { DiscernError } from '../../errors.ts';
import { questionKey } from '../retrieval-data.ts';

export type Leak = 'question' | 'passage';

/** The questions and passages of evaluation sets, which nothing may be learnt from. */
export interface KnownTexts {
  readonly questions: number;
  readonly passages: number;
  /** Takes in whatever a JSON value holds under the names of questions and passages; returns how many texts that was. */
  add(value: unknown): number;
  /** What of an example stands in them; null where nothing does. */
  leakOf(example: Leakable): Leak | null;
}

export interface Leakable {
  readonly question: string;
  /** Its passages. */
  readonly texts: readonly string[];
  /** What was written from passages: a long run of words of a known passage counts, a short phrase does not. */
  readonly written: readonly string[];
}

/** Of BEIR, SQuAD, MTEB-like and our own files; `text` is a query in one file and a document in another. */
const QUESTIONS = new Set(['question', 'query', 'claim', 'instruction', 'text']);
const PASSAGES = new Set([
  'passage',
  'passages',
  'context',
  'contexts',
  'ctxs',
  'document',
  'documents',
  'text',
  'texts',
]);

/** Passages that share so many words in a row are one text in two cuts, or two editions of it. */
const RUN = 12;
/** Shorter texts, in letters, are the same by chance. */
const SHORTEST = 12;

export function createKnownTexts(): KnownTexts {
  const questions = new Set<string>();
  const passages = new Set<string>();
  const runs = new Set<number>();
  const found = new Map<string, boolean>();
  let whole: string | null = null;

  function addPassage(text: string): void {
    const key = questionKey(text);
    if (key.length < SHORTEST || passages.has(key)) return;
    passages.add(key);
    for (const run of runsOf(text)) runs.add(run);
    whole = null;
    found.clear();
  }

  function isKnown(text: string): boolean {
    const key = questionKey(text);
    if (key.length < SHORTEST) return false;
    if (passages.has(key)) return true;
    const own = runsOf(text);
    if (own.length > 0) return own.some((run) => runs.has(run));
    whole ??= [...passages].join('\n');
    return whole.includes(key);
  }

  return {
    get questions() {
      return questions.size;
    },
    get passages() {
      return passages.size;
    },
    add(value) {
      let count = 0;
      for (const [name, text] of textsOf(value)) {
        const key = questionKey(text);
        if (key === '') continue;
        if (QUESTIONS.has(name)) questions.add(key);
        if (PASSAGES.has(name)) addPassage(text);
        count += 1;
      }
      return count;
    },
    leakOf({ question, texts, written }) {
      if (questions.has(questionKey(question))) return 'question';
      if (written.some((text) => runsOf(text).some((run) => runs.has(run)))) return 'passage';
      for (const text of texts) {
        const known = found.get(text) ?? isKnown(text);
        found.set(text, known);
        if (known) return 'passage';
      }
      return null;
    },
  };
}

/** Texts under the names above, at any depth. A list goes by the name of its field. */
function* textsOf(value: unknown): Generator<readonly [name: string, text: string]> {
  const open: (readonly [string, unknown])[] = [['', value]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [name, one] = next;
    if (typeof one === 'string' && (QUESTIONS.has(name) || PASSAGES.has(name))) yield [name, one];
    else if (Array.isArray(one)) for (const item of one) open.push([name, item]);
    else if (typeof one === 'object' && one !== null) open.push(...Object.entries(one));
  }
}

/** A run of words as a number: two hashes of 26 bits side by side. Writing without blanks counts by characters. */
function runsOf(text: string): number[] {
  const words =
    text
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .toLowerCase()
      .replace(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu, ' $& ')
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.slice(RUN - 1).map((_, i) => {
    let [one, two] = [0x811c9dc5, 0x01234567];
    for (const character of words.slice(i, i + RUN).join(' ')) {
      one = Math.imul(one ^ character.codePointAt(0)!, 0x01000193);
      two = Math.imul(two ^ character.codePointAt(0)!, 0x85ebca6b);
    }
    return (one >>> 6) * 2 ** 26 + (two >>> 6);
  });
}

/** Takes in JSON lines, or one JSON value where the name of the file ends in .json. Throws INPUT_INVALID where no text is found. */
export async function readKnownTexts(
  known: KnownTexts,
  lines: AsyncIterable<string> | Iterable<string>,
  name: string,
): Promise<void> {
  const isWhole = /\.json(\.gz)?$/i.test(name);
  const all: string[] = [];
  let number = 0;
  let texts = 0;
  for await (const line of lines) {
    number += 1;
    if (isWhole) all.push(line);
    else if (line.trim() !== '') texts += known.add(parse(line, `${name}, line ${number}`));
  }
  if (isWhole) texts += known.add(parse(all.join('\n'), name));
  if (texts === 0)
    throw new DiscernError('INPUT_INVALID', `${name} holds no questions and no passages`, {
      hint: `they are looked for in the fields ${[...new Set([...QUESTIONS, ...PASSAGES])].join(', ')}`,
    });
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${place}: not JSON`, {
      hint: 'a file of JSON lines has a name that ends in .jsonl, one JSON value a name that ends in .json',
      cause,
    });
  }
}
