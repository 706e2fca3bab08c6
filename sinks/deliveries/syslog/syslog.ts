/** Alerts to a syslog receiver: messages of RFC 5424 over UDP, TCP or TLS, the alert in them as ECS JSON or CEF. */
import { projectVersion } from '../../../runtime/process/project.js';
import { type AlertReceiver, defineOutput } from '../output.js';
import { DatagramReceiver } from './datagram-receiver.js';
import { syslogMessage } from './message.js';
import { readSyslogEndpoint, syslogOptions } from './options.js';
import { StreamReceiver } from './stream-receiver.js';

export const syslog = defineOutput({
  name: 'syslog',
  summary: 'send alerts to syslog (RFC 5424 over UDP, TCP or TLS; ECS JSON or CEF)',
  options: syslogOptions,
  addressOf: ({ syslogAddress }) => (syslogAddress === '' ? null : syslogAddress),
  open: (settings, { timeoutMs, warn }): AlertReceiver => {
    const endpoint = readSyslogEndpoint(settings, warn);
    const receiver =
      endpoint.transport === 'udp' ? new DatagramReceiver(endpoint) : new StreamReceiver(endpoint, timeoutMs);
    const header = { facility: endpoint.facility, hostName: endpoint.hostName, version: projectVersion };
    return {
      address: settings.syslogAddress,
      deliver: ({ document }) => receiver.send(syslogMessage(document, endpoint.format, header)),
      close: () => receiver.close(),
    };
  },
});
