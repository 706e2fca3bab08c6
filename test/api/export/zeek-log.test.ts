import { describe, expect, it } from 'vitest';
import { type ZeekRow, zeekHead, zeekLine, zeekTail } from '../../../api/export/zeek-log.js';

const ROW: ZeekRow = {
  id: '-1',
  started: '1767258000.000001',
  duration: '1.500000',
  originator: '128.232.110.120',
  responder: '66.35.250.204',
  originator_port: 34_855,
  responder_port: 80,
  ip_protocol: 6,
  vlan: null,
  state: 4,
  history: 'ShADadFf',
  service: 'http',
  originator_packets: 5,
  responder_packets: 4,
  originator_bytes: '470',
  responder_bytes: '9007199254740991',
  originator_payload: '200',
  responder_payload: '0',
  link_type: 1,
};

const fieldsOf = (row: Partial<ZeekRow>): Record<string, string> => {
  const [, , , , , , fields] = zeekHead(new Date(0)).split('\n');
  const names = fields!.split('\t').slice(1);
  const values = zeekLine({ ...ROW, ...row })
    .replace(/\n$/, '')
    .split('\t');
  expect(values).toHaveLength(names.length);
  return Object.fromEntries(names.map((name, index) => [name, values[index]!]));
};

describe('a conn.log', () => {
  it('begins and ends as Zeek writes it', () => {
    const lines = zeekHead(new Date('2026-01-02T03:04:05.678Z')).split('\n');
    expect(lines.slice(0, 6)).toEqual([
      '#separator \\x09',
      '#set_separator\t,',
      '#empty_field\t(empty)',
      '#unset_field\t-',
      '#path\tconn',
      '#open\t2026-01-02-03-04-05',
    ]);
    expect(lines[6]!.split('\t').length).toBe(lines[7]!.split('\t').length);
    expect(zeekTail(new Date('2026-01-02T03:04:05Z'))).toBe('#close\t2026-01-02-03-04-05\n');
  });

  it('has a line a conversation', () => {
    expect(fieldsOf({})).toEqual({
      ts: '1767258000.000001',
      uid: 'C3w5e11264sgsf',
      'id.orig_h': '128.232.110.120',
      'id.orig_p': '34855',
      'id.resp_h': '66.35.250.204',
      'id.resp_p': '80',
      proto: 'tcp',
      service: 'http',
      duration: '1.500000',
      orig_bytes: '200',
      resp_bytes: '0',
      conn_state: 'SF',
      local_orig: '-',
      local_resp: '-',
      missed_bytes: '0',
      history: 'ShADadFf',
      orig_pkts: '5',
      orig_ip_bytes: '400',
      resp_pkts: '4',
      resp_ip_bytes: '9007199254740935',
      tunnel_parents: '-',
      community_id: '1:LQU9qZlK+B5F3KDmev6m5PMibrg=',
    });
  });

  it('leaves unset what a packet alone does not say, and takes off the headers of its link', () => {
    const one = {
      originator_packets: 1,
      responder_packets: 0,
      originator_bytes: '64',
      vlan: 7,
      service: null,
      history: '',
    };
    expect(fieldsOf(one)).toMatchObject({
      service: '-',
      duration: '-',
      orig_bytes: '-',
      resp_bytes: '-',
      history: '-',
      orig_ip_bytes: '46',
    });
    expect(fieldsOf({ link_type: 101 })).toMatchObject({ orig_ip_bytes: '470' });
    expect(fieldsOf({ ip_protocol: 58 })).toMatchObject({ proto: 'icmp' });
    expect(fieldsOf({ ip_protocol: 132 })).toMatchObject({ proto: 'unknown_transport' });
  });

  it('escapes what would end a field', () => {
    expect(fieldsOf({ service: 'a\tb\nc\\' }).service).toBe('a\\x09b\\x0ac\\x5c');
    expect(fieldsOf({ service: '-' }).service).toBe('\\x2d');
  });
});
