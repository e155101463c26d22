export function generate(lock: Readonly<Record<string, string>>): { source: string; lock: string };
