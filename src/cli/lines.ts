export { readLines, splitLines } from '../evaluate/data/lines.ts';
