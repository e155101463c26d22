import { DiscernError } from '../errors.ts';
import { type Critique, type CritiqueRequest, type Passage, REFLECTIONS, type ReflectionKind } from '../types.ts';
import { operation, type Server, tooLong } from './operation.ts';
import { SystemOneBody, SystemOneRequest } from './schemas.ts';

/** The names that the decision critic gives its questions, and those of the tokens. */
const KINDS: Readonly<Record<string, ReflectionKind>> = {
  ...{ retrieve: 'retrieve', isRel: 'isRel', isSup: 'isSup', isUse: 'isUse' },
  ...{ retrieval: 'retrieve', relevance: 'isRel', support: 'isSup', usefulness: 'isUse' },
};
const TYPES = { retrieve: 'choice', isRel: 'noul', isSup: 'choice', isUse: 'score' } as const;

type State = Readonly<Record<string, string | undefined>>;

function requestOf(kind: ReflectionKind, state: State): CritiqueRequest {
  const text = (name: string): string => {
    const value = state[name];
    if (value !== undefined) return value;
    throw new DiscernError('INPUT_INVALID', `the state has no "${name}", which ${kind} is about`);
  };
  const question = text('question');
  switch (kind) {
    case 'retrieve':
      return { kind, question, answerSoFar: state.answerSoFar ?? '' };
    case 'isRel':
      return { kind, question, passage: passageOf(text('passage')) };
    case 'isSup':
      return { kind, question, passage: passageOf(text('passage')), segment: text('statement') };
    case 'isUse':
      return { kind, question, answer: text('answer') };
  }
}

const passageOf = (text: string): Passage => ({
  ...{ id: 'given', docId: 'given', text, title: null, span: { start: 0, end: text.length } },
  ...{ page: null, heading: null, metadata: {} },
});

/** The options of a question must be the labels of the token: a critic that was trained for them knows no others. */
function checkOptions(name: string, kind: ReflectionKind, type: string, criteria: unknown): void {
  const wanted = TYPES[kind];
  const wrong = (what: string) =>
    new DiscernError('INPUT_INVALID', `question "${name}": ${what}`, {
      hint: 'this server decides by critics of its own: retrieval (choice), relevance (noul), support (choice), usefulness (score)',
    });
  if (type !== wanted) throw wrong(`${kind} is of the type ${wanted}, not ${type}`);
  if (wanted === 'choice') {
    const labels: readonly string[] = REFLECTIONS[kind];
    const given = typeof criteria === 'object' && criteria !== null ? Object.keys(criteria) : labels;
    if (given.length !== labels.length || given.some((label) => !labels.includes(label)))
      throw wrong(`its options are ${labels.join(', ')}`);
  }
  if (wanted === 'score' && Array.isArray(criteria) && criteria.length !== 5) throw wrong('it has five levels');
}

/** 0 where all options are as likely as each other, 1 where one is sure. */
function confidenceOf(probabilities: readonly number[]): number {
  const flat = 1 / probabilities.length;
  return (Math.max(...probabilities) - flat) / (1 - flat);
}

function answerOf({ kind, probs, mass }: Critique, criteria: unknown) {
  const said = probs as Readonly<Record<string, number>>;
  if (kind === 'isRel') return { type: 'noul' as const, noul: said.relevant!, label_mass: mass };
  const entries = Object.entries(said);
  const confidence = confidenceOf(entries.map(([, value]) => value));
  if (kind !== 'isUse') {
    const [choice] = entries.reduce((best, one) => (one[1] > best[1] ? one : best));
    return { type: 'choice' as const, choice, probabilities: said, confidence, label_mass: mass };
  }
  const levels = REFLECTIONS.isUse.map((label, level) => [String(level), said[label]!] as const);
  return {
    ...{ type: 'score' as const, score: levels.reduce((sum, [level, value]) => sum + Number(level) * value, 0) },
    ...{ legend: Array.isArray(criteria) ? criteria.map(String) : [...REFLECTIONS.isUse] },
    ...{ probabilities: Object.fromEntries(levels), confidence, label_mass: mass },
  };
}

/** `POST /v1/systemone`: the critics of this server as a decision model, in the form of System One. */
export function addSystemOne({ app, rag, model, limits, admission }: Server): void {
  const route = operation({
    ...{ path: '/v1/systemone', summary: 'Asks the critics about one state; answers are probabilities' },
    ...{ request: SystemOneRequest, response: SystemOneBody },
  });
  app.openapi(route, async (c) => {
    const { state, questions } = c.req.valid('json');
    const names = Object.keys(questions);
    tooLong('questions', names.length, limits.documents);
    for (const text of Object.values(state)) tooLong('characters of a state', text?.length ?? 0, limits.bodyBytes);
    const requests = names.map((name) => {
      const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
      if (kind === undefined)
        throw new DiscernError('INPUT_INVALID', `there is no critic for the question "${name.slice(0, 60)}"`, {
          hint: 'questions are called retrieval, relevance, support or usefulness',
        });
      checkOptions(name, kind, questions[name]!.type, questions[name]!.criteria);
      return requestOf(kind, state);
    });
    const said = await admission.admit(c.req.raw.signal, (signal) => rag.critique(requests, { signal }));
    const answers = Object.fromEntries(names.map((name, i) => [name, answerOf(said[i]!, questions[name]!.criteria)]));
    return c.json({ model, answers, usage: { input_tokens: 0, output_tokens: 0 } }, 200);
  });
}
