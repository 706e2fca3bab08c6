import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { childScript } from '../../../producers/live/child-script.js';
import type { EngineOptions } from '../../../producers/live/engine.js';
import { chooseEngine } from '../../../producers/live/engine-choice.js';
import { mayOpenPacketSockets } from '../../../producers/live/interfaces.js';
import { libpcapEngine, libpcapUnavailable } from '../../../producers/live/libpcap-engine.js';
import { requireCondition, requireTool } from '../../support/requirement.js';

it('gives the engine asked for', async (context) => {
  requireTool(context, 'tcpdump');
  requireCondition(context, libpcapUnavailable() === null, libpcapUnavailable() ?? '');
  expect((await chooseEngine('tcpdump')).name).toBe('tcpdump');
  expect((await chooseEngine('libpcap')).name).toBe('libpcap');
});

it('prefers libpcap where this process may capture, and tcpdump, which may have the right to, where not', async (context) => {
  requireTool(context, 'tcpdump');
  requireCondition(context, libpcapUnavailable() === null, libpcapUnavailable() ?? '');
  expect((await chooseEngine('auto')).name).toBe((await mayOpenPacketSockets()) ? 'libpcap' : 'tcpdump');
});

it('says in libpcap’s words why it cannot capture', async (context) => {
  requireCondition(context, libpcapUnavailable() === null, libpcapUnavailable() ?? '');
  requireCondition(context, await mayOpenPacketSockets(), 'this user may not capture: run as root');
  const options: EngineOptions = {
    interface: 'lo',
    snapLength: 1024,
    kernelBufferBytes: 1024 ** 2,
    packetFilter: 'host nowhere and',
    promiscuous: false,
  };
  const { file, args } = libpcapEngine.command(options);
  expect(args[0]).toBe(childScript('libpcap-child.js'));
  const child = spawn(file, [...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(1);
  expect(said).toMatch(/^lo: .*(syntax error|unknown host)/);
});
