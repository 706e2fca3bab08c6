/**
 * The filter of packets: the table of fields gives the parameters of `GET /api/packets` and the body of
 * `POST /api/packets/search`, which can also be combined with and, or and not.
 */
import { z } from '@hono/zod-openapi';
import { allOf, anyOf, not, type PacketCondition } from '../../schemas/tables/packet-condition.js';
import {
  PACKET_FIELDS,
  PACKET_FILTER_NAMES,
  type PacketFieldName,
  type PacketFilterName,
  parsePacketField,
} from '../../schemas/tables/packet-fields.js';
import { strictObject } from '../http/strict-object.js';
import {
  bodyShapeOf,
  conditionsOf,
  type Expression,
  type FilterTable,
  queryShapeOf,
  SEARCH_DEPTH_MAX,
  SEARCH_NODES_MAX,
} from './filter-shapes.js';

const TABLE: FilterTable<PacketFilterName, PacketFieldName, PacketCondition> = {
  names: PACKET_FILTER_NAMES,
  fields: PACKET_FIELDS,
  parse: parsePacketField,
};

/** The fields as parameters of a query string. */
export const packetQueryShape = queryShapeOf(TABLE);

/** The fields of a JSON body: a value or a list of values, of which any matches. */
export const packetBodyShape = bodyShapeOf(TABLE);

export type PacketExpression = Expression<PacketFilterName, PacketCondition>;

const nested = z.lazy(() => packetExpressionSchema);

/** Fields beside each other must all match; `and`, `or` and `not` combine further expressions. */
export const packetExpressionSchema: z.ZodType<PacketExpression> = strictObject({
  ...packetBodyShape,
  and: z.array(nested).min(1, 'must not be empty').optional(),
  or: z.array(nested).min(1, 'must not be empty').optional(),
  not: nested.optional(),
}).openapi('PacketExpression', {
  description: `A filter of packets. Fields beside each other must all match; and, or and not combine further expressions. At most ${SEARCH_NODES_MAX} expressions, ${SEARCH_DEPTH_MAX} deep.`,
});

/** What packets of an expression must meet. */
export const packetCondition = conditionsOf(Object.keys(PACKET_FILTER_NAMES) as PacketFilterName[], {
  allOf,
  anyOf,
  not,
});
