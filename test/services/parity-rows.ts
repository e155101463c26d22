import { passageOf } from '../../src/testing/describe-critic.ts';
import type { CritiqueRequest } from '../../src/types.ts';

/** Question, passage, statement, answer so far: of other fields and lengths, in two scripts, some with traps for tokenizers. */
const ROWS: readonly (readonly [string, string, string, string])[] = [
  [
    'Who kept the lamp at Skarn Point?',
    'The lamp at Skarn Point was kept by Ada Holm for thirty years.',
    'Ada Holm kept the lamp.',
    '',
  ],
  [
    'When does the mill at Orre grind rye?',
    'The mill at Orre grinds wheat all week, and rye on Thursdays only, since the stones must be cleaned afterwards.',
    'Rye is ground on Thursdays.',
    'The mill grinds wheat all week.',
  ],
  [
    'How many bridges does Tamsel have?',
    'Tamsel lies on both banks of the Ihle. Of its five bridges two are closed to carts.',
    'Tamsel has three bridges.',
    '',
  ],
  [
    'What is the boiling point of water at sea level?',
    'The harbour master counts the ships every morning at six.',
    'Water boils at 100 degrees Celsius at sea level.',
    'Water boils when its vapour pressure equals that of the air.',
  ],
  [
    'Which metal is liquid at room temperature?',
    'Mercury is the only metal that is liquid at room temperature; gallium melts in the hand.',
    'Mercury is liquid at room temperature.',
    '',
  ],
  [
    'Why do leaves turn yellow in autumn?',
    'In autumn the green chlorophyll in leaves breaks down. The yellow carotenoids, which were there all summer, can then be seen.',
    'Leaves turn yellow because chlorophyll breaks down and carotenoids remain.',
    'In autumn days become shorter.',
  ],
  [
    'What does the function parse() return for an empty string?',
    'parse(text: string): Node | null\n\nReturns the root of the tree; null for "". Throws a SyntaxError at the first character that it cannot read.',
    'It returns null.',
    '',
  ],
  [
    'Who wrote the opera that opened the theatre?',
    'The theatre opened on 3 March 1871 with "The Ferryman", an opera by Clara Wieland, before an audience of 812.',
    'The opera was written by Johann Brand.',
    'The theatre opened in 1871.',
  ],
  ['山上有几座庙？', '山上有三座庙，最老的一座建于明朝，另外两座是后来修的。', '山上有三座庙。', ''],
  [
    'Is the ferry running in winter?',
    'From November to March the ferry does not run; a bus goes around the lake instead, twice a day.',
    'The ferry runs in winter, but only twice a day.',
    '',
  ],
  [
    'How tall is the tower of St. Anne?',
    'St. Anne has a tower of 61.5 m (201 ft 9 in), finished in 1893.',
    'The tower is 61.5 m tall.',
    'The church of St. Anne was built in the nineteenth century.',
  ],
  [
    'What should I pack for a week on the coast?',
    'Knead butter and flour, then bake at 180 degrees until golden.',
    'Pack a raincoat and something warm.',
    '',
  ],
  [
    'Which vitamin is made in the skin by sunlight?',
    'Sunlight on the skin makes vitamin D. Fish and eggs have it as well, though in winter this is rarely enough.',
    'Vitamin D is made in the skin, and fish contains it.',
    '',
  ],
  [
    'Where did the caravans rest?',
    'The caravans rested at the wells of Abu Rem, a day from the salt pans; the next water was four days on.',
    'They rested at the salt pans.',
    'The caravans carried salt.',
  ],
  [
    'Does the licence allow changes?',
    'Permission is granted to use, copy and change the software, provided that this notice stays in all copies.',
    'The licence allows changes if the notice stays.',
    '',
  ],
  [
    'What is 17 times 3?',
    'Seventeen ships came in three convoys that year.',
    '17 times 3 is 51.',
    'Multiplication is repeated addition.',
  ],
  [
    'Who is the director of the institute?',
    'Dr. M. Okafor directs the institute since 2019. Her predecessor, Prof. L. Lind, founded it.',
    'The institute is directed by Prof. L. Lind.',
    '',
  ],
  [
    'How is the cheese kept?',
    'The wheels are kept at 12 °C on spruce boards — turned daily, rubbed with brine every third day — for 90 days.',
    'The cheese is kept on spruce boards at 12 °C.',
    'The cheese is made of raw milk.',
  ],
  [
    'When was the treaty signed?',
    'Talks began in May. The envoys left without a result in June, came back in September, and on the 9th of October the treaty was signed in the old customs house, in the presence of the two consuls and of a crowd that had waited since dawn. It was ratified the year after.',
    'The treaty was signed on the 9th of October.',
    '',
  ],
  [
    'Can you say something nice about my garden?',
    'The soil of the valley is heavy clay over chalk.',
    'Your garden looks lovely, and the roses are a joy.',
    '',
  ],
];

/** Twenty of each kind. */
export const PARITY_REQUESTS: readonly CritiqueRequest[] = ROWS.flatMap(
  ([question, text, segment, answerSoFar], i): CritiqueRequest[] => {
    const passage = passageOf(text, `row-${i}`);
    return [
      { kind: 'isRel', question, passage },
      { kind: 'isSup', question, passage, segment },
      { kind: 'isUse', question, answer: segment },
      { kind: 'retrieve', question, answerSoFar },
    ];
  },
);

export const PARITY_QUESTIONS = ROWS.map(([question, text], i) => ({
  question,
  passage: passageOf(text, `row-${i}`),
}));
