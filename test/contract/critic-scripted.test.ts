import { describeCritic } from '../../src/testing/describe-critic.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';

describeCritic('scripted', () => scriptedCritic());
