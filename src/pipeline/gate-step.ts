import type { Config } from '../config.ts';
import type { CallOptions } from '../contracts.ts';
import { type Evidence, evidenceOf, type RetrieveChoice } from '../stages/evidence.ts';
import { byUtility, gateContext } from '../stages/gate.ts';
import { skipReason } from '../stages/gate-decision.ts';
import type { FactLog } from '../trace.ts';
import type { Decision, GateDecision } from '../types.ts';
import type { Parts } from './parts.ts';

/** Evidence as the gate leaves it: kept, in the order of utility if that is wanted, or marked as dropped or refused. */
export async function gateEvidence(
  question: string,
  evidence: Evidence,
  choice: RetrieveChoice,
  parts: Parts,
  config: Config,
  log: FactLog,
  level: number,
  mayAsk: () => boolean,
  decisions: Decision[],
  options: CallOptions,
): Promise<Evidence> {
  const { gate } = config;
  if (gate.when === 'never' || evidence.passages.length === 0) return evidence;
  const relevance = evidence.passages.flatMap(({ id }) => evidence.isRel.get(id)?.probs.relevant ?? []);
  const best = relevance.length === 0 ? null : Math.max(...relevance);
  const reason = mayAsk()
    ? skipReason(gate, [{ value: best, threshold: config.isRel.threshold }, choice])
    : 'the budget is spent';
  if (reason !== null) {
    log.emit({ type: 'gate-skipped', level, reason });
    return evidence;
  }
  const context = { question, candidates: evidence.candidates, isRel: evidence.isRel };
  const nothing = { sampler: null, entailment: null, estimator: null };
  const decision = await gateContext(context, parts.gate ?? nothing, parts.critics, config, log, mayAsk, options);
  log.emit({ type: 'gate-decided', level, ...decision });
  for (const { passageId, value } of decision.utilities)
    if (value !== null && value < 0)
      log.emit({ type: 'negative-utility', level, passageId, value, measure: decision.measure });
  decisions.push(decisionOf(decision, level));
  const ordered =
    config.rerank.by === 'utility'
      ? evidenceOf(byUtility(evidence.candidates, decision.utilities), evidence.isRel)
      : evidence;
  return { ...ordered, gate: decision.action };
}

const decisionOf = ({ action, value, threshold, measure, reason }: GateDecision, level: number): Decision => ({
  about: 'gate',
  outcome: action,
  value,
  threshold,
  reason: `${measure}: ${reason}`,
  passageId: null,
  level,
});
