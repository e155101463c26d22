const WIDE_END = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}。！？；：，、」』”）]$/u;

/** Segments to one text: a blank between them, none after Chinese or Japanese writing. */
export const joinSegments = (texts: readonly string[]): string =>
  texts.reduce(
    (joined, text) =>
      joined === '' || text === '' ? joined + text : joined + (WIDE_END.test(joined) ? '' : ' ') + text,
    '',
  );
