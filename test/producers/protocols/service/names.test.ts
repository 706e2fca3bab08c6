/** Names, versions and codes that conversations give, and how a service is known. */
import { describe, expect, it } from 'vitest';
import { serviceOfPort } from '../../../../producers/protocols/service/service-ports.js';
import { dhcp, dnsQuery, dnsResponse, httpRequest, tlsClientHello } from '../../../support/application-messages.js';
import { Dialogue } from '../../../support/service-dialogue.js';
import { rdpConnection, smbNegotiated, smbSessionSetup, sshKeyExchange } from '../../../support/service-messages.js';

const UDP = 17;

/** Fingerprints of salesforce/hassh, python/hasshGen/hassh_fingerprints.csv, with what they are made of. */
const DROPBEAR_2018 = {
  hassh: 'e22efe3cde8b396b874c3f13fdb6c61a',
  lists: {
    0: 'curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,kexguess2@matt.ucc.asn.au',
    2: 'aes128-ctr,aes256-ctr,aes128-cbc,aes256-cbc,3des-ctr,3des-cbc',
    4: 'hmac-sha1-96,hmac-sha1,hmac-sha2-256',
    6: 'zlib@openssh.com,zlib,none',
  },
};
const DROPBEAR_2016 = {
  hassh: '7742887e2a57712bdb91a772093f54ce',
  lists: {
    0: 'curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,kexguess2@matt.ucc.asn.au',
    2: 'aes128-ctr,aes256-ctr,aes128-cbc,aes256-cbc,twofish256-cbc,twofish-cbc,twofish128-cbc,3des-ctr,3des-cbc',
    4: 'hmac-sha1-96,hmac-sha1,hmac-sha2-256,hmac-sha2-512,hmac-md5',
    6: 'zlib@openssh.com,zlib,none',
  },
};

