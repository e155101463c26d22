import type { Answer } from '../../../types.ts';
import type { MetricTable } from '../answer-metric.ts';
import { foundShare, isRelevant, judgementsOf, relevantShare } from '../gold.ts';
import { meanOf } from '../ir-means.ts';
import { docIdOf, firstEvent } from '../observed.ts';
import { relevanceObservations } from '../pooled.ts';

/** The documents of the passages that IsREL kept before the first segment, passage by passage. */
const keptDocuments = (answer: Answer): string[] =>
  (firstEvent(answer, 'relevance-decided')?.passages ?? []).flatMap(({ passageId, kept }) =>
    kept ? [docIdOf(answer, passageId)] : [],
  );

export const CRITIC_METRICS: MetricTable = {
  'retrieve.rate': {
    stage: 'critics',
    better: 'lower',
    description: '1 where passages were asked for at any step, else 0; what it costs, not whether it was right',
    of: ({ trace }) => (trace.events.some((event) => event.type === 'retrieve-decided' && event.retrieve) ? 1 : 0),
  },
  'kept.precision': {
    stage: 'critics',
    better: 'higher',
    description:
      'share of the passages kept by IsREL before the first segment whose document is relevant, 0..1; null where none was kept or nobody judged',
    of: (answer, { relevant }) => (relevant === null ? null : relevantShare(keptDocuments(answer), relevant)),
  },
  'kept.recall': {
    stage: 'critics',
    better: 'higher',
    description:
      'share of the relevant documents of which IsREL kept a passage before the first segment, 0..1; 0 where nothing was searched, null where nobody judged',
    of: (answer, gold) => foundShare(keptDocuments(answer), gold),
  },
  'kept.hit': {
    stage: 'critics',
    better: 'higher',
    description:
      '1 where IsREL kept a passage of a relevant document before the first segment, else 0; null where nobody judged',
    of: (answer, gold) => {
      const relevant = judgementsOf(gold);
      if (relevant === null) return null;
      return keptDocuments(answer).some((docId) => isRelevant(relevant, docId)) ? 1 : 0;
    },
  },
  'isRel.accuracy': {
    stage: 'critics',
    better: 'higher',
    description:
      'share of the passages that the critic judged before the first segment and that were kept or dropped rightly, 0..1; null where it judged none or nobody judged',
    of: (answer, gold) =>
      meanOf(relevanceObservations(answer, gold).map(({ kept, relevant }) => (kept === relevant ? 1 : 0))),
  },
  'isRel.brier': {
    stage: 'critics',
    better: 'lower',
    description:
      'mean of (P(relevant) - truth)^2 over the passages that the critic judged before the first segment, 0..1; null where it judged none or nobody judged',
    of: (answer, gold) =>
      meanOf(relevanceObservations(answer, gold).map(({ p, relevant }) => (p - (relevant ? 1 : 0)) ** 2)),
  },
  'gate.keep': {
    stage: 'gate',
    better: 'higher',
    description:
      '1 where the gate kept the first context, 0 where it dropped or refused it; null where it was not asked',
    of: (answer) => {
      const gate = firstEvent(answer, 'gate-decided');
      return gate === null ? null : gate.action === 'keep' ? 1 : 0;
    },
  },
  'gate.right': {
    stage: 'gate',
    better: 'higher',
    description:
      '1 where the gate kept the first context exactly if it holds a passage of a relevant document, else 0; null where it was not asked or nobody judged',
    of: (answer, { relevant }) => {
      const gate = firstEvent(answer, 'gate-decided');
      if (gate === null || relevant === null) return null;
      const helps = keptDocuments(answer).some((docId) => isRelevant(relevant, docId));
      return (gate.action === 'keep') === helps ? 1 : 0;
    },
  },
};
