import type { Config } from '../config.ts';
import type { ExtendOptions, ExtendRequest, Generator, SegmentCandidate } from '../contracts.ts';
import { joinSegments } from '../text/join.ts';
import type { FactLog } from '../trace.ts';
import type { CritiqueRequest, Passage, Segment, SegmentScore } from '../types.ts';
import type { BeamCandidate } from './beam.ts';
import { type Critics, critiqueAll } from './critique.ts';
import type { Evidence } from './evidence.ts';
import { selectQuotes } from './quotes.ts';
import { hasNoSupport, scoreSegment } from './score.ts';

/** A segment in the beam: what was written, from which evidence, and its score. */
export interface ScoredSegment {
  readonly segment: Segment;
  readonly score: SegmentScore;
  readonly evidence: Evidence | null;
  readonly noSupport: boolean;
}

export interface Extension {
  readonly path: string;
  readonly segments: readonly string[];
  /** Null: the answer goes on without passages. */
  readonly evidence: Evidence | null;
}

export interface Generators {
  readonly withContext: Generator | null;
  readonly closedBook: Generator | null;
  /** Offers sentences of the passages beside what `withContext` writes. */
  readonly quotes: Generator | null;
}

interface Draft {
  readonly path: string;
  readonly segments: readonly string[];
  readonly evidence: Evidence | null;
  readonly passage: Passage | null;
  readonly candidate: SegmentCandidate;
}

/**
 * One level for all hypotheses: every generator and every critic is called once. The quotes come first, being cheap: a
 * budget that they spend leaves them as the answer. One after the other, so that facts have one order in every run.
 */
export async function extendLevel(
  question: string,
  extensions: readonly Extension[],
  generators: Generators,
  critics: Critics,
  config: Config,
  log: FactLog,
  level: number,
  mayAsk: () => boolean,
  signal: AbortSignal | undefined,
): Promise<Map<string, BeamCandidate<ScoredSegment>[]>> {
  const options: ExtendOptions = {
    maxTokens: config.generate.maxTokens,
    temperature: config.generate.temperature,
    seed: config.generate.seed,
    signal,
  };
  const { withContext, closedBook, quotes } = generators;
  const grounded = extensions.filter(({ evidence }) => evidence !== null);
  const free = extensions.filter(({ evidence }) => evidence === null);
  const competes = config.generate.quotes > 0 && withContext !== null && !withContext.abilities.quotes;
  const quoted = competes ? await draft(question, grounded, quotes, config.generate.quotes, config, options) : [];
  const { quotesPerPassage } = config.generate;
  const generated = mayAsk()
    ? (
        await Promise.all([
          draft(question, grounded, withContext, quotesPerPassage, config, options),
          draft(question, free, closedBook, quotesPerPassage, config, options),
        ])
      ).flat()
    : [];
  log.spendTokens(generated.reduce((sum, { candidate }) => sum + candidate.tokens, 0));
  const drafts = besideQuotes(generated, quoted);
  const written = drafts.filter(({ candidate }) => candidate.text !== '');
  const critiques = await critiqueDrafts(question, written, critics, log, level, mayAsk() ? { signal } : null);

  const result = new Map<string, BeamCandidate<ScoredSegment>[]>(extensions.map(({ path }) => [path, []]));
  const add = (path: string, candidate: BeamCandidate<ScoredSegment>) => result.get(path)!.push(candidate);
  written.forEach((entry, i) => {
    const { path, passage, candidate } = entry;
    const segment: Segment = {
      text: candidate.text,
      tokens: candidate.tokens,
      logprob: candidate.logprobs?.reduce((sum, logprob) => sum + logprob, 0) ?? null,
      passageId: passage?.id ?? null,
      quoted: candidate.quoted,
      critiques: critiques[i]!,
    };
    const score = scoreSegment(segment.critiques, candidate.logprobs, config.weights);
    const noSupport = hasNoSupport(segment.critiques.isSup);
    const id = `${result.get(path)!.length}`;
    add(path, {
      id,
      score: score.total,
      noSupport,
      end: candidate.end,
      value: { segment, score, evidence: entry.evidence, noSupport },
    });
    log.emit({
      type: 'segment-scored',
      level,
      id,
      parent: path,
      passageId: segment.passageId,
      text: segment.text,
      end: candidate.end,
      score,
      dropped: noSupport && config.beam.supportFilter === 'search',
    });
  });
  // An empty ending: the hypothesis may close as it stands, and competes as such.
  for (const { path, segments, candidate } of drafts)
    if (
      candidate.text === '' &&
      candidate.end &&
      segments.length > 0 &&
      !result.get(path)!.some(({ score }) => score === null)
    )
      add(path, { id: 'end', score: null, noSupport: false, end: true, value: null });
  return result;
}

