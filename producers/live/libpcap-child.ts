/**
 * The child process of the engine libpcap: captures as tcpdump does, and writes a pcap stream to standard output, but
 * with a read timeout of its own. tcpdump leaves the choice between a second's delay, and a system call and a wake-up
 * for every packet. Started by libpcap-engine.ts with its options as JSON in the first argument; nothing imports it.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { EngineOptions } from './engine.js';
import { type Libpcap, loadLibpcap, type Pointer } from './libpcap.js';

/**
 * How long the kernel gathers packets before it hands them over, milliseconds. It hands over a whole block of 256 KiB
 * however few are in it: a shorter time would fill the buffer sooner when this process cannot run.
 */
const GATHERING_MS = 50;
/** Packets of one turn, after which signals are looked at and what has gathered is written out. */
const TURN_PACKETS = 65_536;
const STATISTICS_INTERVAL_MS = 1_000;
/** How long a stop goes on handing over what the kernel has gathered, when more and more comes, milliseconds. */
const DRAIN_MAX_MS = 2_000;
const OUTPUT_BYTES = 256 * 1024;
const SNAP_LENGTH_MAX = 262_144;
const ERROR_TEXT_BYTES = 256;
const STANDARD_OUTPUT = 1;
const FULLY_BUFFERED = 0;
const NETMASK_UNKNOWN = 0xffffffff;
const POLLIN = 1;
const DLT_LINUX_SLL2 = 276;
const PCAP_ERROR = -1;

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function openCapture(pcap: Libpcap, options: EngineOptions): Pointer {
  const errorText = Buffer.alloc(ERROR_TEXT_BYTES);
  const name = options.interface;
  const capture = pcap.create(name, errorText);
  if (capture === null) fail(`${name}: ${textOf(errorText)}`);
  pcap.setSnapLength(capture, options.snapLength === 0 ? SNAP_LENGTH_MAX : options.snapLength);
  pcap.setPromiscuous(capture, options.promiscuous ? 1 : 0);
  pcap.setTimeout(capture, GATHERING_MS);
  pcap.setBufferSize(capture, options.kernelBufferBytes);
  const status = pcap.activate(capture);
  if (status < 0) {
    // As tcpdump says it: what the status means, and in brackets what more there is to say.
    const detail = pcap.errorText(capture);
    const meaning = status === PCAP_ERROR ? detail : pcap.statusText(status);
    fail(`${name}: ${meaning}${detail === '' || detail === meaning ? '' : ` (${detail})`}`);
  }
  // Of what passes several interfaces it tells which each was. Only `any` has it, from libpcap 1.10 on.
  if (name === 'any') pcap.setLinkType(capture, DLT_LINUX_SLL2);
  if (options.packetFilter !== '') {
    const program = Buffer.alloc(16); // struct bpf_program
    const refused =
      pcap.compile(capture, program, options.packetFilter, 1, NETMASK_UNKNOWN) < 0 ||
      pcap.setFilter(capture, program) < 0;
    if (refused) fail(`${name}: ${pcap.errorText(capture)}`);
  }
  if (pcap.setNonBlocking(capture, 1, errorText) < 0) fail(`${name}: ${textOf(errorText)}`);
  return capture;
}

function openOutput(pcap: Libpcap, capture: Pointer): Pointer {
  const stream = pcap.openStream(STANDARD_OUTPUT, 'w');
  if (stream === null) fail('standard output cannot be opened');
  pcap.setStreamBuffer(stream, null, FULLY_BUFFERED, OUTPUT_BYTES);
  const output = pcap.openDump(capture, stream);
  if (output === null || pcap.flushDump(output) < 0) fail(pcap.errorText(capture));
  return output;
}

function textOf(buffer: Buffer): string {
  return buffer.toString('utf8', 0, buffer.indexOf(0));
}

async function run(options: EngineOptions): Promise<void> {
  const pcap = loadLibpcap();
  const capture = openCapture(pcap, options);
  let stopping = false;
  process.on('SIGINT', () => {
    stopping = true;
  });
  const output = openOutput(pcap, capture);
  process.stderr.write(`listening on ${options.interface}\n`);

  const pollRequest = Buffer.alloc(8);
  pollRequest.writeInt32LE(pcap.descriptor(capture), 0);
  pollRequest.writeInt16LE(POLLIN, 4);
  const statistics = Buffer.alloc(12);
  const tellStatistics = (): void => {
    if (pcap.statistics(capture, statistics) < 0) return;
    process.stderr.write(`${statistics.readUInt32LE(4)} packets dropped by kernel\n`);
  };
  let toldAt = 0;
  let stoppingSince = 0;
  for (;;) {
    const ready = pcap.poll(pollRequest, 1, GATHERING_MS);
    const packets = pcap.dispatch(capture, TURN_PACKETS, pcap.dumpFunction, output);
    if (packets < 0) {
      pcap.flushDump(output);
      fail(`${options.interface}: ${pcap.errorText(capture)}`);
    }
    if (packets > 0 && pcap.flushDump(output) < 0) fail('nobody reads what is captured');
    if (performance.now() - toldAt > STATISTICS_INTERVAL_MS) {
      toldAt = performance.now();
      tellStatistics();
    }
    if (stopping) {
      stoppingSince ||= performance.now();
      const elapsed = performance.now() - stoppingSince;
      // The block that the kernel was filling when the stop came is handed over within its time.
      if (elapsed > DRAIN_MAX_MS || (elapsed > 2 * GATHERING_MS && packets === 0)) break;
    }
    // An interface that is down can be ready for ever without a packet.
    if (ready > 0 && packets === 0) await sleep(GATHERING_MS);
    else await nextTurn(); // signals are heard between turns only
  }
  tellStatistics();
}

await run(JSON.parse(process.argv[2]!) as EngineOptions);
process.exit(0);
