import { expect, it } from 'vitest';
import { layoutOf } from '../../../processors/worker/partition-layout.js';

const TOPICS = { input: 'packets', alerts: 'alerts', changelog: 'alert-episodes', deadLetters: 'packets-dead-letter' };

const layout = (counts: Record<string, number>) => layoutOf(TOPICS, (topic) => counts[topic] ?? 0);

it('works on the partitions that every topic has, and says what waits', () => {
  expect(layout({ packets: 6, alerts: 6, 'alert-episodes': 8 })).toEqual({ usable: 6, shortage: null });
  expect(layout({ packets: 6, alerts: 4, 'alert-episodes': 5 })).toEqual({
    usable: 4,
    shortage:
      'packets has 6 partitions, alerts only 4, alert-episodes only 5: what is beyond is not processed until nta setup has added them',
  });
});
