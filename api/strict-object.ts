/** An object schema that refuses unknown keys and names the nearest known one. */
import { z } from '@hono/zod-openapi';
import { nearestName } from './nearest.js';

export function strictObject<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      return (issue.keys as readonly string[])
        .slice(0, 10)
        .map((key) => {
          const nearest = nearestName(key, known);
          return `"${key.slice(0, 60)}" is unknown${nearest ? `; did you mean ${nearest}?` : `; known are ${known.join(', ')}`}`;
        })
        .join(', ');
    },
  });
}
