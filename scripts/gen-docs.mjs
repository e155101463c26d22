// Writes docs/options.md from the config schema. Run by `npm run gen`, after a build.
import { writeFileSync } from 'node:fs';
import { optionsPage } from '../dist/cli/options.js';

writeFileSync(new URL('../docs/options.md', import.meta.url), optionsPage());
