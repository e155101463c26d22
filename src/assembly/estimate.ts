/** The parts that an estimate was fitted for and that are others here, as words; none where it fits. */
export const othersThanFitted = (
  fittedFor: Readonly<Record<string, string>>,
  made: Readonly<Record<string, string | undefined>>,
): readonly string[] => Object.entries(fittedFor).flatMap(([role, id]) => (made[role] === id ? [] : [`${role} ${id}`]));
