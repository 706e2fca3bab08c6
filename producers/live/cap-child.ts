/**
 * The child process of the engine cap: captures with the npm addon `cap` and writes a pcap stream to standard output.
 * Started by cap-engine.ts with its options as JSON in the first argument; nothing imports it.
 *
 * Two traps of the addon are the reason for this process: it keeps no reference to the buffer it writes packets to, so
 * that must be held here; and it delivers packets in a loop that does not yield while more keep coming, so everything is
 * written synchronously, and the parent kills the process when it does not hear SIGINT.
 */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';

interface CapOptions {
  readonly interface: string;
  readonly snapLength: number;
  readonly kernelBufferBytes: number;
  readonly packetFilter: string;
}

interface Cap {
  open(device: string, filter: string, bufferSize: number, buffer: Buffer): string;
  close(): void;
  on(event: 'packet', listener: (length: number, truncated: boolean) => void): void;
}

/** What `open` returns → LINKTYPE_. */
const LINK_TYPES: Readonly<Record<string, number>> = { NULL: 0, ETHERNET: 1, RAW: 101, LINKTYPE_LINUX_SLL: 113 };

const OUTPUT_BYTES = 256 * 1024;
const RECORD_HEADER_BYTES = 16;
/** The addon's own snap length. */
const FRAME_BYTES_MAX = 65_535;

const options = JSON.parse(process.argv[2]!) as CapOptions;
const addon = createRequire(import.meta.url)('cap') as { readonly Cap: new () => Cap };
const cap = new addon.Cap();
const frame = Buffer.alloc(FRAME_BYTES_MAX);
const output = Buffer.alloc(OUTPUT_BYTES);
let used = 0;
let flushScheduled = false;

function flush(): void {
  flushScheduled = false;
  for (let from = 0; from < used; ) {
    try {
      from += writeSync(1, output, from, used - from);
    } catch (error) {
      // The pipe is full: the parent is busy, and the kernel's buffer holds what comes meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  used = 0;
}

function writeHeader(linkType: number): void {
  output.writeUInt32LE(0xa1b2c3d4, 0);
  output.writeUInt16LE(2, 4);
  output.writeUInt16LE(4, 6);
  output.writeUInt32LE(0, 8);
  output.writeUInt32LE(0, 12);
  output.writeUInt32LE(options.snapLength, 16);
  output.writeUInt32LE(linkType, 20);
  used = 24;
  flush();
}

function writeFrame(length: number): void {
  const captured = Math.min(length, options.snapLength, FRAME_BYTES_MAX);
  if (used + RECORD_HEADER_BYTES + captured > OUTPUT_BYTES) flush();
  const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  output.writeUInt32LE(Math.floor(micros / 1e6), used);
  output.writeUInt32LE(micros % 1e6, used + 4);
  output.writeUInt32LE(captured, used + 8);
  output.writeUInt32LE(length, used + 12);
  frame.copy(output, used + RECORD_HEADER_BYTES, 0, captured);
  used += RECORD_HEADER_BYTES + captured;
  if (!flushScheduled) {
    flushScheduled = true;
    setImmediate(flush);
  }
}

const name = cap.open(options.interface, options.packetFilter, options.kernelBufferBytes, frame);
const linkType = LINK_TYPES[name];
if (linkType === undefined) throw new Error(`cap cannot tell the link type of ${options.interface}: ${name}`);
writeHeader(linkType);
cap.on('packet', (length) => writeFrame(length));
process.on('SIGINT', () => {
  cap.close();
  flush();
  process.exit(0);
});
