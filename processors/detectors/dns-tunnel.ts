/**
 * Data carried in names: a client asks for ever new names below one registered domain, each with a part that looks like
 * encoded data (iodine, dnscat2, dns2tcp, DNSExfiltrator). Told by volume and look, not by a list.
 *
 * Two measures of the same window of ten minutes, because tunnels that use TXT, NULL or other types that carry much are told
 * sooner than those that hide among addresses: 30 names with 600 characters of data for the first, four times that for the second.
 * In ordinary captures no client asks for ten such names of one domain in an hour. Lookups of reputation (antivirus,
 * block lists) carry hashes in names by design: their domains are named in `allowedDomains`.
 */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet, WindowedSum } from '../contract/windowed.js';
import { dataCharacters, isReverse, registeredDomain } from './dns-names.js';

const TYPE_A = 1;
const TYPE_PTR = 12;
const TYPE_AAAA = 28;
const TYPE_HTTPS = 65;
const NAMES_MAX = 512;
const CHARACTERS_A_NAME = 20;
const TIMES_AMONG_ADDRESSES = 4;

interface Names {
  client: string;
  domain: string;
  server: string;
  /** Distinct names that look like data, and how much; those of types that carry much apart. */
  readonly names: WindowedSet<string>;
  readonly characters: WindowedSum;
  readonly rich: WindowedSet<string>;
  readonly richCharacters: WindowedSum;
}

export const dnsTunnel = defineWatcher<Names>()({
  id: 'dns-tunnel',
  version: '1',
  name: 'DNS tunnel',
  summary: 'A client asks within the window for many names below one registered domain that carry data.',
  techniques: [
    { id: 'T1071.004', name: 'Application Layer Protocol: DNS' },
    { id: 'T1048.003', name: 'Exfiltration Over Unencrypted Non-C2 Protocol' },
  ],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'source',
  observations: ['dns'],
  durable: true,
  counts: 'names that carry data',
  threshold: {
    default: 30,
    minimum: 5,
    maximum: 500,
    help: 'distinct names that carry data, of types such as TXT and NULL; four times as many of addresses',
  },
  windowSeconds: { default: 600, minimum: 10, maximum: 3600, help: 'length of the window' },
  options: {
    allowedDomains: {
      kind: 'domains',
      default: [
        'mcafee.com',
        'trellix.com',
        'sophosxl.net',
        'e5.sk',
        'spamhaus.net',
        'spamhaus.org',
        'surbl.org',
        'uribl.com',
        'cymru.com',
        'webcfs00.com',
        'trendmicro.com',
        'bitdefender.net',
        'kaspersky-labs.com',
        'barracudacentral.org',
        'senderbase.org',
      ],
      help: 'registered domains whose names carry data by design: reputation lookups of antivirus and mail filters',
    },
  },
  createWatcher: ({ allowedDomains }, { windowMicros, threshold }) => {
    const allowed = new Set(allowedDomains);
    const newState = (): Names => ({
      client: '',
      domain: '',
      server: '',
      names: new WindowedSet(windowMicros, Math.max(NAMES_MAX, 2 * TIMES_AMONG_ADDRESSES * threshold)),
      characters: new WindowedSum(windowMicros),
      rich: new WindowedSet(windowMicros, Math.max(NAMES_MAX, 2 * threshold)),
      richCharacters: new WindowedSum(windowMicros),
    });
    return {
      newState,
      bytes: ({ names, rich }) => 600 + 150 * (names.size + rich.size),
      observation: (observation, watch) => {
        if (observation.kind !== 'dns' || observation.response || observation.type === TYPE_PTR) return;
        const { question, source, destination, type, time } = observation;
        if (question === '' || isReverse(question)) return;
        const domain = registeredDomain(question);
        if (domain === '' || allowed.has(domain)) return;
        const characters = dataCharacters(question, domain);
        if (characters === 0) return;
        const state = watch.key(`${source} ${domain}`);
        state.client = source;
        state.domain = domain;
        state.server = destination;
        const isAddress = type === TYPE_A || type === TYPE_AAAA || type === TYPE_HTTPS;
        const names = isAddress ? state.names : state.rich;
        const sum = isAddress ? state.characters : state.richCharacters;
        const isNew = !names.has(question);
        const distinct = names.add(time, question);
        const total = isNew ? sum.add(time, characters) : sum.sum;
        const counted = isAddress ? Math.floor(distinct / TIMES_AMONG_ADDRESSES) : distinct;
        watch.measure(total >= CHARACTERS_A_NAME * distinct ? counted : 0, destination);
      },
      describe: (_, { client, domain, server, names, rich, characters, richCharacters }) => ({
        message: `${client} asked ${server} for ${names.size + rich.size} names below ${domain} that carry ${characters.sum + richCharacters.sum} characters of data`,
        details: { domain, names: names.size + rich.size, characters: characters.sum + richCharacters.sum },
        source: { ip: client, address: client },
        related: [server],
      }),
      save: (state) => ({
        ...state,
        names: state.names.entries(),
        characters: state.characters.entries(),
        rich: state.rich.entries(),
        richCharacters: state.richCharacters.entries(),
      }),
      load: (value) => {
        const saved = value as Pick<Names, 'client' | 'domain' | 'server'> & {
          names: [string, number][];
          characters: [number, number][];
          rich: [string, number][];
          richCharacters: [number, number][];
        };
        const fresh = newState();
        return {
          ...saved,
          names: fresh.names.restore(saved.names),
          characters: fresh.characters.restore(saved.characters),
          rich: fresh.rich.restore(saved.rich),
          richCharacters: fresh.richCharacters.restore(saved.richCharacters),
        };
      },
    };
  },
});
