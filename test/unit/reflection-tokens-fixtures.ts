import {
  LABEL_TOKENS,
  type TokenPrompt,
  type TokenStep,
  tokensOf,
} from '../../src/backends/reflection-tokens/format.ts';
import type { TokenModel } from '../../src/backends/reflection-tokens/token-model.ts';
import { DiscernError, throwIfAborted } from '../../src/errors.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import type { ScriptedModel } from '../../src/testing/llm-server.ts';
import { overlapOracle } from '../../src/testing/scripted-critic.ts';
import { sentences } from '../../src/text/sentences.ts';
import { type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../src/types.ts';

type Values = Readonly<Record<string, string>>;

/** The request of which these are the texts. */
export function requestOf(kind: ReflectionKind, { question = '', ...values }: Values): CritiqueRequest {
  const passage = passageOf(values.passage ?? '');
  if (kind === 'isRel') return { kind, question, passage };
  if (kind === 'isSup') return { kind, question, passage, segment: values.segment! };
  if (kind === 'isUse') return { kind, question, answer: values.answer! };
  return { kind, question, answerSoFar: values.answerSoFar! };
}

/** Probabilities of the tokens of a kind, by shared words; together they have `mass`. */
export function scriptedNext(request: CritiqueRequest, mass = 0.9): Record<string, number> {
  const weights = overlapOracle(request);
  const sum = Object.values(weights).reduce((a, b) => a + b, 0);
  const labels: readonly string[] = REFLECTIONS[request.kind];
  return Object.fromEntries(
    tokensOf(request.kind).map((token, i) => [token, (mass * (weights[labels[i]!] ?? 0)) / sum]),
  );
}

/** What a trained model would write next: a sentence of the passage that was not said yet, with its tokens. */
export function scriptedText({ passage, answerSoFar = '' }: Values): string {
  if (passage === undefined) return answerSoFar === '' ? 'I only know this.[Utility:3]' : '[Utility:3]';
  // A title stands on a line of its own.
  const left = sentences(passage.slice(passage.indexOf('\n') + 1)).filter(
    (sentence) => !answerSoFar.includes(sentence),
  );
  if (left.length === 0) return '[Irrelevant][Utility:2]';
  return `[Relevant]${left[0]}[Fully supported]${left.length === 1 ? '[Utility:5]' : '[Continue to Use Evidence]'}`;
}

const PIECES = new RegExp(
  `${LABEL_TOKENS.map((token) => token.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')}|</?paragraph>| ?[^\\s[\\]]+|[\\s\\S]`,
  'g',
);

/** Control tokens, words with the space before them, and single characters. */
export const scriptedSplit = (text: string): string[] => text.match(PIECES) ?? [];

export interface ScriptedTokenModel extends TokenModel {
  readonly calls: { readonly read: TokenPrompt[]; readonly write: TokenPrompt[] };
  readonly closed: () => boolean;
}

const logs = (probabilities: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(probabilities).map(([token, value]) => [token, Math.log(value)]));

/** A model with reflection tokens that is a script: what it writes, and what it thinks of a label, follow from the texts. */
export function scriptedTokenModel(say: (values: Values) => string = scriptedText): ScriptedTokenModel {
  const calls = { read: [] as TokenPrompt[], write: [] as TokenPrompt[] };
  let closed = false;
  const check = (signal?: AbortSignal) => {
    if (closed) throw new DiscernError('BACKEND_CLOSED', 'the scripted model is closed');
    throwIfAborted(signal);
  };
  const stepOf = (token: string): TokenStep => {
    const kind = (Object.keys(REFLECTIONS) as ReflectionKind[]).find((one) => tokensOf(one).includes(token));
    const others = kind ? tokensOf(kind).filter((other) => other !== token) : [];
    const top = Object.fromEntries([[token, 0.7], ...others.map((other) => [other, 0.2 / others.length])]);
    return { token, top: kind ? logs(top) : {}, logprob: -0.25, unseenLogprob: Number.NEGATIVE_INFINITY };
  };
  return {
    id: 'reflection-tokens-scripted@1',
    calls,
    closed: () => closed,
    async read(asked, { signal }) {
      check(signal);
      calls.read.push(...asked.map(({ prompt }) => prompt));
      return asked.map(({ prompt, kind }) => ({
        top: logs(scriptedNext(requestOf(kind, prompt.values))),
        unseenLogprob: Number.NEGATIVE_INFINITY,
      }));
    },
    async write(prompts, { signal, maxTokens }) {
      check(signal);
      calls.write.push(...prompts);
      return prompts.map(({ values }) => {
        const pieces = scriptedSplit(say(values));
        let texts = 0;
        const cut = pieces.findIndex((piece) => !LABEL_TOKENS.includes(piece) && ++texts > maxTokens);
        const kept = cut < 0 ? pieces : pieces.slice(0, cut);
        const words = kept.filter((piece) => !LABEL_TOKENS.includes(piece));
        return { steps: kept.map(stepOf), ended: cut < 0, text: (count) => words.slice(0, count).join('') };
      });
    },
    async probe({ signal }) {
      check(signal);
      return {
        logprobs: 'raw',
        top: 13,
        tokenIds: true,
        singleTokenLabels: true,
        thinksFirst: false,
        prefill: true,
        notes: [],
      };
    },
    async close() {
      closed = true;
    },
  };
}

/** Takes a prompt of the published format apart. */
function valuesOf(prompt: string): { kind: ReflectionKind; values: Record<string, string> } | null {
  const [, question, response] = /^### Instruction:\n([\s\S]*?)\n\n### Response:\n([\s\S]*)$/.exec(prompt) ?? [];
  if (question === undefined || response === undefined) return null;
  const evidence = /^([\s\S]*?)\[Retrieval\]<paragraph>([\s\S]*?)<\/paragraph>(?:\[Relevant\]([\s\S]*))?$/.exec(
    response,
  );
  if (evidence) {
    const [, answerSoFar = '', passage = '', segment] = evidence;
    return {
      kind: segment === undefined ? 'isRel' : 'isSup',
      values: { question, answerSoFar, passage, segment: segment ?? '' },
    };
  }
  const [before, answer] = response.split('[No Retrieval]');
  if (answer === undefined) return { kind: 'retrieve', values: { question, answerSoFar: response } };
  return { kind: 'isUse', values: { question, answerSoFar: before!, answer } };
}

/** A trained model: a label where one is asked for, or the next segment behind a passage or `[No Retrieval]`. */
export const scriptedModel: ScriptedModel = (prompt) => {
  const found = valuesOf(prompt);
  if (found === null) return { next: { '[Retrieval]': 0.5, '[No Retrieval]': 0.3 } };
  const { kind, values } = found;
  const next = scriptedNext(requestOf(kind, values));
  if (kind === 'isRel') return { next, text: scriptedText(values) };
  const { passage: _, ...closedBook } = values;
  if (kind === 'isUse' && values.answer === '') return { next, text: scriptedText(closedBook) };
  return { next };
};
