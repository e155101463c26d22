import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { Scope, Token } from './options.ts';

/** Who asks: the name of a token, or nobody in particular. */
export interface Bearer {
  readonly name: string;
  readonly scopes: readonly Scope[];
}

const ANYBODY: Bearer = { name: 'anybody', scopes: ['admin'] };

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();

/** Finds the bearer of a token. Every known token is compared, each in constant time. */
export function bearers(tokens: readonly Token[]): (given: string | undefined) => Bearer | null {
  const known = tokens.map(({ token, name, scopes }) => ({ hash: digest(token), bearer: { name, scopes } }));
  return (given) => {
    if (known.length === 0) return ANYBODY;
    const hash = digest(given ?? '');
    let found: Bearer | null = null;
    for (const one of known) if (timingSafeEqual(one.hash, hash)) found = one.bearer;
    return found;
  };
}

const tokenOf = (header: string | undefined): string | undefined => /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];

export interface Variables {
  bearer: Bearer;
}

/** Lets through who has the scope: 401 without a known token, 403 without the scope. */
export function allow(find: ReturnType<typeof bearers>, scope: Scope): MiddlewareHandler<{ Variables: Variables }> {
  return async (c, next) => {
    const bearer = find(tokenOf(c.req.header('authorization')));
    if (bearer === null) throw new HTTPException(401, { message: 'this needs a token: Authorization: Bearer …' });
    if (!bearer.scopes.includes(scope) && !bearer.scopes.includes('admin'))
      throw new HTTPException(403, { message: `the token "${bearer.name}" lacks the scope ${scope}` });
    c.set('bearer', bearer);
    await next();
  };
}
