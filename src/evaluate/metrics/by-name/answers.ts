import { topLabel } from '../../../reflection.ts';
import { plainText } from '../../../stages/answer.ts';
import type { Answer } from '../../../types.ts';
import type { GoldQuestion } from '../../data/dataset.ts';
import type { MetricTable } from '../answer-metric.ts';
import { containsGold, exactMatch, tokenF1 } from '../answers.ts';
import { containsGoldZh, exactMatchZh, tokenF1Zh } from '../answers-zh.ts';
import { foundShare, relevantShare } from '../gold.ts';
import { meanOf } from '../ir-means.ts';
import { rougeL, rougeTokens } from '../rouge.ts';

/** What was answered, without the marks of citations; declining is the empty text. */
export const said = (answer: Answer): string => (answer.unanswered === null ? plainText(answer) : '');

const isLanguage = (tag: string | null, language: string): boolean =>
  tag !== null && tag.split('-')[0]!.toLowerCase() === language;

type TextMeasure = (prediction: string, golds: readonly string[]) => number;

/** By the rules of SQuAD v2.0, or those of MLQA where the question is Chinese. */
const byLanguage =
  (plain: TextMeasure, chinese: TextMeasure) =>
  (answer: Answer, { answers, lang }: GoldQuestion): number | null =>
    answers === null ? null : (isLanguage(lang, 'zh') ? chinese : plain)(said(answer), answers);

const hasAnswer = ({ answers }: GoldQuestion): boolean => answers !== null && answers.length > 0;

const f1 = byLanguage(tokenF1, tokenF1Zh);
const em = byLanguage(exactMatch, exactMatchZh);
const contains = byLanguage(containsGold, containsGoldZh);

const NO_GOLD =
  'declining is the empty text, which is right where the documents have no answer; null where nobody said what is right';

export const ANSWER_METRICS: MetricTable = {
  'citation.precision': {
    stage: 'generation',
    better: 'higher',
    description:
      'share of the citations whose document is relevant, 0..1; null where nothing is cited or nobody judged',
    of: ({ citations }, { relevant }) =>
      relevant === null
        ? null
        : relevantShare(
            citations.map(({ docId }) => docId),
            relevant,
          ),
  },
  'citation.recall': {
    stage: 'generation',
    better: 'higher',
    description:
      'share of the relevant documents that are cited, 0..1; 0 where nothing is cited, null where nobody judged',
    of: ({ citations }, gold) =>
      foundShare(
        citations.map(({ docId }) => docId),
        gold,
      ),
  },
  supported: {
    stage: 'generation',
    better: 'higher',
    description:
      'share of the segments of the answer whose likeliest IsSUP label is fully, 0..1; one that was not judged counts as unsupported; null where it declined or no critic is there for it',
    of: ({ segments, trace }) =>
      trace.backends['critic.isSup'] === undefined
        ? null
        : meanOf(
            segments.map(({ critiques: { isSup } }) => (isSup !== undefined && topLabel(isSup) === 'fully' ? 1 : 0)),
          ),
  },
  f1: {
    stage: 'end to end',
    better: 'higher',
    description: `F1 of the words (SQuAD v2.0; Chinese by characters, as MLQA) with the best gold answer, 0..1; ${NO_GOLD}`,
    of: f1,
  },
  em: {
    stage: 'end to end',
    better: 'higher',
    description: `1 where the answer is a gold answer after normalisation (SQuAD v2.0; Chinese as MLQA), else 0; ${NO_GOLD}`,
    of: em,
  },
  contains: {
    stage: 'end to end',
    better: 'higher',
    description:
      '1 where the words of a gold answer stand in the answer in a row, else 0; null where there is no gold answer',
    of: (answer, gold) => (hasAnswer(gold) ? contains(answer, gold) : null),
  },
  'rouge-l': {
    stage: 'end to end',
    better: 'higher',
    description:
      'ROUGE-L F with the best gold answer, 0..1 (tokens of rouge_score for English, of all scripts for other languages or an unknown one); declining is the empty text; null where there is no gold answer',
    of: (answer, { answers, lang }) => {
      if (answers === null || answers.length === 0) return null;
      const tokenizer = isLanguage(lang, 'en') ? 'default' : 'unicode';
      const ours = rougeTokens(said(answer), tokenizer);
      return Math.max(...answers.map((gold) => rougeL(ours, rougeTokens(gold, tokenizer)).f));
    },
  },
  declined: {
    stage: 'end to end',
    better: 'lower',
    description: '1 where no answer was given, else 0; `decline.right` says whether that was right',
    of: ({ unanswered }) => (unanswered === null ? 0 : 1),
  },
  'decline.right': {
    stage: 'end to end',
    better: 'higher',
    description:
      '1 where it declined exactly if the documents have no answer, else 0; null where nobody said what is right',
    of: ({ unanswered }, { answers }) =>
      answers === null ? null : (unanswered !== null) === (answers.length === 0) ? 1 : 0,
  },
};
