/** A syslog receiver over UDP (RFC 5426): a datagram a message, and no way to know whether it arrived. */
import { createSocket, type Socket } from 'node:dgram';
import { messageOf } from '../../../runtime/process/failure.js';
import type { Verdict } from '../output.js';
import type { SyslogEndpoint } from './options.js';

/** Most that a datagram of IPv4 carries (RFC 5426, section 3.2 asks for no more than the path takes, which is not known). */
const DATAGRAM_BYTES_MAX = 65_507;

export class DatagramReceiver {
  private socket: Socket | null = null;

  constructor(private readonly endpoint: SyslogEndpoint) {}

  async send(message: Buffer): Promise<Verdict> {
    if (message.length > DATAGRAM_BYTES_MAX) {
      const detail = `its message has ${message.length} bytes, and a datagram takes ${DATAGRAM_BYTES_MAX}; use tcp:// or tls://`;
      return { kind: 'refused', reason: 'too_large', detail };
    }
    try {
      const socket = this.socket ?? (await this.open());
      await new Promise<void>((resolve, reject) => {
        socket.send(message, (error) => (error ? reject(error) : resolve()));
      });
      return { kind: 'delivered' };
    } catch (error) {
      this.close();
      return { kind: 'away', reason: 'connection', detail: messageOf(error) };
    }
  }

  close(): void {
    this.socket?.close();
    this.socket = null;
  }

  /** Connected, so that a host that has no receiver can say so (ICMP) at the next message. */
  private open(): Promise<Socket> {
    const { host, port } = this.endpoint;
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, host, () => {
        socket.off('error', reject);
        socket.on('error', () => {
          if (this.socket === socket) this.close();
        });
        this.socket = socket;
        resolve(socket);
      });
    });
  }
}
