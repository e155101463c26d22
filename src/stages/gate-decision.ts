import type { Config } from '../config.ts';
import type { GateDecision, GateEstimator, GateFeature, GateFeatures, GateMeasure } from '../types.ts';
import type { GateMeasures } from './gate-measures.ts';

type GateConfig = Config['gate'];

/** What a measure is compared with where the config names no threshold: an even chance, or no difference. */
const THRESHOLDS: Readonly<Record<GateMeasure, number>> = {
  ...{ helps: 0.5, disagreement: 0.5, closedBookDoubt: 0.5, supported: 0.5, isRel: 0.5 },
  ...{ entropyReduction: 0, pseudoSeper: 0, isRelMargin: 0, rerank: 0, recall: 0 },
};

export const thresholdOf = ({ measure, threshold }: Pick<GateConfig, 'measure' | 'threshold'>): number =>
  threshold ?? THRESHOLDS[measure];

/** Features that are measured on sampled answers. */
const SAMPLED: readonly GateFeature[] = [
  'entropyReduction',
  'pseudoSeper',
  'disagreement',
  'closedBookDoubt',
  'supported',
];
export const needsSamples = (measure: GateMeasure): boolean => measure === 'helps' || SAMPLED.includes(measure);
export const needsSupport = (measure: GateMeasure): boolean => measure === 'helps' || measure === 'supported';

/**
 * P(context helps), 0..1, and what each feature adds to its log-odds against the mean context, largest first.
 * Null where no sampled feature is known: an estimate of averages would decide by nothing.
 */
export function estimateHelp(
  estimator: GateEstimator,
  features: GateFeatures,
): { value: number; shares: GateDecision['shares'] } | null {
  if (SAMPLED.every((name) => features[name] === null)) return null;
  const known = estimator.features.filter(({ name }) => features[name] !== null);
  const shares = known.map(({ name, mean, scale, weight }) => ({
    feature: name,
    logOdds: (weight * (features[name]! - mean)) / scale,
  }));
  const logOdds = shares.reduce((total, share) => total + share.logOdds, estimator.bias);
  return {
    value: 1 / (1 + Math.exp(-logOdds)),
    shares: shares.sort((a, b) => Math.abs(b.logOdds) - Math.abs(a.logOdds)),
  };
}

/** The value that decides, and how it came about. */
export function gateValue(
  measure: GateMeasure,
  features: GateFeatures,
  estimator: GateEstimator | null,
): { value: number | null; shares: GateDecision['shares'] } {
  if (measure !== 'helps') return { value: features[measure], shares: [] };
  return (estimator && estimateHelp(estimator, features)) ?? { value: null, shares: [] };
}

type Stopping = Pick<GateConfig, 'measure' | 'threshold' | 'risk' | 'refuse'>;

/** The distance from the threshold that is enough after so many samples, as measured for the estimate; null: none is. */
export function marginAt(
  samples: number,
  gate: Pick<Stopping, 'measure' | 'risk'>,
  estimator: GateEstimator | null,
): number | null {
  const rules = (estimator?.stopping ?? []).filter(
    (rule) => rule.measure === gate.measure && rule.samples <= samples && rule.risk <= gate.risk,
  );
  const nearest = Math.max(...rules.map((rule) => rule.samples));
  const margins = rules.filter((rule) => rule.samples === nearest).map(({ margin }) => margin);
  return margins.length === 0 ? null : Math.min(...margins);
}

/**
 * Whether more samples would change the decision with at most `gate.risk` probability. Where the answer may be refused,
 * only keeping settles early: the entropy that drop and refuse differ by cannot be high for a few samples.
 */
export function maySettle(
  value: number | null,
  samples: number,
  gate: Stopping,
  estimator: GateEstimator | null,
): boolean {
  const margin = marginAt(samples, gate, estimator);
  if (value === null || margin === null) return false;
  const distance = value - thresholdOf(gate);
  return Math.abs(distance) >= margin && (distance > 0 || !gate.refuse);
}

/** How many samples of each condition are drawn before the gate looks whether they are enough. */
export function sampleSteps({
  minSamples,
  samples,
  risk,
}: Pick<GateConfig, 'minSamples' | 'samples' | 'risk'>): number[] {
  const steps: number[] = [];
  for (let count = minSamples; risk > 0 && count < samples; count = Math.ceil(count * 1.5)) steps.push(count);
  return [...steps, samples];
}

/**
 * Keeps a context whose measure is strictly above the threshold, also one that cannot be measured. Otherwise it is
 * dropped; or the answer refused, where that is allowed and the answers without context are uncertain too.
 */
export function decideGate(
  { features, entropy, meanings }: GateMeasures,
  gate: GateConfig,
  estimator: GateEstimator | null,
  drawn: { readonly samples: number; readonly utilities: GateDecision['utilities'] },
): GateDecision {
  const { value, shares } = gateValue(gate.measure, features, estimator);
  const threshold = thresholdOf(gate);
  const uncertain = gate.refuse && entropy.without !== null && entropy.without > gate.maxEntropy;
  const [action, reason]: [GateDecision['action'], string] =
    value === null
      ? ['keep', 'the measure is undefined here']
      : value > threshold
        ? ['keep', 'above the threshold']
        : uncertain
          ? ['refuse', 'not above the threshold, and the answers without context are uncertain']
          : ['drop', 'not above the threshold'];
  return {
    ...{ action, measure: gate.measure, value, threshold, reason, features, shares, entropy, meanings },
    ...{ samples: drawn.samples, samplesAtMost: gate.samples, utilities: drawn.utilities },
  };
}

/** Why an uncertain gate lets a context pass unasked: everything is far from its threshold. Null = it is asked. */
export function skipReason(
  gate: Pick<GateConfig, 'when' | 'near'>,
  compared: readonly { readonly value: number | null; readonly threshold: number | null }[],
): string | null {
  if (gate.when === 'never') return 'gate.when is never';
  if (gate.when === 'always') return null;
  const distances = compared.flatMap(({ value, threshold }) =>
    value === null || threshold === null ? [] : [Math.abs(value - threshold)],
  );
  return distances.length > 0 && distances.every((distance) => distance > gate.near)
    ? 'relevance and Retrieve are far from their thresholds'
    : null;
}
