import { LRUCache } from 'lru-cache';
import type { CallOptions, Capabilities, Critic, ExtendRequest, Generator } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { fromPublished } from '../../reflection.ts';
import { joinSegments } from '../../text/join.ts';
import { type Critique, type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { undecidedCritique } from '../critic/composed.ts';
import { critiqueOfReading } from '../critic/logprobs-labels.ts';
import { critiquePrompt, firstSegment, kindOfToken, segmentPrompt, type WrittenSegment } from './format.ts';
import type { LabelStep, TokenModel } from './token-model.ts';

/** One model as critic and as generator. What its pass over a segment said of it answers the critic's requests about it. */
export interface ReflectionParts {
  critic(): Critic;
  generator(): Generator;
}

const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];
/** Critiques of passes that are kept: those of the segments of a level and some more. */
const KEPT = 512;

/** The distribution of a kind at one place. */
export function critiqueAt<K extends ReflectionKind>(kind: K, { top, unseenLogprob }: LabelStep): Critique<K> {
  const labels: readonly string[] = REFLECTIONS[kind];
  const all: Readonly<Record<string, number | undefined>> = fromPublished(kind, top);
  const seen = labels.filter((label) => all[label] !== undefined && all[label] > Number.NEGATIVE_INFINITY);
  const unseen = unseenLogprob === Number.NEGATIVE_INFINITY ? [] : labels.filter((label) => all[label] === undefined);
  if (seen.length + unseen.length === 0) return undecidedCritique(kind, 'the model gave the labels no probability');
  return critiqueOfReading(kind, {
    seen: Object.fromEntries(seen.map((label) => [label, all[label]!])),
    bounds: Object.fromEntries(unseen.map((label) => [label, unseenLogprob])),
  });
}

/** The requests that a pass has answered, each with the place where its token was written. */
export function answeredBy(
  { question, passage, answerSoFar }: ExtendRequest,
  { text, cut, steps }: WrittenSegment,
): { readonly request: CritiqueRequest; readonly step: LabelStep }[] {
  const after = (place: number, kind: ReflectionKind) =>
    steps.findIndex(({ token }, i) => i > place && kindOfToken(token) === kind);
  const begins = steps.findIndex(({ token }) => kindOfToken(token) === undefined && token.trim() !== '');
  const answer = joinSegments([...answerSoFar, text]);
  const found: { request: CritiqueRequest; step: LabelStep }[] = [];
  const add = (request: CritiqueRequest, place: number) => found.push({ request, step: steps[place]! });
  const isRel = after(-1, 'isRel');
  if (passage !== null && answerSoFar.length === 0 && isRel >= 0 && (begins < 0 || isRel < begins))
    add({ kind: 'isRel', question, passage }, isRel);
  // Behind a text of which only the beginning is taken, it is judged as a whole.
  if (cut || begins < 0) return found;
  const [isSup, isUse, retrieve] = [after(begins, 'isSup'), after(begins, 'isUse'), after(begins, 'retrieve')];
  if (passage !== null && isSup >= 0) add({ kind: 'isSup', question, passage, segment: text }, isSup);
  if (isUse >= 0) add({ kind: 'isUse', question, answer }, isUse);
  if (retrieve >= 0) add({ kind: 'retrieve', question, answerSoFar: answer }, retrieve);
  return found;
}

const keyOf = (request: CritiqueRequest) => JSON.stringify([request.kind, critiquePrompt(request)]);

/** `onClosed` is told once every part that was handed out is closed, and the model with them. */
export function reflectionParts(model: TokenModel, onClosed = () => {}): ReflectionParts {
  const kept = new LRUCache<string, Critique>({ max: KEPT });
  let users = 0;
  let probed: Capabilities | null = null;
  const probe = async (options: CallOptions = {}): Promise<Capabilities> => (probed ??= await model.probe(options));

  /** A part in use: its checks, and the model closed with the last one. */
  function use() {
    let closing: Promise<void> | null = null;
    users += 1;
    const leave = async () => {
      users -= 1;
      if (users > 0) return;
      onClosed();
      await model.close();
    };
    return {
      check(signal?: AbortSignal) {
        if (closing) throw new DiscernError('BACKEND_CLOSED', `${model.id} is closed`);
        throwIfAborted(signal);
      },
      close: () => (closing ??= leave()),
    };
  }

  async function critiques(requests: readonly CritiqueRequest[], options: CallOptions): Promise<Critique[]> {
    const asked = new Map(requests.map((request) => [keyOf(request), request]));
    const known = new Map([...asked.keys()].flatMap((key) => (kept.has(key) ? [[key, kept.get(key)!] as const] : [])));
    const open = [...asked].filter(([key]) => !known.has(key));
    const unread = open.map(([, request]) => ({ prompt: critiquePrompt(request), kind: request.kind }));
    const read = unread.length === 0 ? [] : await model.read(unread, options);
    open.forEach(([key, { kind }], i) => {
      known.set(key, critiqueAt(kind, read[i]!));
    });
    return requests.map((request) => known.get(keyOf(request))!);
  }

  return {
    critic() {
      const { check, close } = use();
      return {
        id: model.id,
        kinds: KINDS,
        predictsContinue: true,
        prepare: async (options) => void (await probe(options)),
        probe,
        async critique<K extends ReflectionKind>(
          requests: readonly CritiqueRequest<K>[],
          { signal }: CallOptions = {},
        ) {
          check(signal);
          const unknown = requests.find(({ kind }) => !KINDS.includes(kind));
          if (unknown)
            throw new DiscernError(
              'CRITIC_KIND_UNSUPPORTED',
              `${model.id} predicts ${KINDS.join(', ')}, not ${unknown.kind}`,
            );
          return requests.length === 0 ? [] : ((await critiques(requests, { signal })) as Critique<K>[]);
        },
        close,
      };
    },
    generator() {
      const { check, close } = use();
      return {
        id: model.id,
        abilities: { logprobs: true, closedBook: true, quotes: false },
        probe,
        async extend(requests, options) {
          check(options.signal);
          if (requests.length === 0) return [];
          const streams = await model.write(requests.map(segmentPrompt), options);
          const segments = streams.map(firstSegment);
          segments.forEach((segment, i) => {
            for (const { request, step } of answeredBy(requests[i]!, segment)) {
              const key = keyOf(request);
              // Equal segments of one level are judged as the first of them.
              if (!kept.has(key)) kept.set(key, critiqueAt(request.kind, step));
            }
          });
          return segments.map(({ text, logprobs, end }) => [
            { text, tokens: logprobs.length, logprobs, end, quoted: null },
          ]);
        },
        close,
      };
    },
  };
}
