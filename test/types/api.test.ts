import { describe, expectTypeOf, it } from 'vitest';
import type {
  Answer,
  ConfigInput,
  Critic,
  Critique,
  CritiqueRequest,
  Distribution,
  Label,
  Rag,
} from '../../src/index.ts';

/** Checked by `tsc --noEmit`: what a user's program may rely on. */
describe('types', () => {
  it('labels and distributions belong to their token', () => {
    expectTypeOf<Label<'isSup'>>().toEqualTypeOf<'fully' | 'partially' | 'none'>();
    expectTypeOf<keyof Distribution<'retrieve'>>().toEqualTypeOf<'yes' | 'no' | 'continue'>();
    expectTypeOf<Critique<'isRel'>['probs']['relevant']>().toEqualTypeOf<number>();
    // @ts-expect-error: a label of another token
    type _Wrong = Critique<'isRel'>['probs']['fully'];
  });

  it('a request has exactly the inputs of its token', () => {
    expectTypeOf<keyof CritiqueRequest<'isUse'>>().toEqualTypeOf<'kind' | 'question' | 'answer'>();
    expectTypeOf<CritiqueRequest<'isSup'>>().toHaveProperty('segment').toEqualTypeOf<string>();
  });

  it('an answer says why it is none, and config knows its options', () => {
    expectTypeOf<Rag['ask']>().returns.resolves.toEqualTypeOf<Answer>();
    expectTypeOf<Answer['unanswered']>().extract<null>().toEqualTypeOf<null>();
    expectTypeOf<{ retrieve: { mode: 'sometimes' } }>().not.toExtend<ConfigInput>();
    expectTypeOf<Critic['critique']>().toBeFunction();
  });
});
