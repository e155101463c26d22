import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { shippedCritic } from './classifier-definition.ts';

/** The absolute folder of the classifier that a name of the config stands for: a shipped one, or a path. Null where there is none. */
export async function classifierFolder(name: string): Promise<string | null> {
  const isPath = /[\\/]/.test(name) || name.startsWith('.');
  const folder = isPath ? resolve(name) : await shippedCritic(name);
  if (folder === null) return null;
  const found = await access(join(folder, 'critic.json')).then(
    () => true,
    () => false,
  );
  return found ? folder : null;
}
