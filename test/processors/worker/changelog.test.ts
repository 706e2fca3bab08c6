import type { KafkaMessage, Message } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { Changelog } from '../../../processors/worker/changelog.js';

/** What a topic would hold, from the messages written to it. */
class Topic {
  readonly records: KafkaMessage[] = [];

  write(messages: readonly Message[]): number {
    const first = this.records.length;
    for (const { key, value } of messages) {
      this.records.push({
        key: Buffer.from(String(key)),
        value: value === null ? null : Buffer.from(String(value)),
        offset: String(this.records.length),
        timestamp: '0',
        attributes: 0,
      } as KafkaMessage);
    }
    return first;
  }

  restore(from: number): Map<string, string | null> {
    const changelog = new Changelog();
    changelog.startAt(from);
    for (const record of this.records.slice(from)) changelog.read(record);
    return new Map(changelog.restored().map(({ key, value }) => [key, value]));
  }
}

describe('Changelog', () => {
  it('gives back what was written, without what was deleted', () => {
    const topic = new Topic();
    const changelog = new Changelog();
    topic.write(
      changelog.append(
        [
          { key: 'a', value: '1' },
          { key: 'b', value: '1' },
        ],
        0,
      ).messages,
    );
    topic.write(
      changelog.append(
        [
          { key: 'a', value: '2' },
          { key: 'b', value: null },
        ],
        1,
      ).messages,
    );
    expect(topic.restore(0)).toEqual(new Map([['a', '2']]));
  });

  it('is complete from its newest snapshot on, and that is never far back', () => {
    const topic = new Topic();
    const changelog = new Changelog();
    for (let i = 0; i < 30_000; i++) {
      const key = `key-${i % 300}`;
      const { messages, isSnapshot } = changelog.append([{ key, value: i % 7 === 0 ? null : String(i) }], i);
      const first = topic.write(messages);
      if (isSnapshot) changelog.startAt(first);
    }
    expect(topic.records.length - changelog.from).toBeLessThan(6_000);
    expect(topic.restore(changelog.from)).toEqual(topic.restore(0));
  });

  it('writes everything again for a topic that was made anew', () => {
    const changelog = new Changelog();
    changelog.append([{ key: 'a', value: '1' }], 0);
    changelog.rewrite();
    const anew = new Topic();
    const { messages, isSnapshot } = changelog.append([{ key: 'b', value: '2' }], 1);
    anew.write(messages);
    expect(isSnapshot).toBe(true);
    expect(anew.restore(0)).toEqual(
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    );
  });

  it('deletes an entry that could not be read', () => {
    const topic = new Topic();
    topic.write([
      { key: 'a', value: 'garbage' },
      { key: 'b', value: '1' },
    ]);
    const changelog = new Changelog();
    for (const record of topic.records) changelog.read(record);
    changelog.drop('a');
    topic.write(changelog.append([], 0).messages);
    expect(topic.restore(0)).toEqual(new Map([['b', '1']]));
  });
});
