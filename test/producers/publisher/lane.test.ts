import { describe, expect, it } from 'vitest';
import { Lane, type OutgoingRecord, type SendOutcome } from '../../../producers/publisher/lane.js';

function record(name: string, bytes = 10): OutgoingRecord {
  return { key: Buffer.from(name), value: Buffer.alloc(bytes), packets: 1, interfaceName: 'eth0', memory: null };
}

const names = (records: readonly OutgoingRecord[]): string[] => records.map(({ key }) => key.toString());

/** A lane over a broker that answers as the script says, then takes everything. */
function laneWith(script: SendOutcome[]): {
  lane: Lane;
  requests: string[][];
  sent: string[];
  refused: string[];
  settled: () => Promise<void>;
} {
  const requests: string[][] = [];
  const sent: string[] = [];
  const refused: string[] = [];
  const lane = new Lane(
    0,
    async (_, records) => {
      requests.push(names(records));
      await new Promise((resolve) => setImmediate(resolve));
      return script.shift() ?? 'sent';
    },
    { onSent: (records) => sent.push(...names(records)), onRefused: (one) => refused.push(...names([one])) },
  );
  const settled = async (): Promise<void> => {
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { lane, requests, sent, refused, settled };
}

describe('Lane', () => {
  it('sends what came in one turn together, and what came meanwhile after it', async () => {
    const { lane, requests, sent, settled } = laneWith([]);
    for (const name of ['a', 'b']) lane.push(record(name));
    await new Promise((resolve) => setImmediate(resolve));
    for (const name of ['c', 'd']) lane.push(record(name));
    await settled();
    expect(requests).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(sent).toEqual(['a', 'b', 'c', 'd']);
    expect(lane.busySince).toBeNull();
  });

  it('sends a failed request again unchanged, though more has come', async () => {
    const { lane, requests, sent, settled } = laneWith(['later', 'later']);
    lane.push(record('a'));
    await new Promise((resolve) => setImmediate(resolve));
    lane.push(record('b'));
    await settled();
    expect(requests).toEqual([['a'], ['a'], ['a'], ['b']]);
    expect(sent).toEqual(['a', 'b']);
  });

  it('halves a request that is too large, and gives up a record that is so alone', async () => {
    const { lane, requests, sent, refused, settled } = laneWith(['too_large', 'too_large']);
    for (const name of ['a', 'b', 'c']) lane.push(record(name));
    await settled();
    expect(requests).toEqual([['a', 'b', 'c'], ['a', 'b'], ['a'], ['b', 'c']]);
    expect([sent, refused]).toEqual([['a', 'b', 'c'], []]);

    const alone = laneWith(['too_large']);
    for (const name of ['x']) alone.lane.push(record(name));
    await alone.settled();
    expect([alone.sent, alone.refused]).toEqual([[], ['x']]);
  });

  it('bounds a request by bytes', async () => {
    const { lane, requests, settled } = laneWith([]);
    for (const name of ['a', 'b', 'c']) lane.push(record(name, 500 * 1024));
    lane.push(record('huge', 2 * 1024 * 1024));
    await settled();
    expect(requests).toEqual([['a'], ['b'], ['c'], ['huge']]);
  });

  it('gives back what no request has taken, and goes on with what comes then', async () => {
    const { lane, sent, settled } = laneWith(['later']);
    lane.push(record('a'));
    await new Promise((resolve) => setImmediate(resolve));
    for (const name of ['b', 'c']) lane.push(record(name));
    expect(names(lane.withdraw())).toEqual(['b', 'c']);
    lane.push(record('d'));
    await settled();
    expect(sent).toEqual(['a', 'd']);
  });

  it('gives back what was not acknowledged, the request under way among it', async () => {
    const { lane, sent, settled } = laneWith(['sent', 'later', 'later', 'later', 'later', 'later']);
    lane.push(record('a'));
    await new Promise((resolve) => setImmediate(resolve));
    for (const name of ['b', 'c']) lane.push(record(name));
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(names(lane.halt())).toEqual(['b', 'c']);
    await settled();
    expect(sent).toEqual(['a']);
  });
});
