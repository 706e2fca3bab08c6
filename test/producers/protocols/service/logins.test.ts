/** Logins that a server refuses or takes, in the words of each service. */
import { describe, expect, it } from 'vitest';
import type { ServiceFacts } from '../../../../producers/protocols/service/service-facts.js';
import { Dialogue } from '../../../support/service-dialogue.js';

type Line = readonly ['client' | 'server', string | Buffer];

/** One for each payload: `-` refused, `+` taken, `.` neither. */
function verdicts(dialogue: Dialogue, lines: readonly Line[]): string {
  return lines
    .map(([who, text]) => {
      const facts: ServiceFacts | null = dialogue[who](text);
      expect(facts?.loginFailed && facts?.loginSucceeded).toBeFalsy();
      return facts?.loginFailed ? '-' : facts?.loginSucceeded ? '+' : '.';
    })
    .join('');
}

function c(text: string): Line {
  return ['client', `${text}\r\n`];
}

function s(text: string): Line {
  return ['server', `${text}\r\n`];
}

const NTLM_1 = 'TlRMTVNTUAABAAAAB4IIogAAAAAAAAAA';
const NTLM_3 = 'TlRMTVNTUAADAAAAGAAYAHgAAAAYABgA';

describe('logins', () => {
  it.each<[string, number, Line[], string]>([
    [
      'ftp',
      21,
      [s('220 ready'), c('USER root'), s('331 password'), c('PASS a'), s('530 no'), c('PASS b'), s('230 in')],
      '....-.+',
    ],
    [
      'ftp',
      21,
      [s('220 ready'), c('LIST'), s('530 Please login with USER and PASS.'), c('QUIT'), s('221 bye')],
      '.....',
    ],
    ['ftp', 21, [s('530 Login incorrect.')], '-'],
    [
      'smtp',
      25,
      [
        s('220 mx ESMTP'),
        c('EHLO a'),
        s('250-mx'),
        c('AUTH LOGIN'),
        s('334 VXNlcm5hbWU6'),
        c('cm9vdA=='),
        s('535 5.7.8 no'),
      ],
      '......-',
    ],
    [
      'smtp',
      587,
      [s('220 mx ESMTP'), c('AUTH PLAIN AGEAYg=='), s('235 2.7.0 yes'), c('MAIL FROM:<a@b>'), s('550 no')],
      '..+..',
    ],
    [
      'pop3',
      110,
      [
        s('+OK POP3'),
        c('USER a'),
        s('+OK'),
        c('PASS b'),
        s('-ERR no'),
        c('USER a'),
        s('+OK'),
        c('PASS c'),
        s('+OK in'),
      ],
      '....-...+',
    ],
    [
      'pop3',
      110,
      [s('+OK POP3'), c('AUTH PLAIN'), s('+ '), c('AGEAYg=='), s('-ERR [AUTH] no'), c('STAT'), s('-ERR what')],
      '....-..',
    ],
    [
      'imap',
      143,
      [
        s('* OK IMAP4rev1'),
        c('a1 CAPABILITY'),
        s('* CAPABILITY IMAP4rev1\r\na1 OK done'),
        c('a2 LOGIN a b'),
        s('a2 NO no'),
      ],
      '....-',
    ],
    [
      'imap',
      143,
      [
        s('* OK ready'),
        c('. AUTHENTICATE PLAIN'),
        s('+ '),
        c('AGEAYg=='),
        s('* CAPABILITY X\r\n. OK in'),
        c('b LIST "" *'),
        s('b NO x'),
      ],
      '....+..',
    ],
    ['imap', 143, [s('* OK ready'), c('a LOGIN a'), s('a BAD syntax')], '...'],
    [
      'telnet',
      23,
      [s('\xff\xfb\x01Ubuntu\r\nlogin: '), c('root'), s('Password: '), c('x'), s('\r\nLogin incorrect\r\nlogin: ')],
      '...'.concat('.-'),
    ],
    [
      'telnet',
      23,
      [['server', 'router\r\nPassword: '], c('x'), ['server', '\r\nPassword: '], c('y'), ['server', '\r\nrouter>']],
      '..-.+',
    ],
    [
      'telnet',
      23,
      [
        ['server', 'box login: '],
        c('a'),
        ['server', 'Password: '],
        ['client', 'x'],
        c(''),
        ['server', '\r\nbox login: '],
      ],
      '.....-',
    ],
    [
      'telnet',
      2323,
      [['server', 'dvr login: '], c('a'), ['server', 'Password:'], c('a'), ['server', '\r\nLast login: today\r\n']],
      '....+',
    ],
  ])('%s on port %i', (service, port, lines, expected) => {
    const dialogue = new Dialogue(port);
    expect(verdicts(dialogue, lines)).toBe(expected);
    expect(dialogue.service).toBe(service);
  });

  it('http: refused with credentials or by a form, not as a challenge', () => {
    const get = (authorization: string): Line => ['client', `GET / HTTP/1.1\r\nHost: a\r\n${authorization}\r\n`];
    const basic = get('Authorization: Basic YTpi\r\n');
    const answer = (status: number): Line => ['server', `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`];
    const post: Line = ['client', 'POST /login HTTP/1.1\r\nHost: a\r\n\r\nuser=a'];
    expect(verdicts(new Dialogue(80), [get(''), answer(401), basic, answer(401), basic, answer(200)])).toBe('...-.+');
    expect(verdicts(new Dialogue(80), [get(''), answer(403), post, answer(403), post, answer(200)])).toBe('...-..');
    expect(verdicts(new Dialogue(80), [basic, answer(100), answer(403), answer(401)])).toBe('..-.');
    const ntlm = (message: string): Line => get(`Authorization: NTLM ${message}\r\n`);
    expect(verdicts(new Dialogue(80), [ntlm(NTLM_1), answer(401), ntlm(NTLM_3), answer(401)])).toBe('...-');
  });

  it('nothing is said of what STARTTLS hides', () => {
    const dialogue = new Dialogue(25);
    const hidden = Buffer.from('1703030020'.padEnd(74, 'a'), 'hex');
    const lines: Line[] = [s('220 mx ESMTP'), c('STARTTLS'), s('220 go'), ['client', hidden], ['server', hidden]];
    expect(verdicts(dialogue, lines)).toBe('.....');
  });
});

