import { classifierEntailment } from '../../src/backends/entailment/classifier.ts';
import { describeEntailment } from '../../src/testing/describe-entailment.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';
import { countingClassifier } from '../fixtures/counting-classifier.ts';

describeEntailment('scripted', () => scriptedEntailment());
describeEntailment('scripted, NLI only', () => scriptedEntailment({}, { outputs: ['entail'] }));
describeEntailment('scripted, equivalence only', () => scriptedEntailment({}, { outputs: ['equivalent'] }));

describeEntailment('classifier', () => classifierEntailment(countingClassifier().classifier), {
  skip: [
    {
      test: 'gets easy pairs of entail right',
      reason: 'this one counts common words, so it knows no contradiction',
    },
  ],
});