/** What was written, then the quotes. A written sentence that is one of the quotes stays only as the quote. */
function besideQuotes(generated: readonly Draft[], quoted: readonly Draft[]): Draft[] {
  const keyOf = ({ path, candidate }: Draft) => `${path} ${candidate.text}`;
  const known = new Set(quoted.map(keyOf));
  return [...generated.filter((draft) => !known.has(keyOf(draft))), ...quoted];
}

async function draft(
  question: string,
  extensions: readonly Extension[],
  generator: Generator | null,
  perPassage: number,
  config: Config,
  options: ExtendOptions,
): Promise<Draft[]> {
  if (generator === null || extensions.length === 0) return [];
  const requests: ExtendRequest[] = [];
  const owners: Extension[] = [];
  for (const extension of extensions)
    for (const passage of extension.evidence?.passages ?? [null]) {
      requests.push({ question, passage, answerSoFar: extension.segments });
      owners.push(extension);
    }
  const lists = await generator.extend(requests, options);
  const offered = generator.abilities.quotes
    ? chooseQuotes(question, requests, owners, lists, perPassage, config)
    : lists;
  return offered.flatMap((candidates, i) =>
    candidates.map((candidate) => ({
      ...owners[i]!,
      passage: requests[i]!.passage,
      candidate: checkedSpan(candidate, requests[i]!.passage),
    })),
  );
}

/** Quotes are chosen over all passages of a hypothesis together. */
function chooseQuotes(
  question: string,
  requests: readonly ExtendRequest[],
  owners: readonly Extension[],
  lists: SegmentCandidate[][],
  perPassage: number,
  config: Config,
): SegmentCandidate[][] {
  const { quotesBest: best, quoteGain: gain, quoteNear: near, quoteMix: mix } = config.generate;
  const chosen: SegmentCandidate[][] = lists.map(() => []);
  for (const owner of new Set(owners)) {
    const places = owners.flatMap((other, i) => (other === owner ? [i] : []));
    const picked = selectQuotes({
      question,
      answerSoFar: owner.segments,
      offers: places.map((place) => ({ passage: requests[place]!.passage!, candidates: lists[place]! })),
      perPassage,
      best,
      gain,
      near,
      mix,
    });
    places.forEach((place, i) => {
      chosen[place] = picked[i]!;
    });
  }
  return chosen;
}

/** A span that is not in the passage is never shown as a quote. */
function checkedSpan(candidate: SegmentCandidate, passage: Passage | null): SegmentCandidate {
  const { quoted, text } = candidate;
  if (quoted === null) return candidate;
  const exact =
    passage !== null && passage.text.slice(quoted.start - passage.span.start, quoted.end - passage.span.start) === text;
  return exact ? candidate : { ...candidate, quoted: null };
}

/**
 * The quoted sentence as a passage of its own: IsREL of a quote is asked on it (ALGORITHM: question, sentence). It keeps
 * title and heading, which often name what the sentence only points at.
 */
const quotePassage = (passage: Passage, { text, quoted }: SegmentCandidate): Passage => ({
  ...passage,
  id: `${passage.id}:${quoted!.start}-${quoted!.end}`,
  text,
  span: quoted!,
});

async function critiqueDrafts(
  question: string,
  drafts: readonly Draft[],
  critics: Critics,
  log: FactLog,
  level: number,
  options: { signal: AbortSignal | undefined } | null,
): Promise<Segment['critiques'][]> {
  const requests: CritiqueRequest[] = [];
  const places = drafts.map(({ passage, candidate, segments }) => {
    const ask = (request: CritiqueRequest) => requests.push(request) - 1;
    return {
      isRel:
        passage !== null && candidate.quoted !== null
          ? ask({ kind: 'isRel', question, passage: quotePassage(passage, candidate) })
          : null,
      isSup: passage !== null ? ask({ kind: 'isSup', question, passage, segment: candidate.text }) : null,
      isUse: ask({ kind: 'isUse', question, answer: joinSegments([...segments, candidate.text]) }),
    };
  });
  const critiques = options === null ? [] : await critiqueAll(requests, critics, options);
  const usable = (place: number | null) => {
    const critique = place === null ? null : (critiques[place] ?? null);
    if (critique?.undecided)
      log.emit({ type: 'degraded', level, role: critique.kind, reason: 'undecided: its term is left out' });
    return critique === null || critique.undecided ? undefined : critique;
  };
  return drafts.map(({ evidence, passage }, i) => {
    const asked = places[i]!;
    const isRel = asked.isRel === null && passage !== null ? evidence?.isRel.get(passage.id) : usable(asked.isRel);
    const isSup = usable(asked.isSup);
    const isUse = usable(asked.isUse);
    return { ...(isRel && { isRel }), ...(isSup && { isSup }), ...(isUse && { isUse }) } as Segment['critiques'];
  });
}
