/**
 * What an operator of Kafka does, run by node in the cluster's network: `acls` gives the users of the manifests their lists,
 * `partitions N` grows the topics that go together. The broker's inner listener, which no pod reaches, takes it for its own.
 */
import { Kafka, logLevel } from 'kafkajs';
import { TOPICS } from '../../schemas/topics.js';
import { grantLists } from '../support/kafka-users.js';

const [command, count] = process.argv.slice(2);
const admin = new Kafka({ brokers: ['127.0.0.1:9094'], logLevel: logLevel.NOTHING }).admin();
await admin.connect();
if (command === 'acls') await grantLists(admin, (name) => `User:CN=${name}`);
if (command === 'partitions')
  await admin.createPartitions({
    topicPartitions: Object.values(TOPICS).flatMap(({ name, copartitioned }) =>
      copartitioned ? [{ topic: name, count: Number(count) }] : [],
    ),
  });
await admin.disconnect();