describe('what conversations say', () => {
  it('tls: name, protocol and fingerprint of the whole hello alone', () => {
    const hello = tlsClientHello('shop.example.org', { protocols: ['h2', 'http/1.1'] });
    const facts = new Dialogue(8443).client(hello);
    expect(facts).toMatchObject({ service: 'tls', serverName: 'shop.example.org', alpn: 'h2' });
    expect(facts?.ja4).toMatch(/^t13d0306h2_/);
    const cut = new Dialogue(8443).client(hello.subarray(0, 120));
    expect(cut).toMatchObject({ serverName: 'shop.example.org' });
    expect(cut?.ja4).toBeUndefined();
  });

  it('tls: the second hello after a change of cipher', () => {
    const hello = tlsClientHello('again.example.org');
    const dialogue = new Dialogue(443);
    dialogue.client(hello);
    const facts = dialogue.client(Buffer.concat([Buffer.from('140303000101', 'hex'), hello]));
    expect(facts?.serverName).toBe('again.example.org');
    expect(dialogue.client(Buffer.from('140303000101', 'hex'))).toBeNull();
  });

  it('dns: question, code and count of answers', () => {
    const question = { id: 1, name: 'www.Example.org', type: 28 };
    const dialogue = new Dialogue(53, UDP);
    const asked = { service: 'dns', state: 0, dnsQuery: 'www.Example.org', dnsType: 28 };
    expect(dialogue.client(dnsQuery(question))).toEqual(asked);
    const answer = dnsResponse(question, [{ address: '2001:db8::5' }, { address: '2001:db8::6' }]);
    expect(dialogue.server(answer)).toEqual({ ...asked, dnsResponseCode: 0, dnsAnswers: 2 });
    answer[3] = 0x83;
    expect(dialogue.server(answer)).toMatchObject({ dnsResponseCode: 3 });
    const overTcp = Buffer.concat([Buffer.from([0, answer.length]), answer]);
    expect(new Dialogue(53).server(overTcp)).toMatchObject({ dnsQuery: 'www.Example.org', dnsAnswers: 2 });
    const odd = dnsQuery({ id: 1, name: 'a b\u0007' });
    expect(new Dialogue(53, UDP).client(odd)?.dnsQuery).toBe('a\\032b\\007');
  });

  it('dhcp: kind of message and name of the host', () => {
    const message = dhcp({ messageType: 3, clientMac: '02:00:00:00:00:01', hostname: 'kiosk' });
    const dialogue = new Dialogue(67, UDP);
    expect(dialogue.client(message)).toEqual({ service: 'dhcp', state: 0, dhcpMessageType: 3, dhcpHostname: 'kiosk' });
  });

  it('http: method, host and user agent, then the status; not what is in a body', () => {
    const dialogue = new Dialogue(8080);
    expect(dialogue.client(httpRequest('news.example.org'))).toMatchObject({
      service: 'http',
      httpMethod: 'GET',
      httpHost: 'news.example.org',
      httpUserAgent: 'Mozilla/5.0',
    });
    expect(dialogue.server('HTTP/1.1 404 Not Found\r\n\r\n')).toMatchObject({ httpStatus: 404 });
    expect(dialogue.client('POST /x HTTP/1.1\r\nA: b\r\n\r\n\r\nHost: no\r\n')).toEqual({
      service: 'http',
      state: 2,
      httpMethod: 'POST',
    });
    expect(dialogue.client('HELLO this is a body\r\n')).toBeNull();
    const connect = new Dialogue(3128);
    connect.client('CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n');
    expect(connect.client(tlsClientHello('a.example'))).toMatchObject({ service: 'http', serverName: 'a.example' });
  });

  it('ssh: identification strings and HASSH of either end, in one segment or two', () => {
    const dialogue = new Dialogue(2222);
    expect(dialogue.server('SSH-2.0-OpenSSH_9.6\r\n')).toEqual({
      service: 'ssh',
      state: 0,
      sshServer: 'SSH-2.0-OpenSSH_9.6',
    });
    const packet = sshKeyExchange(DROPBEAR_2018.lists);
    const first = Buffer.concat([Buffer.from('SSH-2.0-dropbear_2018.76\r\n'), packet]);
    expect(dialogue.client(first)).toEqual({
      service: 'ssh',
      state: 0,
      sshClient: 'SSH-2.0-dropbear_2018.76',
      hassh: DROPBEAR_2018.hassh,
    });
    const { lists } = DROPBEAR_2016;
    const server = sshKeyExchange({ 0: lists[0], 3: lists[2], 5: lists[4], 7: lists[6] });
    expect(dialogue.server(server.subarray(0, 100))?.hasshServer).toBeUndefined();
    // The other end's packet comes between.
    const client = sshKeyExchange(lists);
    expect(dialogue.client(client.subarray(0, 60))?.hassh).toBeUndefined();
    expect(dialogue.server(server.subarray(100))?.hasshServer).toBe(DROPBEAR_2016.hassh);
    expect(dialogue.client(client.subarray(60, 200))?.hassh).toBeUndefined();
    expect(dialogue.client(client.subarray(200))?.hassh).toBe(DROPBEAR_2016.hassh);
    expect(dialogue.client(Buffer.alloc(100, 0xd5))).toBeNull();
  });

  it('rdp: cookie and the security that was chosen', () => {
    const dialogue = new Dialogue(3389);
    const request = Buffer.from('Cookie: mstshash=administrator\r\n\x01\x00\x08\x00\x03\x00\x00\x00', 'latin1');
    expect(dialogue.client(rdpConnection('request', request))).toEqual({
      service: 'rdp',
      state: 0,
      rdpCookie: 'mstshash=administrator',
      user: 'administrator',
    });
    const confirm = Buffer.from([2, 0, 8, 0, 2, 0, 0, 0]);
    expect(dialogue.server(rdpConnection('confirm', confirm))).toEqual({
      service: 'rdp',
      state: 0,
      rdpSelectedProtocol: 2,
    });
  });

  it('names of users in the clear, and never a password', () => {
    expect(new Dialogue(21).client('USER root\r\n')?.user).toBe('root');
    expect(new Dialogue(110).client('USER a b\r\n')?.user).toBe('a b');
    expect(Object.keys(new Dialogue(21).client('PASS secret\r\n') ?? {})).toEqual(['service', 'state']);
    for (const version of [1, 2] as const) {
      expect(new Dialogue(445).client(smbSessionSetup(version, 'CORP', 'Jürgen'))?.user).toBe('J\\195\\188rgen');
    }
    expect(new Dialogue(445).client(smbSessionSetup(2, 'CORP', 'eve').subarray(0, 150))?.user).toBeUndefined();
  });

  it('smb: the dialect that was chosen', () => {
    expect(new Dialogue(445).server(smbNegotiated(0x0311))).toMatchObject({
      service: 'smb',
      smbCommand: 0,
      smbDialect: '3.1.1',
    });
    expect(new Dialogue(445).server(smbNegotiated('NT LM 0.12'))).toMatchObject({
      smbCommand: 0x72,
      smbDialect: 'NT LM 0.12',
    });
  });

  it.each([
    ['ftp', 21, '220 files.example.org FTP ready\r\n', '220 files.example.org FTP ready', 220],
    ['ftp', 2121, '220 ProFTPD FTP Server\r\n', '220 ProFTPD FTP Server', 220],
    ['smtp', 25, '220-mx.example.org\r\n220 ESMTP\r\n', '220-mx.example.org', 220],
    ['smtp', 2526, '220 mx.example.org ESMTP Postfix\r\n', '220 mx.example.org ESMTP Postfix', 220],
    ['pop3', 1110, '+OK Dovecot ready.\r\n', '+OK Dovecot ready.', undefined],
    ['imap', 1143, '* OK [CAPABILITY IMAP4rev1] ready\r\n', '* OK [CAPABILITY IMAP4rev1] ready', undefined],
    ['telnet', 23, '\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0\r\nrouter\x1b1\r\nlogin: ', 'router\\0271', undefined],
  ])('%s on port %i: greeting and code', (service, port, line, greeting, replyCode) => {
    const dialogue = new Dialogue(port);
    expect(dialogue.server(line)).toMatchObject({ service, greeting, ...(replyCode && { replyCode }) });
    expect(dialogue.server(line)?.greeting).toBeUndefined();
  });

  it('cuts texts to their limits', () => {
    const long = 'a'.repeat(3000);
    expect(
      new Dialogue(80).client(`GET / HTTP/1.1\r\nUser-Agent: ${'b'.repeat(500)}\r\n\r\n`)?.httpUserAgent,
    ).toHaveLength(128);
    expect(new Dialogue(21).server(`220 ${long}\r\n`)?.greeting).toHaveLength(128);
    expect(new Dialogue(22).server(`SSH-2.0-${long}\r\n`)?.sshServer).toHaveLength(128);
    expect(
      new Dialogue(53, UDP).client(dnsQuery({ id: 1, name: Array(40).fill('\u0001bcd').join('.') }))?.dnsQuery?.length,
    ).toBeLessThanOrEqual(255);
  });
});

describe('a service is known', () => {
  it('by nothing that does not begin like it', () => {
    for (const text of [
      'GARBAGE\r\n',
      '\x16\x04\x01\x00\x10\x01\x00',
      '\x03\x00\x00\x08\x02\xf0\x80',
      'ab',
      '',
      '299 number',
    ]) {
      expect(new Dialogue(9999).client(text)).toBeNull();
    }
    expect(new Dialogue(9999, UDP).client(Buffer.alloc(40, 0x5a))).toBeNull();
    expect(new Dialogue(47).client(Buffer.alloc(40, 0x5a))).toBeNull();
  });

  it('by its port where nothing was said', () => {
    expect([serviceOfPort(6, 443), serviceOfPort(17, 443), serviceOfPort(6, 5432), serviceOfPort(17, 123)]).toEqual([
      'tls',
      'quic',
      'postgresql',
      'ntp',
    ]);
    expect([serviceOfPort(6, 40000), serviceOfPort(17, 22), serviceOfPort(132, 80)]).toEqual([null, null, null]);
  });
});
