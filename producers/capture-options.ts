/** The settings of a capture node. */
import { hostname } from 'node:os';
import { defineOptions, type Settings } from '../runtime/process/options.js';
import { VLAN_TPIDS_OPTION } from './decoding/vlan-tpids.js';
import { SITE_OPTION } from './site-option.js';

const SAMPLING_PATTERN = { test: /^1\/[1-9]\d{0,6}$/, description: 'one of how many, such as 1/10' };

export const captureOptions = defineOptions({
  interface: {
    kind: 'list',
    env: 'NTA_INTERFACE',
    default: [],
    placeholder: '<name>',
    help: 'interfaces to capture on, or any; the one of the default route when neither this nor --read is given',
  },
  read: {
    kind: 'list',
    verbatim: true,
    env: null,
    default: [],
    placeholder: '<file>',
    help: 'capture file to replay (pcap or pcapng, also packed); - is standard input; may be repeated',
  },
  pace: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'replay at the speed of the capture instead of full speed',
  },
  rebaseTime: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'move the timestamps of a replay so that it begins now; without --pace its later packets are ahead of the clock',
  },
  timeline: {
    kind: 'string',
    env: null,
    default: '',
    placeholder: '<name>',
    pattern: { test: /^[^/]+$/, description: 'a name without a slash' },
    help: 'name of the replays that count together, whichever node replays them; replay when empty',
  },
  isolateFiles: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'let each replayed file count by itself, together with no other capture',
  },
  finishTimeline: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'tell processors at the end of a replay that nothing more follows, so that open alerts close',
  },
  engine: {
    kind: 'string',
    env: 'NTA_ENGINE',
    default: 'auto',
    choices: ['auto', 'libpcap', 'tcpdump', 'cap'],
    help: 'what captures live: the system’s libpcap, tcpdump, the npm addon cap, or the first of them that is there',
  },
  packetFilter: {
    kind: 'string',
    env: 'NTA_PACKET_FILTER',
    default: '',
    placeholder: '<expression>',
    help: 'keep only packets that match, as written for tcpdump (man pcap-filter)',
  },
  snapLength: {
    kind: 'size',
    env: 'NTA_SNAP_LENGTH',
    default: 1536,
    minimum: 64,
    maximum: 262_144,
    help: 'bytes kept of each frame; by default all of it on Ethernet, for names stand at the end of large hellos',
  },
  kernelBufferSize: {
    kind: 'size',
    env: 'NTA_KERNEL_BUFFER_SIZE',
    default: 32 * 1024 ** 2,
    minimum: 1024 ** 2,
    maximum: 1024 ** 3,
    help: 'kernel’s buffer an interface, for bursts',
  },
  promiscuous: {
    kind: 'boolean',
    env: 'NTA_PROMISCUOUS',
    default: true,
    help: 'also capture frames to other stations',
  },
  nodeId: {
    kind: 'string',
    env: 'NTA_NODE_ID',
    default: hostname(),
    defaultText: 'the host name',
    placeholder: '<name>',
    pattern: { test: /^[\x21-\x7e]{1,255}$/, description: 'one to 255 printable characters without spaces' },
    help: 'name of this capture node, unique in the fleet',
  },
  site: SITE_OPTION,
  dedupeWindow: {
    kind: 'duration',
    env: 'NTA_DEDUPE_WINDOW',
    default: 0,
    minimum: 0,
    maximum: 60_000,
    help: 'a packet that the node sees again on another way within this time counts once; 0: 10 ms on any and in replays',
  },
  sample: {
    kind: 'string',
    env: 'NTA_SAMPLE',
    default: '1/1',
    placeholder: '<1/N>',
    pattern: SAMPLING_PATTERN,
    help: 'keep one packet of N, at random',
  },
  sampleFlows: {
    kind: 'string',
    env: 'NTA_SAMPLE_FLOWS',
    default: '1/1',
    placeholder: '<1/N>',
    pattern: SAMPLING_PATTERN,
    help: 'keep all packets of one flow of N and none of the others',
  },
  tunnels: {
    kind: 'string',
    env: 'NTA_TUNNELS',
    default: 'outer',
    choices: ['outer', 'inner'],
    help: 'which packet of a tunnelled one detection sees; the other is recorded beside it',
  },
  vlanTpids: VLAN_TPIDS_OPTION,
  spoolDir: {
    kind: 'string',
    env: 'NTA_SPOOL_DIR',
    default: '.nta/spool',
    placeholder: '<folder>',
    help: 'folder of the spool that live traffic goes to while Kafka is away; empty for none',
  },
  spoolMaxBytes: {
    kind: 'size',
    env: 'NTA_SPOOL_MAX_BYTES',
    default: 1024 ** 3,
    minimum: 1024 ** 2,
    maximum: 16 * 1024 ** 4,
    help: 'bound of the spool; beyond it the oldest packets go',
  },
  heartbeatInterval: {
    kind: 'duration',
    env: 'NTA_HEARTBEAT_INTERVAL',
    default: 5_000,
    minimum: 100,
    maximum: 3_600_000,
    help: 'how often the node reports itself; silent for three of them it is stale',
  },
  tickInterval: {
    kind: 'duration',
    env: 'NTA_TICK_INTERVAL',
    default: 2_000,
    minimum: 100,
    maximum: 3_600_000,
    help: 'how often the node’s clock is published, so that detection windows move on a quiet wire',
  },
});

export type CaptureSettings = Settings<typeof captureOptions>;
