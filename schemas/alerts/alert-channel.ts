/**
 * How stored alerts are announced within Postgres: whoever changes a row of `alerts` notifies this channel in the same
 * transaction, so that listeners hear of it when it is committed and can be read. The payload is ids of alerts, separated
 * by spaces; an empty one says that some have changed.
 */
export const ALERT_CHANNEL = 'nta_alerts';

/** Postgres takes payloads of less than 8,000 bytes. */
const PAYLOAD_BYTES_MAX = 7_900;

/** The payloads that announce these alerts, each small enough. */
export function alertPayloads(ids: Iterable<string>): string[] {
  const payloads: string[] = [];
  let payload = '';
  for (const id of new Set(ids)) {
    if (/\s/.test(id) || Buffer.byteLength(id) > PAYLOAD_BYTES_MAX) return [''];
    const longer = payload === '' ? id : `${payload} ${id}`;
    if (Buffer.byteLength(longer) <= PAYLOAD_BYTES_MAX) {
      payload = longer;
    } else {
      payloads.push(payload);
      payload = id;
    }
  }
  if (payload !== '') payloads.push(payload);
  return payloads;
}

/** The ids of a payload; null when it names none. */
export function alertIdsOf(payload: string | undefined): string[] | null {
  return payload ? payload.split(' ') : null;
}
