/**
 * Mutated payloads of every service, one conversation after another, read twice within different surroundings: nothing
 * throws, nothing outside the payload changes what is said, and every text keeps its limit. `NTA_FUZZ_INPUTS` sets how
 * many.
 */
import { expect, it } from 'vitest';
import {
  SERVICE_LINE_LENGTH_MAX,
  SERVICE_NAME_LENGTH_MAX,
  SERVICES,
  type ServiceFacts,
} from '../../../../producers/protocols/service/service-facts.js';
import { dhcp, dnsQuery, dnsResponse, httpRequest, tlsClientHello } from '../../../support/application-messages.js';
import { cryptoFrame, QUIC_VERSION_2, quicInitial } from '../../../support/quic-packets.js';
import { Random } from '../../../support/random.js';
import { Dialogue } from '../../../support/service-dialogue.js';
import { rdpConnection, smbNegotiated, smbSessionSetup, sshKeyExchange } from '../../../support/service-messages.js';

const INPUTS = Number(process.env['NTA_FUZZ_INPUTS'] ?? 50_000);
const UDP = 17;

interface Seed {
  readonly port: number;
  readonly transport: 6 | 17;
  readonly payloads: readonly (readonly ['client' | 'server', Buffer])[];
}

function seed(port: number, transport: 6 | 17, ...payloads: (string | Uint8Array)[]): Seed {
  return {
    port,
    transport,
    payloads: payloads.map((said, index) => [
      index % 2 === 0 ? 'client' : 'server',
      Buffer.from(typeof said === 'string' ? Buffer.from(said, 'latin1') : said),
    ]),
  };
}

const question = { id: 1, name: 'www.example.org' };
const hello = tlsClientHello('www.example.org', { protocols: ['h2'] });
const kexInit = sshKeyExchange({ 0: 'curve25519-sha256', 2: 'aes128-ctr', 4: 'hmac-sha1', 6: 'none' });
const kerberosError = Buffer.from(
  '7e2d302ba003020105a10302011ea411180f32303236303130313030303030305aa50302010aa6030201180',
  'hex',
);
const connectionId = Buffer.alloc(8, 7);
const SEEDS: readonly Seed[] = [
  seed(443, 6, hello, Buffer.from('16030300020200', 'hex')),
  seed(53, UDP, dnsQuery(question), dnsResponse(question, [{ address: '192.0.2.1' }])),
  seed(53, 6, Buffer.concat([Buffer.from([0, 33]), dnsQuery(question)])),
  seed(67, UDP, dhcp({ messageType: 1, clientMac: '02:00:00:00:00:01', hostname: 'host' })),
  seed(
    80,
    6,
    httpRequest('a.example'),
    'HTTP/1.1 401 X\r\n\r\n',
    'POST / HTTP/1.1\r\nAuthorization: Basic YTpi\r\n\r\n',
    'HTTP/1.1 200 X\r\n\r\n',
  ),
  seed(
    22,
    6,
    Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), kexInit.subarray(0, 50)]),
    'SSH-2.0-y\r\n',
    kexInit.subarray(50),
    kexInit,
  ),
  seed(445, 6, smbNegotiated(0x0311), smbNegotiated(0x0210), smbNegotiated('NT LM 0.12'), smbNegotiated('NT LM 0.12')),
  seed(
    3389,
    6,
    rdpConnection('request', Buffer.from('Cookie: mstshash=a\r\n')),
    rdpConnection('confirm', Buffer.from([2, 0, 8, 0, 1, 0, 0, 0])),
  ),
  seed(445, 6, smbSessionSetup(2, 'A', 'user'), smbNegotiated(0x0311), smbSessionSetup(1, 'A', 'user')),
  seed(88, UDP, kerberosError, kerberosError),
  seed(21, 6, 'USER a\r\n', '220 x\r\n', 'PASS b\r\n', '530 no\r\n'),
  seed(25, 6, 'EHLO a\r\n', '220 x ESMTP\r\n', 'AUTH LOGIN\r\n', '535 no\r\n'),
  seed(110, 6, 'USER a\r\n', '+OK x\r\n', 'PASS b\r\n', '-ERR no\r\n'),
  seed(143, 6, 'a LOGIN a b\r\n', '* OK x\r\n', 'b LOGIN a b\r\n', '* X\r\nb NO no\r\n'),
  seed(23, 6, 'a\r\n', '\xff\xfb\x01login: Password: ', 'b\r\n', 'Login incorrect\r\n'),
  seed(443, UDP, quicInitial({ connectionId }, cryptoFrame(0, hello.subarray(5)))),
  seed(
    443,
    UDP,
    quicInitial({ connectionId, version: QUIC_VERSION_2 }, cryptoFrame(9, hello.subarray(14))),
    quicInitial({ connectionId }, cryptoFrame(0, hello.subarray(5, 30))),
  ),
];

function mutated(bytes: Buffer, random: Random): Buffer {
  let copy: Buffer = Buffer.from(bytes);
  for (let changes = random.below(4); changes > 0 && copy.length > 0; changes--) {
    const at = random.below(copy.length);
    const kind = random.below(5);
    if (kind === 0) copy = copy.subarray(0, at);
    else if (kind === 1) copy[at]! ^= 1 << random.below(8);
    else if (kind === 2) copy[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x20]);
    else if (kind === 3) copy = Buffer.concat([copy.subarray(0, at), copy.subarray(random.below(copy.length))]);
    else copy = Buffer.concat([copy, copy.subarray(at)]);
  }
  return copy;
}

function check(facts: ServiceFacts): void {
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Error(`${name} is ${value}`);
    if (typeof value !== 'string') continue;
    const limit = /Name|Host|Query|host/.test(name) ? SERVICE_NAME_LENGTH_MAX : SERVICE_LINE_LENGTH_MAX;
    if (value.length > limit || !/^[\x20-\x7e]*$/.test(value)) throw new Error(`${name} is ${JSON.stringify(value)}`);
  }
  if (!SERVICES.includes(facts.service) || facts.state !== (facts.state | 0)) throw new Error(JSON.stringify(facts));
}

it(`reads ${INPUTS} mutated payloads without reading beyond them`, { timeout: 60_000 + INPUTS }, () => {
  const random = new Random(20260103);
  const said = new Set<string>();
  for (let input = 0; input < INPUTS; ) {
    const { port, transport, payloads } = random.pick(SEEDS);
    const dialogues = [new Dialogue(port, transport, 0x00), new Dialogue(port, transport, 0xff)] as const;
    for (const [who, bytes] of payloads) {
      const payload = mutated(bytes, random);
      const [one, other] = dialogues.map((dialogue) => dialogue[who](payload));
      input++;
      if (JSON.stringify(one) !== JSON.stringify(other)) {
        expect.fail(`port ${port}: ${payload.toString('hex')}\n${JSON.stringify(one)}\n${JSON.stringify(other)}`);
      }
      if (one === null || one === undefined) continue;
      check(one);
      for (const name of Object.keys(one)) said.add(`${one.service}.${name}`);
    }
  }
  for (const service of SERVICES) expect(said).toContain(`${service}.state`);
  for (const fact of [
    'tls.ja4',
    'quic.ja4',
    'ssh.hassh',
    'smb.smbDialect',
    'kerberos.kerberosErrorCode',
    'telnet.loginFailed',
  ]) {
    expect(said).toContain(fact);
  }
});
