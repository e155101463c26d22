import { describeIndex } from '../../src/testing/describe-index.ts';
import { memoryIndex } from '../../src/testing/memory-index.ts';

const reason = 'nothing is kept';
describeIndex('memory', ({ dimensions }) => memoryIndex({ dimensions }), {
  skip: [
    { test: 'reopened: everything is as it was', reason },
    { test: 'reopened: hostile texts are the same', reason },
    { test: 'reopened: much change leaves what is left', reason },
  ],
});
