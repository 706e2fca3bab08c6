/** Exceptions as they are asked for and shown. */
import { z } from '@hono/zod-openapi';
import {
  EXCEPTION_LIST_MAX,
  EXCEPTION_PARTS,
  type ExceptionParts,
  WEEKDAYS,
} from '../../schemas/exceptions/alert-exception.js';
import { isMac, parseAddress } from '../../schemas/tables/address-match.js';
import { strictObject } from '../http/strict-object.js';
import { bySchema, idSchema, lines, oneLine } from '../http/text-schemas.js';
import type { ExceptionRow } from '../queries/exception-query.js';
import { timeSchema, timestampSchema } from '../queries/time-range.js';

const list = <Entry extends z.ZodType>(entry: Entry, description: string) =>
  z
    .array(entry)
    .min(1, 'must not be empty; leave it out')
    .max(EXCEPTION_LIST_MAX, `must have at most ${EXCEPTION_LIST_MAX} entries`)
    .optional()
    .openapi({ description });

const addressSchema = z.string().superRefine((text, context) => {
  if (isMac(text)) return;
  try {
    parseAddress(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

const PORT_MAX = 65_535;
const portSchema = z
  .union([z.int().min(0).max(PORT_MAX), z.string()])
  .refine((port) => {
    if (typeof port === 'number') return true;
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(port) ?? [];
    return first !== undefined && Number(first) <= Number(last) && Number(last) <= PORT_MAX;
  }, 'must be a port from 0 to 65535, or a range such as 8000-8100')
  .openapi({ type: 'string', example: '8000-8100' });

const clockSchema = z.string().regex(/^([01]?\d|2[0-3]):[0-5]\d$/, 'must be a time of day, such as 08:30');

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}

const hoursSchema = strictObject({
  from: clockSchema,
  to: clockSchema,
  days: z.array(z.enum(WEEKDAYS)).min(1).max(WEEKDAYS.length).optional(),
  zone: z.string().max(100).refine(isZone, 'must be a time zone, such as Europe/Berlin or UTC'),
}).refine(({ from, to }) => from !== to, 'from and to must differ');

const partsShape = {
  rules: list(oneLine(100), 'Detections, by their ids.'),
  sources: list(addressSchema, 'Addresses, networks or MACs of who does it.'),
  targets: list(
    addressSchema,
    'Addresses or networks of whom it is done to: all that an alert names must be among them.',
  ),
  ports: list(portSchema, 'Destination ports or ranges: all that an alert names must be among them.'),
  capture_nodes: list(oneLine(200), 'Capture nodes: all that saw it must be among them.'),
  sites: list(z.string().max(200), 'Sites.'),
  hours: hoursSchema.optional().openapi({ description: 'A part of the day in a time zone, by the time of capture.' }),
};

const expirySchema = timeSchema
  .optional()
  .openapi({ type: 'string', description: 'Not for what is captured from then on; never expires when left out.' });

const noteSchema = lines(4000)
  .refine((note) => note !== '', 'must say why')
  .openapi({ example: 'Our own scanner' });

export const newExceptionSchema = strictObject({
  ...partsShape,
  expires_at: expirySchema,
  note: noteSchema,
  alert_id: idSchema.optional().openapi({ description: 'The alert that it is made from.' }),
  by: bySchema,
})
  .refine(
    (given) => EXCEPTION_PARTS.some((part) => given[part] !== undefined),
    `must have at least one of ${EXCEPTION_PARTS.join(', ')}; without any it would except everything`,
  )
  .openapi('NewException');

/** What an exception from an alert takes beside the alert. */
export const proposalRequestSchema = strictObject({
  note: lines(4000).optional(),
  expires_at: expirySchema,
  create: z.boolean().default(false).openapi({ description: 'Whether to make it; otherwise it is only shown.' }),
  by: bySchema,
}).openapi('ExceptionFromAlert');

export const proposalSchema = z
  .object({ ...partsShape, expires_at: timestampSchema.optional(), note: z.string(), alert_id: z.string().optional() })
  .openapi('ProposedException');

export const exceptionSchema = z
  .object({
    id: z.string(),
    ...partsShape,
    expires_at: timestampSchema.nullable(),
    note: z.string(),
    alert_id: z.string().nullable().openapi({ description: 'The alert that it was made from.' }),
    created_at: timestampSchema,
    created_by: z.string(),
    deleted_at: timestampSchema.nullable(),
    deleted_by: z.string().nullable(),
    published: z
      .boolean()
      .openapi({ description: 'Whether workers have been told; they heed it within a second then.' }),
  })
  .openapi('Exception');

export type NewExceptionRequest = z.input<typeof newExceptionSchema>;
export type ExceptionProposal = z.infer<typeof proposalSchema>;
export type ExceptionView = z.infer<typeof exceptionSchema>;

export function viewException({ parts, published_at, ...row }: ExceptionRow): ExceptionView {
  return { ...row, ...(parts as Partial<ExceptionView>), published: published_at !== null };
}

/** The parts of what was asked for, without what was left out. */
export function partsOf(given: ExceptionParts): ExceptionParts {
  return Object.fromEntries(
    EXCEPTION_PARTS.flatMap((part) => (given[part] === undefined ? [] : [[part, given[part]]])),
  ) as ExceptionParts;
}
