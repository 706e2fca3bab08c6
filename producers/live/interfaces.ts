/** The interfaces of this machine: what can be captured on, and whether this user may. Linux in full; elsewhere names and addresses. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { libpcapUnavailable } from './libpcap-engine.js';
import { tcpdumpVersion } from './tcpdump-engine.js';

export interface NetworkInterface {
  readonly name: string;
  /** "192.0.2.1/24", "2001:db8::1/64". */
  readonly addresses: readonly string[];
  /** As the kernel says it: up, down, unknown, dormant … */
  readonly state: string;
  /** "ethernet", "loopback", … */
  readonly linkType: string;
  /** Whether the IPv4 default route leaves by it. */
  readonly defaultRoute: boolean;
  readonly capture: { readonly allowed: true } | { readonly allowed: false; readonly reason: string };
}

/** ARPHRD_ values of linux/if_arp.h. */
const HARDWARE_TYPES: Readonly<Record<string, string>> = {
  '1': 'ethernet',
  '32': 'infiniband',
  '512': 'ppp',
  '768': 'ipip',
  '772': 'loopback',
  '776': 'sit',
  '778': 'gre',
  '801': 'ieee802.11',
  '803': 'ieee802.11 radiotap',
  '65534': 'none',
};

export async function listInterfaces(): Promise<NetworkInterface[]> {
  const addresses = networkInterfaces();
  const [names, defaultRoute, capture] = await Promise.all([
    readdir('/sys/class/net').catch(() => Object.keys(addresses)),
    defaultRouteInterface(),
    capturePermission(),
  ]);
  const list = await Promise.all(
    names.map(async (name) => ({
      name,
      addresses: (addresses[name] ?? []).map(({ cidr, address }) => cidr ?? address),
      state: (await readLine(`/sys/class/net/${name}/operstate`)) ?? 'unknown',
      linkType: await linkTypeOf(name),
      defaultRoute: name === defaultRoute,
      capture,
    })),
  );
  if (process.platform === 'linux') {
    const any = { name: 'any', addresses: [], state: 'up', linkType: 'linux cooked', defaultRoute: false, capture };
    list.push(any);
  }
  return list.sort((a, b) => Number(b.defaultRoute) - Number(a.defaultRoute) || a.name.localeCompare(b.name));
}

/** The interface of the IPv4 default route with the lowest metric; null when there is none. */
export async function defaultRouteInterface(): Promise<string | null> {
  const table = (await readFile('/proc/net/route', 'utf8').catch(() => '')).split('\n').slice(1);
  let best: { name: string; metric: number } | null = null;
  for (const line of table) {
    const [name, destination, , flags, , , metric, mask] = line.split('\t').map((field) => field.trim());
    const up = (Number.parseInt(flags ?? '0', 16) & 1) !== 0;
    if (name === undefined || destination !== '00000000' || mask !== '00000000' || !up) continue;
    if (best === null || Number(metric) < best.metric) best = { name, metric: Number(metric) };
  }
  return best?.name ?? null;
}

const CAP_NET_RAW = 13;

/** Whether this process may open packet sockets, and with it its children. */
export async function mayOpenPacketSockets(): Promise<boolean> {
  // Elsewhere than on Linux the attempt tells.
  if (process.platform !== 'linux') return true;
  // Node cannot ask the kernel.
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return ((effective >> BigInt(CAP_NET_RAW)) & 1n) === 1n;
}

/**
 * Whether a child may open a packet socket: this process has CAP_NET_RAW to pass on, or the program file of tcpdump has
 * it.
 */
export async function capturePermission(): Promise<NetworkInterface['capture']> {
  const tcpdump = (await tcpdumpVersion()) !== null;
  if (!tcpdump && libpcapUnavailable() !== null) {
    return { allowed: false, reason: 'tcpdump is not installed: install it (apt install tcpdump)' };
  }
  if (await mayOpenPacketSockets()) return { allowed: true };
  const program = await findProgram('tcpdump');
  if (tcpdump && program !== null && (await capabilitiesOf(program)).includes('cap_net_raw')) return { allowed: true };
  return {
    allowed: false,
    reason: `this user may not capture: run as root, or once: sudo setcap cap_net_raw,cap_net_admin=eip ${program ?? '"$(command -v tcpdump)"'}`,
  };
}

async function linkTypeOf(name: string): Promise<string> {
  const type = await readLine(`/sys/class/net/${name}/type`);
  return type === null ? 'unknown' : (HARDWARE_TYPES[type] ?? `arphrd ${type}`);
}

async function readLine(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  return text === null ? null : text.trim();
}

/** getcap is in /sbin on Debian, which a user's PATH may lack. */
async function capabilitiesOf(program: string): Promise<string> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/sbin:/usr/sbin` };
  return new Promise((resolve) => execFile('getcap', [program], { env }, (_, output) => resolve(output)));
}

async function findProgram(name: string): Promise<string | null> {
  const output = await new Promise<string>((resolve) =>
    execFile('sh', ['-c', `command -v ${name}`], (_, found) => resolve(found)),
  );
  return output.trim() === '' ? null : output.trim();
}
