/**
 * Other names that fields of filters are asked by: what people and other tools call them. They stand beside the names of
 * `packet-fields.ts` and `alert-fields.ts`; a filter that has both asks for both.
 */
export const FIELD_WORDS = {
  ip: 'host',
  ip_range: 'host',
  source_ip: 'source',
  dest_ip: 'destination',
  destination_ip: 'destination',
  ports: 'port',
  source_ports: 'source_port',
  dest_port: 'destination_port',
  dest_ports: 'destination_port',
  destination_ports: 'destination_port',
  protocols: 'protocol',
} as const;

type FieldWord = keyof typeof FIELD_WORDS;

/** The names of some fields, and the other names of these. */
export type NameOf<Field extends string> =
  | Field
  | { [Word in FieldWord]: (typeof FIELD_WORDS)[Word] extends Field ? Word : never }[FieldWord];

/** Every name that some fields are asked by, and the field that it means. */
export function namesOf<Field extends string>(fields: readonly Field[]): Readonly<Record<NameOf<Field>, Field>> {
  const names = new Map<string, Field>(fields.map((field) => [field, field]));
  for (const [word, meant] of Object.entries(FIELD_WORDS)) {
    const field = fields.find((known) => known === meant);
    if (field !== undefined) names.set(word, field);
  }
  return Object.fromEntries(names) as Record<NameOf<Field>, Field>;
}
