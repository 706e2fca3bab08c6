/** An object schema that refuses unknown keys; the message has a line a key, in their order, that names the nearest known one. */
import { z } from '@hono/zod-openapi';
import { nearestName } from '../../schemas/tables/nearest.js';

export function strictObject<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      return (issue.keys as readonly string[])
        .map((key) => {
          const nearest = nearestName(key, known);
          return nearest ? `is unknown; did you mean ${nearest}?` : `is unknown; known are ${known.join(', ')}`;
        })
        .join('\n');
    },
  });
}
