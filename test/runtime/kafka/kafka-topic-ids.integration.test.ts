/** The ids of topics, asked of a real Kafka over a connection that stays. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKafka } from '../../../runtime/kafka/client.js';
import { TopicIds } from '../../../runtime/kafka/kafka-topic-ids.js';
import { topicName } from '../../../schemas/topics.js';
import { createTestTopics, type TestTopics, testLog } from '../../support/local-stack.js';
import { createTopicsFor } from '../../support/packet-topic.js';

let topics: TestTopics;
let ids: TopicIds;
const sockets: Socket[] = [];

beforeEach(async () => {
  topics = createTestTopics();
  await createTopicsFor(topics, 1);
  const kafka = createKafka(topics.settings, 'test', testLog(), {
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect);
      sockets.push(socket);
      return socket;
    },
  });
  ids = new TopicIds(kafka);
});

afterEach(async () => {
  await ids.close();
  await topics.remove();
});

it('asks again over the same connection, and over another when that has ended', async () => {
  const topic = topicName('packets', topics.prefix);
  const first = await ids.of([topic, 'missing']);
  expect([...first.keys()]).toEqual([topic]);
  expect(await Promise.all([ids.of([topic]), ids.of([topic])])).toEqual([first, first]);
  expect(sockets).toHaveLength(1);
  sockets[0]!.destroy(new Error('broken by the test'));
  expect(await ids.of([topic])).toEqual(first);
  await ids.close();
  expect(sockets.length).toBeGreaterThan(1);
  await expect.poll(() => sockets.filter(({ destroyed }) => !destroyed).length).toBe(0);
});
