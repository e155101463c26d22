import { z } from 'zod';

/** An option that is a name or a path. */
export const name = (description: string) => z.string().min(1).meta({ description });

/** An option that bounds something, or does not. */
export const limit = (description: string) => z.number().positive().nullable().default(null).meta({ description });

/** The address of a server; a user or a password in it would go into traces and messages. */
export const address = () =>
  z.url({ protocol: /^https?$/ }).refine((text) => {
    const { username, password } = new URL(text);
    return username === '' && password === '';
  }, 'must hold no user and no password');
