/** The schema registry of a process: asked once at its start, where the settings name one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { registerSchemas, SchemaRegistryError } from '../../schemas/packets/schema-registry.js';
import { topicName } from '../../schemas/topics.js';
import { Failure, messageOf } from '../process/failure.js';
import type { Logger } from '../process/log.js';
import type { KafkaSettings } from './client.js';

const PAUSE_MS = 10_000;

/**
 * Registers the schemas of `packets`, so that this process writes records in the registry's framing and reads them; does
 * nothing without `--schema-registry-url`.
 *
 * @throws Failure `SCHEMA_REGISTRY`, retriable when the registry did not answer or had trouble of its own.
 */
export async function prepareSchemas(settings: KafkaSettings): Promise<void> {
  if (settings.schemaRegistryUrl === '') return;
  try {
    await registerSchemas(settings.schemaRegistryUrl, topicName('packets', settings.topicPrefix));
  } catch (error) {
    if (!(error instanceof SchemaRegistryError)) throw error;
    throw new Failure(
      'SCHEMA_REGISTRY',
      `the schema registry does not take the schemas of packets: ${error.message}; check --schema-registry-url (SCHEMA_REGISTRY_URL)`,
      { cause: error, retriable: error.status === null || error.status >= 500 },
    );
  }
}

/** The same, again and again until the registry takes them or `signal` is aborted; never rejects. */
export async function keepPreparingSchemas(settings: KafkaSettings, log: Logger, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await prepareSchemas(settings);
      log.info('the schema registry has taken the schemas of packets');
      return;
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'the schemas of packets are not registered yet');
    }
  }
}
