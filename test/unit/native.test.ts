import { expect, it } from 'vitest';
import { absence } from '../../src/backends/native.ts';

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

it.each([
  [coded('ERR_MODULE_NOT_FOUND'), 'is not installed'],
  [coded('MODULE_NOT_FOUND'), 'has no native code for this system'],
  [coded('ERR_DLOPEN_FAILED', 'libx.so: no such file\nat x'), 'cannot be loaded (libx.so: no such file)'],
  [new Error('Could not locate the bindings file. Tried:\n → addon.node'), 'was installed without being compiled'],
  [new TypeError('x is not a function'), null],
  ['thrown text', null],
])('absence of %s', (error, words) => {
  expect(absence(error)).toBe(words);
});
