/** A server of the DNS on loopback that answers questions for names of addresses (PTR, RFC 1035), or keeps silent. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface DnsServer {
  /** As `Resolver.setServers` takes it. */
  readonly address: string;
  /** Questions so far. */
  readonly questions: string[];
  close(): Promise<void>;
}

const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);

/** @param names by question, "7.2.0.192.in-addr.arpa"; null where nothing is answered, other questions have no such name. */
export async function startDnsServer(names: Readonly<Record<string, string | null>>): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at]!; length > 0; length = query[at]!) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = labels.join('.');
    questions.push(question);
    const name = names[question];
    if (name === null) return;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(name === undefined ? 0x8183 : 0x8180, 2);
    header.writeUInt16BE(name === undefined ? 0 : 1, 6);
    header.fill(0, 8);
    const answer = name === undefined ? Buffer.alloc(0) : nameBytes(name);
    const fixed = Buffer.from('c00c000c00010000003c0000', 'hex');
    fixed.writeUInt16BE(answer.length, 10);
    const parts = [header, query.subarray(12, at + 5), ...(name === undefined ? [] : [fixed, answer])];
    socket.send(Buffer.concat(parts), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    questions,
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}
