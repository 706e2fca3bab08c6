/** `GET /api/fields`: what packets, conversations and alerts are searched by, for whoever completes a search. */
import { createRoute, z } from '@hono/zod-openapi';
import { ALERT_FIELDS, ALERT_FILTER_NAMES } from '../../schemas/tables/alert-fields.js';
import { CONVERSATION_FIELDS } from '../../schemas/tables/conversation-fields.js';
import { CONVERSATION_SEARCH_NAMES } from '../../schemas/tables/conversation-search.js';
import { PACKET_FIELDS, PACKET_FILTER_NAMES } from '../../schemas/tables/packet-fields.js';
import { SEARCH_WORDS } from '../../schemas/tables/search-language.js';
import { strictObject } from '../http/strict-object.js';
import { createRouter, jsonContent, readSecurity, sharedErrors } from './route.js';

const fieldSchema = z
  .object({
    name: z.string(),
    words: z.array(z.string()).openapi({ description: 'Other words for it in a search.' }),
    description: z.string(),
    example: z.string(),
  })
  .openapi('SearchField');

const fieldsSchema = z
  .object({ packets: z.array(fieldSchema), conversations: z.array(fieldSchema), alerts: z.array(fieldSchema) })
  .openapi('SearchFields');
export type SearchFields = z.infer<typeof fieldsSchema>;

const fieldsRoute = createRoute({
  method: 'get',
  path: '/fields',
  operationId: 'listFields',
  summary: 'What packets, conversations and alerts are searched by, with a description and an example of each',
  tags: ['search'],
  security: readSecurity,
  request: { query: strictObject({}) },
  responses: { 200: jsonContent(fieldsSchema, 'The fields of each.'), ...sharedErrors },
});

type Field = z.infer<typeof fieldSchema>;

function fieldsOf(
  fields: Readonly<Record<string, { readonly description: string; readonly example: string }>>,
  names: Readonly<Record<string, string>>,
): Field[] {
  return Object.entries(fields).map(([name, { description, example }]) => ({
    name,
    words: [
      ...Object.entries(names).filter(([word, field]) => field === name && word !== name),
      ...Object.entries(SEARCH_WORDS).filter(([, field]) => names[field] === name),
    ].map(([word]) => word),
    description,
    example,
  }));
}

export function fieldRoutes() {
  const fields = {
    packets: fieldsOf(PACKET_FIELDS, PACKET_FILTER_NAMES),
    conversations: fieldsOf(CONVERSATION_FIELDS, CONVERSATION_SEARCH_NAMES),
    alerts: fieldsOf(ALERT_FIELDS, ALERT_FILTER_NAMES),
  };
  return createRouter().openapi(fieldsRoute, (c) => c.json(fields, 200));
}
