import { z } from 'zod';
import type { ConfigInput } from '../../config.ts';
import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { replayWithCritics } from '../../replay/critics.ts';
import { critiqueAll } from '../../stages/critique.ts';
import { keyOf } from '../../text/hash.ts';
import { passageText } from '../../text/passage.ts';
import { recordCritic } from '../../trace/record.ts';
import { createFactLog, factSource } from '../../trace.ts';
import {
  type Answer,
  type Critique,
  type CritiqueRequest,
  type Passage,
  REFLECTIONS,
  type ReflectionKind,
  type Trace,
} from '../../types.ts';
import { unlessMissing } from '../critics/compare-ask.ts';
import { wideSettings } from '../wide.ts';

export const KINDS = Object.keys(REFLECTIONS) as ReflectionKind[];

/** Probabilities by label, in the order of the kind's labels. */
export type Probs = Readonly<Record<string, number>>;

/** What one critic said of a request. */
export interface Said {
  readonly probs: Probs;
  /** Before calibration; absent where `probs` is that already. */
  readonly raw?: Probs;
  readonly mass: number;
  readonly basis?: 'stated' | 'sampled';
  /** 0..1, of a critic that is made of several. */
  readonly disagreement?: number;
}

/** A distinct request to critics, whoever was asked and how often. */
export interface AskedRequest {
  readonly id: string;
  readonly request: CritiqueRequest;
  /** The passage is a quoted sentence, not a passage of the index. */
  readonly isSentence: boolean;
  /** Documents that its texts are from: of its passage, and of what its answer was written from. */
  readonly docIds: ReadonlySet<string>;
  readonly sources: ReadonlySet<string>;
  /** By critic id: what is fit to be learnt from. */
  readonly teachers: ReadonlyMap<string, Said>;
  /** By the id of the critic that really spoke: what was said in place of another that failed. */
  readonly standIns: ReadonlyMap<string, Said>;
  /** Ids of critics that could not decide it. */
  readonly undecided: ReadonlySet<string>;
  /** Thresholds that decided about it: of isRel for passages, of retrieve. */
  readonly thresholds: ReadonlySet<number>;
}

/** A question with the answer that was given. */
export interface RecordedAnswer {
  readonly traceId: string;
  readonly question: string;
  readonly source: string;
  readonly segments: readonly { readonly text: string; readonly passage: Passage | null }[];
}

export interface Collection {
  readonly asked: ReadonlyMap<string, AskedRequest>;
  readonly answers: readonly RecordedAnswer[];
  /** Times that a critic said of the same request something else than before; what it said first stays. */
  readonly conflicts: number;
  /** Critiques in the traces that are of no request that could be rebuilt. */
  readonly unexplained: number;
  /** Adds a trace of this file. Throws REPLAY_FACT_MISSING where the trace cannot be answered again. */
  add(trace: Trace, source: string, options?: CallOptions): Promise<void>;
}

/** The text that a person, or the model behind a critic, judges. */
export function subjectOf(request: CritiqueRequest): string {
  switch (request.kind) {
    case 'retrieve':
      return request.answerSoFar;
    case 'isRel':
      return '';
    case 'isSup':
      return request.segment;
    case 'isUse':
      return request.answer;
  }
}

/** Identifies a request by its texts, so that it is the same in traces over different indexes. */
export const requestId = (request: CritiqueRequest): string => {
  const passage = 'passage' in request ? passageText(request.passage) : null;
  return keyOf({ kind: request.kind, question: request.question, passage, subject: subjectOf(request) }).slice(0, 24);
};

interface Growing extends AskedRequest {
  readonly docIds: Set<string>;
  readonly sources: Set<string>;
  readonly teachers: Map<string, Said>;
  readonly standIns: Map<string, Said>;
  readonly undecided: Set<string>;
  readonly thresholds: Set<number>;
}

/** What `discern run --wide` covers unless it is told otherwise. */
const WIDE = { settings: 24, seed: 0 };

