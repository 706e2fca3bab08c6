import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Spool } from '../../../producers/spool/spool.js';
import { countWaitingPackets } from '../../../producers/spool/waiting-packets.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-spool-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('counts what the next run would send, and touches nothing', () => {
  const spool = new Spool(folder, 1 << 20, () => undefined);
  spool.open();
  for (let number = 0; number < 20; number++) {
    spool.append({ key: '192.0.2.1', value: Buffer.alloc(100, number), packets: 3, interfaceName: 'eth0' });
  }
  // A node that lives sends them itself.
  expect(countWaitingPackets(folder)).toBe(0);
  spool.read(500);
  spool.acknowledge();
  const round = spool.read(500);
  spool.acknowledgeSome([round[1]!.position]);
  spool.close();
  const left = countWaitingPackets(folder);
  const before = readdirSync(folder);
  const next = new Spool(folder, 1 << 20, () => undefined);
  expect(left).toBe(next.open().packets.get('eth0'));
  expect(left).toBeGreaterThan(0);
  next.close();
  expect(readdirSync(folder)).toEqual(before);
});

it('finds nothing where there is no spool', () => {
  expect(countWaitingPackets(join(folder, 'none'))).toBe(0);
});
