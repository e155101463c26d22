/** Of this package, for the spans; a test holds it against package.json. */
export const VERSION = '0.1.0';
