/**
 * What `cases.json` beside the shared captures says that frames decode to: made-up frames of tunnels, tags, clocks and
 * names that were read wrong once, or could be.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { decodeCapture } from '../../../producers/decoding/capture-decoder.js';
import { type PacketDocument, packetDocument } from '../../../producers/decoding/decode-report.js';
import { requireSharedCaptures, sharedCaptureFolder } from '../../support/shared-captures.js';

interface DecodeCase {
  readonly name: string;
  readonly files: readonly string[];
  readonly why: string;
  readonly args?: readonly string[];
  /** Fields by path ("application.dnsQuery") of a frame, counted from 1; 0 is some frame. */
  readonly decode?: readonly { readonly frame: number; readonly expect: Readonly<Record<string, unknown>> }[];
}

const casesFile = join(sharedCaptureFolder, 'cases', 'cases.json');
const cases: DecodeCase[] = existsSync(casesFile) ? JSON.parse(readFileSync(casesFile, 'utf8')) : [];

async function decodeFile(file: string, tunnels: 'outer' | 'inner'): Promise<PacketDocument[]> {
  const packets: PacketDocument[] = [];
  const { failure } = await decodeCapture(
    join(sharedCaptureFolder, 'cases', file),
    { tunnels },
    (block, firstFrame) => {
      for (let row = 0; row < block.count; row++) packets.push(packetDocument(block, row, firstFrame + row));
    },
  );
  expect(failure).toBeNull();
  return packets;
}

function fieldOf(packet: PacketDocument, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], packet);
}

function fieldsOf(packet: PacketDocument, paths: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(paths.map((path) => [path, fieldOf(packet, path)]));
}

describe('cases', () => {
  test('lie beside the project', (context) => {
    requireSharedCaptures(context);
    expect(cases.some((example) => example.decode !== undefined)).toBe(true);
  });

  it.each(cases.filter((example) => example.decode).map((example) => [example.name, example] as const))(
    '%s',
    async (_, example) => {
      const packets = await decodeFile(example.files[0]!, example.args?.includes('inner') ? 'inner' : 'outer');
      for (const { frame, expect: expected } of example.decode!) {
        const considered = frame === 0 ? packets : [packets[frame - 1]!];
        const decoded = considered.map((packet) => fieldsOf(packet, Object.keys(expected)));
        expect(decoded, example.why).toContainEqual(expected);
      }
    },
  );
});
