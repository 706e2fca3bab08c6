/** A real rsyslog on loopback that writes what it gets into a file, a line a message. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { until } from './sink-rows.js';

export interface SyslogServerOptions {
  /** Of this file system; made by the caller. */
  readonly folder: string;
  readonly port: number;
  /** PEM files, for TLS. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** What rsyslog made of a message. */
export interface ReceivedMessage {
  readonly facility: string;
  readonly severity: string;
  readonly host: string;
  readonly app: string;
  readonly id: string;
  readonly text: string;
}

export class SyslogServer {
  private child: ChildProcess | undefined;
  private readonly file: string;
  private errors = '';

  constructor(private readonly options: SyslogServerOptions) {
    this.file = join(options.folder, 'messages');
  }

  /** On the port: UDP, and TCP or TLS. */
  async start(): Promise<void> {
    const { folder, port, tls } = this.options;
    const configuration = join(folder, 'rsyslog.conf');
    writeFileSync(configuration, this.configuration());
    const child = spawn('rsyslogd', ['-n', '-f', configuration, '-i', join(folder, 'rsyslogd.pid')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    await until(() => canConnect(port), 20_000).catch((error: unknown) => {
      throw new Error(`rsyslogd does not listen${tls ? ' with TLS' : ''}: ${this.errors}`, { cause: error });
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  get messages(): ReceivedMessage[] {
    if (!existsSync(this.file)) return [];
    const lines = readFileSync(this.file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => {
      const [facility, severity, host, app, id, ...text] = line.split('\t');
      return { facility: facility!, severity: severity!, host: host!, app: app!, id: id!, text: text.join('\t') };
    });
  }

  private configuration(): string {
    const { folder, port, tls } = this.options;
    const line = '%syslogfacility-text%\\t%syslogseverity-text%\\t%hostname%\\t%app-name%\\t%msgid%\\t%msg%\\n';
    const secured = tls
      ? `global(DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="${tls.ca}" DefaultNetstreamDriverCertFile="${tls.cert}" DefaultNetstreamDriverKeyFile="${tls.key}")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.Authmode="anon")`
      : 'module(load="imtcp")';
    return `global(workDirectory="${folder}" maxMessageSize="64k")
module(load="imudp")
${secured}
template(name="line" type="string" string="${line}")
ruleset(name="all") { action(type="omfile" file="${this.file}" template="line" flushOnTXEnd="on") }
input(type="imudp" address="127.0.0.1" port="${port}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="${port}" ruleset="all")
`;
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