describe('logins of Windows', () => {
  const smb2 = (status: number, sessionFlags = 0, command = 1): Buffer => {
    const header = Buffer.alloc(4 + 64 + 9);
    header.writeUInt32BE(header.length - 4, 0);
    header.write('\xfeSMB', 4, 'latin1');
    header.writeUInt32LE(status, 4 + 8);
    header.writeUInt16LE(command, 4 + 12);
    header.writeUInt32LE(1, 4 + 16);
    header.writeUInt16LE(9, 4 + 64);
    header.writeUInt16LE(sessionFlags, 4 + 66);
    return header;
  };
  const smb1 = (status: number, action = 0): Buffer => {
    const header = Buffer.alloc(4 + 32 + 12);
    header.writeUInt32BE(header.length - 4, 0);
    header.write('\xffSMB\x73', 4, 'latin1');
    header.writeUInt32LE(status, 4 + 5);
    header[4 + 9] = 0x88;
    header[4 + 32] = 3;
    header[4 + 32 + 5] = action;
    return header;
  };

  it('smb: by the status of a session setup, guests apart', () => {
    const status = (bytes: Buffer): string => verdicts(new Dialogue(445), [['server', bytes]]);
    for (const refused of [0xc000006d, 0xc000006a, 0xc0000064, 0xc0000072, 0xc0000193, 0xc0000234]) {
      expect(status(smb2(refused))).toBe('-');
      expect(status(smb1(refused))).toBe('-');
    }
    expect(status(smb2(0xc0000016))).toBe('.'); // more processing required
    expect([status(smb2(0)), status(smb2(0, 1)), status(smb2(0, 2)), status(smb2(0, 0, 3))]).toEqual([
      '+',
      '.',
      '.',
      '.',
    ]);
    expect([status(smb1(0)), status(smb1(0, 1))]).toEqual(['+', '.']);
    expect(new Dialogue(445).server(smb2(0xc000006d))).toMatchObject({
      service: 'smb',
      smbCommand: 1,
      smbStatus: 0xc000006d,
    });
  });

  const error = (code: number): Buffer =>
    Buffer.from(
      `7e2d302ba003020105a10302011ea411180f32303236303130313030303030305aa50302010aa60302 01${code.toString(16).padStart(2, '0')}`.replace(
        /\s/g,
        '',
      ),
      'hex',
    );

  it('kerberos: by the error of the KDC, that a password is wanted apart', () => {
    const said = (bytes: Buffer, transport: 6 | 17 = 17): ServiceFacts | null =>
      new Dialogue(88, transport).server(bytes);
    expect(said(error(24))).toEqual({
      service: 'kerberos',
      state: 0,
      kerberosMessageType: 30,
      kerberosErrorCode: 24,
      loginFailed: true,
    });
    expect(said(error(6))?.loginFailed).toBe(true);
    expect(said(error(25))).toEqual({ service: 'kerberos', state: 0, kerberosMessageType: 30, kerberosErrorCode: 25 });
    expect(said(Buffer.from('6b820100300000', 'hex'))).toEqual({
      service: 'kerberos',
      state: 0,
      kerberosMessageType: 11,
      loginSucceeded: true,
    });
    const overTcp = Buffer.concat([Buffer.from([0, 0, 0, error(24).length]), error(24)]);
    expect(said(overTcp, 6)?.kerberosErrorCode).toBe(24);
  });
});
