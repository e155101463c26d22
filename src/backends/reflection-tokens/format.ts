import { CONTROL_TOKENS, inert, PARAGRAPH, publishedToken, type Spelling, type StreamStep } from '../../reflection.ts';
import { joinSegments } from '../../text/join.ts';
import { sentenceSpans } from '../../text/sentences.ts';
import { type CritiqueRequest, type Label, PUBLISHED_TOKENS, REFLECTIONS, type ReflectionKind } from '../../types.ts';

export { CONTROL_TOKENS, inert, type Spelling } from '../../reflection.ts';

/** Control tokens stand by themselves; a variable is a text of a passage or a user. */
export type TokenPiece = { readonly control: string } | { readonly text: string } | { readonly variable: string };

export interface TokenPrompt {
  readonly pieces: readonly TokenPiece[];
  /** The most important one first: the last is cut first where the prompt is too long. */
  readonly values: Readonly<Record<string, string>>;
}

const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

/** The published tokens of a kind, in the order of its labels. */
export const tokensOf = (kind: ReflectionKind): string[] =>
  (REFLECTIONS[kind] as readonly Label<ReflectionKind>[]).map((label) => publishedToken(kind, label));

export const LABEL_TOKENS: readonly string[] = KINDS.flatMap(tokensOf);

export const kindOfToken = (token: string): ReflectionKind | undefined =>
  KINDS.find((kind) => tokensOf(kind).includes(token));

const { retrieve, isRel } = PUBLISHED_TOKENS;
const control = (token: string): TokenPiece => ({ control: token });
const QUESTION: readonly TokenPiece[] = [
  { text: '### Instruction:\n' },
  { variable: 'question' },
  { text: '\n\n### Response:\n' },
];
const PASSAGE: readonly TokenPiece[] = [
  control(retrieve.yes),
  control(PARAGRAPH[0]),
  { variable: 'passage' },
  control(PARAGRAPH[1]),
];

const passageOf = ({ title, text }: { readonly title: string | null; readonly text: string }) =>
  title ? `${title}\n${text}` : text;

/** What is written before the label of a request: the model's own token would come next. */
export function critiquePrompt(request: CritiqueRequest): TokenPrompt {
  const { question } = request;
  switch (request.kind) {
    case 'retrieve':
      return {
        pieces: [...QUESTION, { variable: 'answerSoFar' }],
        values: { question, answerSoFar: request.answerSoFar },
      };
    case 'isRel':
      return { pieces: [...QUESTION, ...PASSAGE], values: { question, passage: passageOf(request.passage) } };
    case 'isSup':
      return {
        pieces: [...QUESTION, ...PASSAGE, control(isRel.relevant), { variable: 'segment' }],
        values: { question, segment: request.segment, passage: passageOf(request.passage) },
      };
    case 'isUse':
      return {
        pieces: [...QUESTION, control(retrieve.no), { variable: 'answer' }],
        values: { question, answer: request.answer },
      };
  }
}

/** What a segment is written after. */
export function segmentPrompt(request: {
  readonly question: string;
  readonly passage: { readonly title: string | null; readonly text: string } | null;
  readonly answerSoFar: readonly string[];
}): TokenPrompt {
  const { question, passage } = request;
  const values = { question, answerSoFar: joinSegments(request.answerSoFar) };
  const before: readonly TokenPiece[] = [...QUESTION, { variable: 'answerSoFar' }];
  return passage === null
    ? { pieces: [...before, control(retrieve.no)], values }
    : { pieces: [...before, ...PASSAGE], values: { ...values, passage: passageOf(passage) } };
}

/** The prompt as one text, for servers that tokenise it themselves. */
export const promptText = (
  { pieces }: TokenPrompt,
  values: Readonly<Record<string, string>>,
  spelling: Spelling = {},
): string =>
  pieces
    .map((piece) => {
      if ('control' in piece) return spelling[piece.control] ?? piece.control;
      return 'text' in piece ? piece.text : inert(values[piece.variable]!, spelling);
    })
    .join('');

/** One token that a model wrote. A control token is named as published. */
export interface TokenStep extends StreamStep {
  readonly logprob: number;
  /** What any token that is not in `top` has at most; -Infinity where `top` has all labels. */
  readonly unseenLogprob: number;
}

/** What a model wrote after a prompt. */
export interface TokenStream {
  readonly steps: readonly TokenStep[];
  /** The model ended its answer behind the last step. */
  readonly ended: boolean;
  /** The text of the first so many of its text tokens. */
  text(count: number): string;
}

export interface SegmentSteps {
  /** Of the steps, so many belong to the segment and its tokens. */
  readonly count: number;
  /** Nothing further can belong to it. */
  readonly over: boolean;
  /** The answer is complete with it. */
  readonly end: boolean;
}

/**
 * Where the first segment of a stream ends: behind what was written of its support and of the use of the whole answer,
 * or of the retrieval for the next one, and before the next text.
 */
export function segmentSteps(steps: readonly Pick<TokenStep, 'token'>[], ended: boolean): SegmentSteps {
  let begun = false;
  let judged = false;
  for (const [i, { token }] of steps.entries()) {
    const kind = kindOfToken(token);
    const paragraph = (PARAGRAPH as readonly string[]).includes(token);
    if (paragraph || (judged && (kind === 'isRel' || (kind === undefined && token.trim() !== ''))))
      return { count: i, over: true, end: !begun };
    if (kind === 'isUse') return { count: i + 1, over: true, end: true };
    if (kind === 'retrieve' && (begun || token === retrieve.yes)) return { count: i + 1, over: true, end: !begun };
    if (kind === 'isSup') judged ||= begun;
    if (kind === undefined) begun ||= token.trim() !== '';
  }
  return { count: steps.length, over: ended, end: ended };
}

export interface WrittenSegment {
  readonly text: string;
  /** Log-probabilities of the tokens of the text. */
  readonly logprobs: readonly number[];
  readonly end: boolean;
  /** The model wrote on behind the first sentence before it judged: its judgement is about more than `text`. */
  readonly cut: boolean;
  /** The steps of the segment, with its control tokens. */
  readonly steps: readonly TokenStep[];
}

/** The first segment of a stream: one sentence at most, and never a control token in it. */
export function firstSegment({ steps, ended, text }: TokenStream): WrittenSegment {
  const { count, end } = segmentSteps(steps, ended);
  const own = steps.slice(0, count);
  const logprobs = own.filter(({ token }) => !CONTROL_TOKENS.includes(token)).map(({ logprob }) => logprob);
  const whole = text(logprobs.length);
  const spans = sentenceSpans(whole);
  const stop = spans.length < 2 ? whole.trimEnd().length : spans[0]!.end;
  const cut = spans.length > 1;
  let tokens = 0;
  while (tokens < logprobs.length && text(tokens).trimEnd().length < stop) tokens += 1;
  const said = whole.slice(0, stop).trim();
  return { text: said, logprobs: logprobs.slice(0, tokens), end: said === '' || (end && !cut), cut, steps: own };
}