/** Gathers what critics were asked, and what they said, from traces. No model is asked. */
export function createCollection(): Collection {
  const asked = new Map<string, Growing>();
  const answers: RecordedAnswer[] = [];
  let conflicts = 0;
  let unexplained = 0;

  function place(request: CritiqueRequest, trace: Trace): Growing {
    const id = requestId(request);
    const known = asked.get(id);
    if (known !== undefined) return known;
    const empty = { docIds: new Set<string>(), sources: new Set<string>(), undecided: new Set<string>() };
    const fresh: Growing = {
      ...{ id, request, ...empty, teachers: new Map(), standIns: new Map(), thresholds: new Set() },
      isSentence: request.kind === 'isRel' && trace.passages[request.passage.id] === undefined,
    };
    asked.set(id, fresh);
    return fresh;
  }

  function hear(at: Growing, backend: string, critique: Critique): void {
    if (critique.undecided !== undefined) {
      at.undecided.add(backend);
      return;
    }
    // What another critic said is not the word of the one that was asked.
    const [said, id] = critique.degraded === undefined ? [at.teachers, backend] : [at.standIns, critique.by ?? backend];
    const [before, now] = [said.get(id), saidOf(critique)];
    if (before === undefined) said.set(id, now);
    else if (Object.entries(now.probs).some(([label, p]) => Math.abs(p - before.probs[label]!) > 1e-6)) conflicts += 1;
  }

  return {
    asked,
    answers,
    get conflicts() {
      return conflicts;
    },
    get unexplained() {
      return unexplained;
    },
    async add(trace, source, options = {}) {
      const { critics, left } = recordedCritics(trace);
      const requests = new Map<string, CritiqueRequest>();
      const listen = async (change: ConfigInput) => {
        const before = requests.size;
        const answer = await askedOf(trace, change, requests, options);
        for (const request of [...requests.values()].slice(before)) {
          const at = place(request, trace);
          at.sources.add(source);
          const threshold = thresholdOf(request.kind, at.isSentence, trace);
          if (threshold !== null) at.thresholds.add(threshold);
          for (const critic of critics) {
            const only = { retrieve: critic, isRel: critic, isSup: critic, isUse: critic };
            const said = await unlessMissing(critiqueAll([request], only, options));
            if (said?.[0]) hear(at, critic.id, said[0]);
          }
        }
        return answer;
      };
      const answer = (await listen({}))!;
      // A trace that was recorded wide holds what other settings asked.
      for (const change of left() > 0 ? wideSettings(answer, WIDE) : []) if (left() > 0) await listen(change);
      unexplained += left();
      const writtenFrom = [...requests.values()].flatMap((request) =>
        request.kind === 'isSup' ? [[request.segment, request.passage.docId] as const] : [],
      );
      for (const request of requests.values())
        for (const docId of documentsOf(request, writtenFrom)) asked.get(requestId(request))!.docIds.add(docId);
      if (answer.unanswered === null && answer.segments.length > 0)
        answers.push({
          ...{ traceId: trace.id, question: trace.question, source },
          segments: answer.segments.map(({ text, passageId }) => ({
            text,
            passage: passageId === null ? null : (trace.passages[passageId] ?? null),
          })),
        });
    },
  };
}

const Raw = z.record(z.string(), z.number().min(0).max(1));

function saidOf({ kind, probs, raw, mass, basis, disagreement }: Critique): Said {
  const ordered = (given: Probs) => Object.fromEntries(REFLECTIONS[kind].map((label) => [label, given[label] ?? 0]));
  const before = Raw.safeParse(raw);
  return {
    probs: ordered(probs),
    ...(before.success && { raw: ordered(before.data) }),
    mass,
    ...(basis !== undefined && { basis }),
    ...(disagreement !== undefined && { disagreement }),
  };
}

/**
 * The answer of a trace under a change of its settings, with every distinct request to its critics put into `requests`.
 * Null where the trace does not go so far; throws REPLAY_FACT_MISSING where that is without a change.
 */
async function askedOf(
  trace: Trace,
  change: ConfigInput,
  requests: Map<string, CritiqueRequest>,
  options: CallOptions,
): Promise<Answer | null> {
  const collecting = (critic: Critic): Critic => ({
    ...critic,
    critique: (asked, call) => {
      for (const request of asked) requests.set(`${requestId(request)} ${passageIdOf(request)}`, request);
      return critic.critique(asked, call);
    },
  });
  const answer = replayWithCritics(
    trace,
    (recorded) => {
      // One critic for several tokens stays one, so that it is asked in one call.
      const made = new Map(Object.values(recorded).map((critic) => [critic, critic && collecting(critic)]));
      const of = (kind: ReflectionKind) => made.get(recorded[kind])!;
      return { retrieve: of('retrieve'), isRel: of('isRel'), isSup: of('isSup'), isUse: of('isUse') };
    },
    change,
    options,
  );
  return Object.keys(change).length === 0 ? answer : unlessMissing(answer);
}

const passageIdOf = (request: CritiqueRequest): string => ('passage' in request ? request.passage.id : '');

/** Every critic with a word in the trace, shadows too, each speaking from its facts alone; and how many of these are left. */
function recordedCritics(trace: Trace): { readonly critics: readonly Critic[]; left(): number } {
  const source = factSource(trace);
  const said = [...source.facts.values()].filter(({ role }) => role === 'critique');
  const log = createFactLog({ source });
  const critics = [...new Set(said.map(({ backend }) => backend))].map((id) =>
    recordCritic(
      {
        ...{ id, kinds: KINDS },
        critique: () => Promise.reject(new DiscernError('REPLAY_FACT_MISSING', `${id} was not asked this`)),
        close: async () => {},
      },
      log,
    ),
  );
  return { critics, left: () => said.length - log.facts.length };
}

function documentsOf(request: CritiqueRequest, writtenFrom: readonly (readonly [string, string])[]): string[] {
  if ('passage' in request) return [request.passage.docId];
  const written = request.kind === 'isUse' ? request.answer : request.answerSoFar;
  return writtenFrom.flatMap(([segment, docId]) => (written.includes(segment) ? [docId] : []));
}

function thresholdOf(kind: ReflectionKind, isSentence: boolean, { config }: Trace): number | null {
  if (kind === 'retrieve') return config.retrieve.threshold;
  return kind === 'isRel' && !isSentence ? config.isRel.threshold : null;
}
