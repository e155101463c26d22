import type { Config } from '../config.ts';
import { assembleAnswer } from '../stages/answer.ts';
import { critiqueAll } from '../stages/critique.ts';
import { hasNoSupport, scoreIsSup, scoreIsUse, scoreSegment } from '../stages/score.ts';
import { holdsSentences, sentenceSpans } from '../text/sentences.ts';
import type { Checked, CheckedSegment, Critique, CritiqueRequest, Decision, Passage, Segment, Span } from '../types.ts';
import { type AnswerOptions, openQuestion } from './asked.ts';
import type { Parts } from './parts.ts';

export interface CheckInput {
  readonly question: string;
  readonly answer: string;
  /** What the answer was written from. Every sentence is held against every one of them. */
  readonly passages: readonly Passage[];
}

interface Sentence {
  readonly text: string;
  readonly span: Span;
}

/** Marks of citations that a model has written, such as `[1]` or `[2, 3]`: they are no words of the answer. */
const MARKS = /\s*\[\d+(?:\s*,\s*\d+)*\]/g;

function sentencesOf(answer: string): Sentence[] {
  return sentenceSpans(answer).flatMap((span) => {
    const text = answer.slice(span.start, span.end).replaceAll(MARKS, '').trim();
    return /[\p{L}\p{N}]/u.test(text) ? [{ text, span }] : [];
  });
}

/**
 * Weighs an answer that was written elsewhere against its passages: IsSUP of each sentence by each passage, IsUSE of the
 * whole. One call to each critic. The better passage is the one that holds the sentence word for word, else the one with
 * the higher IsSUP.
 */
export async function checkAnswer(
  { question, answer, passages }: CheckInput,
  live: Parts,
  config: Config,
  options: AnswerOptions = {},
): Promise<Checked> {
  const { parts, log, decisions, overBudget, finish } = openQuestion(question, live, config, options);
  log.keep(passages);
  const sentences = sentencesOf(answer);
  const supports = sentences.flatMap(({ text: segment }) =>
    passages.map((passage): CritiqueRequest<'isSup'> => ({ kind: 'isSup', question, passage, segment })),
  );
  const uses: CritiqueRequest<'isUse'>[] = sentences.length > 0 ? [{ kind: 'isUse', question, answer }] : [];
  const requests: CritiqueRequest[] = [...supports, ...uses];
  const said = overBudget(0) ? requests.map(() => null) : await critiqueAll(requests, parts.critics, options);
  const decided = said.map((critique) => (critique?.undecided ? null : critique));

  const segments = sentences.map(({ text, span }, i) => {
    const critiques = decided.slice(i * passages.length, (i + 1) * passages.length) as (Critique<'isSup'> | null)[];
    return weighed({ text, span }, passages, critiques, config);
  });
  const isUse = (decided[supports.length] ?? null) as Critique<'isUse'> | null;
  const use = isUse && scoreIsUse(isUse);
  decisions.push(...segments.map((segment, place) => supportDecision(segment, place, config)));
  const useful = use === null || config.check.isUse === null || use >= config.check.isUse;
  if (use !== null && config.check.isUse !== null) decisions.push(useDecision(use, config.check.isUse));

  const assembled = assembleAnswer(
    segments.map((segment) => ({
      ...{ segment: { ...segment, passageId: segment.supported ? segment.passageId : null } },
      ...{ score: scoreSegment(segment.critiques, null, config.weights), evidence: null },
      noSupport: hasNoSupport(segment.critiques.isSup),
    })),
    log.passages,
  );
  const shown = assembled.segments.map(
    (segment, i): CheckedSegment => ({ ...segments[i]!, ...segment, span: segments[i]!.span }),
  );
  const left = shown.filter(({ supported }) => !supported).length;
  const brief = {
    text: assembled.text,
    unanswered:
      left === 0 && shown.length > 0
        ? null
        : {
            reason: 'no-support' as const,
            detail:
              shown.length === 0
                ? 'the answer has no sentence'
                : `${left} of ${shown.length} sentences are not supported`,
          },
    usedContext: shown.some(({ citation }) => citation !== null),
    citations: assembled.citations,
  };
  return {
    ...{ accepted: brief.unanswered === null && useful, text: assembled.text, segments: shown },
    ...{ support: shown.length === 0 ? null : 1 - left / shown.length, isUse, use, citations: assembled.citations },
    ...(await finish(brief, { type: 'check', answer, passageIds: passages.map(({ id }) => id) })),
  };
}

type Weighed = Segment & Pick<CheckedSegment, 'span' | 'support' | 'supported'>;

/** Pure: the passage that supports a sentence best, and whether that is enough. */
function weighed(
  { text, span }: Sentence,
  passages: readonly Passage[],
  critiques: readonly (Critique<'isSup'> | null)[],
  { check }: Config,
): Weighed {
  const ranked = passages
    .map((passage, i) => {
      const critique = critiques[i] ?? null;
      return {
        passage,
        critique,
        verbatim: holdsSentences(passage.text, text),
        support: critique && scoreIsSup(critique),
      };
    })
    .sort((a, b) => Number(b.verbatim) - Number(a.verbatim) || (b.support ?? -1) - (a.support ?? -1));
  const best = ranked[0] ?? null;
  const support = best?.support ?? null;
  return {
    ...{ text, span, tokens: 0, logprob: null, passageId: best?.passage.id ?? null, quoted: null },
    ...{ critiques: best?.critique ? { isSup: best.critique } : {}, support },
    supported: best !== null && (best.verbatim || (support !== null && support > check.isSup)),
  };
}

function supportDecision({ support, supported, passageId }: Weighed, place: number, { check }: Config): Decision {
  const byWord = supported && (support === null || support <= check.isSup);
  const asked = support === null ? 'no critic was asked' : 'support against the threshold';
  return {
    ...{ about: 'isSup', outcome: supported ? 'supported' : 'unsupported', value: support, threshold: check.isSup },
    ...{ reason: byWord ? 'it stands word for word in the passage' : asked, passageId, level: place },
  };
}

const useDecision = (use: number, threshold: number): Decision => ({
  ...{ about: 'isUse', outcome: use >= threshold ? 'useful' : 'not useful', value: use, threshold },
  ...{ reason: 'usefulness against the threshold', passageId: null, level: null },
});
