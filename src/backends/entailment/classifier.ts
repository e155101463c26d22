import type { CallOptions, Entailment, EntailmentRequest } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { Classifier, HeadRequest } from '../classifier.ts';
import { inBothOrders } from './equivalence.ts';
import { nliText } from './nli-text.ts';

/**
 * Our small encoder as a judge of two answers, with calibrated probabilities of the heads that it has. `equivalent` reads
 * each pair in both orders and takes the mean of the log-odds.
 * It owns nothing: the classifier stays open.
 */
export function classifierEntailment(classifier: Classifier): Entailment {
  const outputs = (['entail', 'equivalent'] as const).filter((head) => classifier.has(head));
  if (outputs.length === 0)
    throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${classifier.id} has neither a head entail nor equivalent`);
  let closed = false;

  function check(output: (typeof outputs)[number], signal: AbortSignal | undefined): void {
    if (closed) throw new DiscernError('BACKEND_CLOSED', `the entailment model ${classifier.id} is closed`);
    throwIfAborted(signal);
    if (!outputs.includes(output))
      throw new DiscernError('INPUT_INVALID', `${classifier.id} gives ${outputs.join(', ')}, not ${output}`);
  }

  return {
    id: classifier.id,
    outputs,
    async entail(requests, options: CallOptions = {}) {
      check('entail', options.signal);
      const answers = await classifier.probabilities('entail', requests.map(nliRequest), options);
      return answers.map(({ calibrated: [contradiction, neutral, entailment] }) => ({
        contradiction: contradiction!,
        neutral: neutral!,
        entailment: entailment!,
      }));
    },
    async equivalent(requests, options: CallOptions = {}) {
      check('equivalent', options.signal);
      return inBothOrders(requests, async (pairs) => {
        const asked = pairs.map(
          ({ question, first, second }): HeadRequest => ({ first: [question, first], last: second }),
        );
        const answers = await classifier.probabilities('equivalent', asked, options);
        return answers.map(({ calibrated }) => calibrated[0]!);
      });
    },
    async close() {
      closed = true; // the classifier belongs to whoever made it
    },
  };
}

/** The head reads the hypothesis first and the premise, the longer one, last; a question of its own it never had. */
const nliRequest = ({ question, first, second }: EntailmentRequest): HeadRequest => ({
  first: ['', nliText(question, second)],
  last: nliText(question, first),
});
