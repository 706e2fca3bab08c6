import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareSchemas } from '../../../runtime/kafka/schemas.js';
import { decodePacketBatch, decodePacketBatchObjects, encodeTick } from '../../../schemas/packets/packet-batch.js';
import { publishedSchemas } from '../../../schemas/packets/packet-batch-schemas.js';
import { PacketBlock, type PacketOrigin } from '../../../schemas/packets/packet-block.js';
import {
  forgetRegisteredSchemas,
  registeredPrefix,
  registerSchemas,
  SchemaRegistryError,
} from '../../../schemas/packets/schema-registry.js';
import { kafkaSettings } from '../../support/local-stack.js';
import {
  FIRST_SCHEMA_ID,
  REGISTRY_CONTENT_TYPE,
  startTestRegistry,
  type TestRegistry,
} from '../../support/schema-registry.js';

const ORIGIN: PacketOrigin = {
  captureNode: 'node-1',
  interface: 'eth0',
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
};

let registry: TestRegistry;

beforeEach(async () => {
  registry = await startTestRegistry();
});
afterEach(async () => {
  forgetRegisteredSchemas();
  await registry.stop();
});

const settings = () => ({ ...kafkaSettings(['127.0.0.1:9092'], 'fleet-'), schemaRegistryUrl: registry.url });

describe('registered schemas', () => {
  it('are every published one, under the subject of the topic, oldest first', async () => {
    await prepareSchemas(settings());
    expect(registry.requests.map(({ line }) => line)).toEqual(
      publishedSchemas().map(() => 'POST /subjects/fleet-packets-value/versions'),
    );
    expect(registry.requests.at(-1)!.headers['content-type']).toBe(REGISTRY_CONTENT_TYPE);
    expect(JSON.parse(registry.requests.at(-1)!.body.schema)).toEqual(JSON.parse(publishedSchemas()[0]!.text));
  });

  it('put the registry’s framing in front of the same datum, and both framings are read', async () => {
    const before = encodeTick(ORIGIN, 1_700_000_000_000_000, true);
    await registerSchemas(`${registry.url}/`, 'packets');
    const after = encodeTick(ORIGIN, 1_700_000_000_000_000, true);
    const id = FIRST_SCHEMA_ID + publishedSchemas().length - 1;
    expect(after.subarray(0, 5).toString('hex')).toBe(`00${id.toString(16).padStart(8, '0')}`);
    expect(after.subarray(5)).toEqual(before.subarray(10));
    const block = new PacketBlock(10);
    for (const value of [before, after]) {
      expect(decodePacketBatch(value, block)).toMatchObject({ ok: true, origin: ORIGIN, endOfTimeline: true });
    }
    expect(decodePacketBatchObjects(after)).toEqual(decodePacketBatchObjects(before));
  });

  it('log in with what the URL carries, and do not send it as part of the address', async () => {
    await registerSchemas(`${registry.url.replace('http://', 'http://user:p%40ss@')}/base`, 'packets');
    expect(registry.requests[0]!.line).toBe('POST /base/subjects/packets-value/versions');
    expect(registry.requests[0]!.headers.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
  });
});

describe('a record in the registry’s framing', () => {
  it.each([
    ['with an id of no published schema', '0000000007ff', 'unknown_schema', /id 7 .*SCHEMA_REGISTRY_URL/],
    ['that ends in its id', '000001', 'truncated', /3 bytes/],
  ])('%s is refused', async (_, hex, reason, detail) => {
    await registerSchemas(registry.url, 'packets');
    expect(decodePacketBatch(Buffer.from(hex, 'hex'), new PacketBlock(10))).toEqual({
      ok: false,
      reason,
      detail: expect.stringMatching(detail),
    });
  });

  it('is refused at every truncation', async () => {
    await registerSchemas(registry.url, 'packets');
    const value = encodeTick(ORIGIN, 1_700_000_000_000_000, false);
    const block = new PacketBlock(10);
    for (let length = 0; length < value.length; length++) {
      expect(decodePacketBatch(value.subarray(0, length), block).ok).toBe(false);
    }
  });
});

describe('a registry that does not take the schemas', () => {
  it('by its answer, fails for good with its own words', async () => {
    registry.refusal = { status: 409, body: '{"error_code":409,"message":"Schema being registered is incompatible"}' };
    await expect(prepareSchemas(settings())).rejects.toMatchObject({
      code: 'SCHEMA_REGISTRY',
      retriable: false,
      message: expect.stringMatching(/HTTP 409, Schema being registered is incompatible; check --schema-registry-url/),
    });
    expect(registeredPrefix()).toBeNull();
  });

  it.each([
    ['text instead of JSON', { status: 200, body: 'hello' }, /HTTP 200 without JSON/],
    ['no id', { status: 200, body: '{}' }, /an answer without a schema id/],
    ['an id that no four bytes hold', { status: 200, body: '{"id":4294967296}' }, /an answer without a schema id/],
  ])('with %s, is refused', async (_, answer, message) => {
    registry.refusal = answer;
    await expect(registerSchemas(registry.url, 'packets')).rejects.toThrow(message);
  });

  it('because it is not there, may be asked again, and keeps the password to itself', async () => {
    await registry.stop();
    const withLogin = registry.url.replace('http://', 'http://user:secret@');
    const error = await registerSchemas(withLogin, 'packets').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SchemaRegistryError);
    expect(error).toMatchObject({ status: null });
    expect(String(error)).not.toContain('secret');
    await expect(prepareSchemas(settings())).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY', retriable: true });
  });
});
