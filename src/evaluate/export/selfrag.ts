import { inert, PARAGRAPH, publishedToken } from '../../reflection.ts';
import { joinSegments } from '../../text/join.ts';
import { type CritiqueRequest, type Label, type Passage, PUBLISHED_TOKENS, type ReflectionKind } from '../../types.ts';
import { type Collection, type RecordedAnswer, requestId } from './collect.ts';
import { answerTexts, type ExportOptions, type LeftOut, type SelectedRows, tally } from './rows.ts';
import type { Split } from './split.ts';
import { type Target, targetOf } from './targets.ts';

/** A sample as the published training code of Self-RAG reads it (arXiv 2310.11511, section 3.2). */
export interface SelfRagSample {
  readonly instruction: string;
  readonly input: '';
  readonly output: string;
  readonly id: string;
  readonly dataset_name: string;
}

export interface SelfRagSamples {
  readonly samples: readonly { readonly sample: SelfRagSample; readonly split: Split }[];
  readonly leftOut: ReadonlyMap<LeftOut, number>;
}

const { retrieve, isRel } = PUBLISHED_TOKENS;

/** Other tokens that the published code adds to the vocabulary. */
const OTHERS = { pad: '[PAD]' };
const data = (text: string): string => inert(text, OTHERS);

const paragraphOf = ({ title, text }: Passage): string =>
  `${PARAGRAPH[0]}${data(title ? `${title}\n${text}` : text)}${PARAGRAPH[1]}`;

type LabelOf = <K extends ReflectionKind>(request: CritiqueRequest<K>) => Label<K> | null;

/**
 * The answer with reflection tokens in it, as the published data have them: `[Retrieval]`, the paragraph and its
 * relevance before a segment, its support behind it unless the paragraph is irrelevant, `[Continue to Use Evidence]`
 * alone where the same passage goes on, `[No Retrieval]` without a passage, and the utility at the end. Null where a
 * token that is `wanted` was judged by nobody.
 */
export function selfRagOutput(
  { question, segments }: Pick<RecordedAnswer, 'question' | 'segments'>,
  labelOf: LabelOf,
  wanted: readonly ReflectionKind[],
): string | null {
  let output = '';
  let isComplete = true;
  const token = (request: CritiqueRequest): string => {
    if (!wanted.includes(request.kind)) return '';
    const label = labelOf(request);
    isComplete &&= label !== null;
    return label === null ? '' : publishedToken(request.kind, label);
  };
  for (const [i, { text, passage }] of segments.entries()) {
    const before = i === 0 ? null : segments[i - 1]!.passage;
    if (passage === null) output += retrieve.no + data(text);
    else if (passage.id === before?.id) output += retrieve.continue + data(text);
    else {
      const relevance = token({ kind: 'isRel', question, passage });
      const support = relevance === isRel.irrelevant ? '' : token({ kind: 'isSup', question, passage, segment: text });
      output += retrieve.yes + paragraphOf(passage) + relevance + data(text) + support;
    }
  }
  output += token({ kind: 'isUse', question, answer: joinSegments(segments.map(({ text }) => text)) });
  return isComplete ? output : null;
}

/** A sample of each recorded answer, on the side of the split where its question and its documents are. */
export function selfRagSamples(
  { asked, answers }: Pick<Collection, 'asked' | 'answers'>,
  { splitter }: Pick<SelectedRows, 'splitter'>,
  { kinds, minConfidence, target: options, known }: ExportOptions,
): SelfRagSamples {
  const reasons: LeftOut[] = [];
  const seen = new Set<string>();
  const samples = answers.flatMap((answer) => {
    const used: Target[] = [];
    const find = (request: CritiqueRequest): Target | null => {
      const found = asked.get(requestId(request));
      return found === undefined ? null : targetOf(found, options);
    };
    const labelOf = ((request: CritiqueRequest) => {
      const target = find(request);
      if (target?.label == null) return null;
      used.push(target);
      return target.label;
    }) as LabelOf;
    const { question, segments, traceId, source } = answer;
    const leak = known?.leakOf(answerTexts(answer)) ?? null;
    const split = splitter.of(answerTexts(answer));
    const output = selfRagOutput(answer, labelOf, kinds);
    const asFirst = find({ kind: 'retrieve', question, answerSoFar: '' })?.override?.label;
    const reason: LeftOut | null =
      leak !== null
        ? `${leak} of an evaluation set`
        : split === null
          ? 'document and question on different sides'
          : output === null
            ? 'not all tokens judged'
            : asFirst !== undefined && (asFirst === 'yes') !== (segments[0]!.passage !== null)
              ? 'contradicted by the review'
              : used.some(({ confidence }) => confidence < minConfidence)
                ? 'not confident enough'
                : seen.has(`${question}\n${output}`)
                  ? 'the same again'
                  : null;
    if (reason !== null || output === null || split === null) {
      reasons.push(reason!);
      return [];
    }
    seen.add(`${question}\n${output}`);
    const sample: SelfRagSample = {
      ...{ instruction: data(question), input: '', output, id: traceId, dataset_name: source },
    };
    return [{ sample, split }];
  });
  return { samples, leftOut: tally(reasons) };
}
