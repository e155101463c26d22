import { z } from 'zod';

/** An option that is a name or a path. */
export const name = (description: string) => z.string().min(1).meta({ description });

/** An option that bounds something, or does not. */
export const limit = (description: string) => z.number().positive().nullable().default(null).meta({ description });
