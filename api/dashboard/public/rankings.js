/** The lists beside the chart: protocols, sources, ports, capture nodes, and the tiles above them. */
import { byId, element, updateChildren } from './elements.js';
import {
  formatAge,
  formatBitRate,
  formatBytes,
  formatCount,
  formatInteger,
  formatPacketRate,
  formatShare,
  portName,
} from './format.js';
import { seriesClass } from './traffic-chart.js';

/** A bar as SVG: its length is data, and the page's policy allows no inline styles. @param {number} share @param {string} color */
function bar(share, color) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 100 5');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('class', color);
  svg.setAttribute('aria-hidden', 'true');
  const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  rect.setAttribute('width', String(Math.max(share * 100, share > 0 ? 0.6 : 0)));
  rect.setAttribute('height', '5');
  rect.setAttribute('fill', 'currentColor');
  svg.append(rect);
  return element('div', { class: 'track' }, svg);
}

/**
 * @param {string} id
 * @param {readonly { key: string, name: Node | string, aside?: string, packets: number, bytes: number, color?: string, title?: string, muted?: boolean, onclick?: () => void }[]} rows
 * @param {number} total packets that are 100 %
 */
function showRanking(id, rows, total) {
  const container = byId(id);
  if (rows.length === 0) {
    container.replaceChildren(element('p', { class: 'empty' }, 'No traffic in this range.'));
    return;
  }
  let list = container.querySelector('ul');
  if (!list) {
    list = /** @type {HTMLUListElement} */ (element('ul', { class: 'ranking' }));
    container.replaceChildren(list);
  }
  const most = Math.max(...rows.map(({ packets }) => packets), 1);
  updateChildren(
    list,
    rows.map((row) => ({
      ...row,
      share: formatShare(row.packets, total),
      length: Math.round((1000 * row.packets) / most) / 1000,
    })),
    ({ key }) => key,
    ({ name, aside, packets, bytes, share, length, color, title, onclick, muted }) =>
      element(
        'li',
        { title: title ?? `${formatInteger(packets)} packets, ${formatBytes(bytes)}` },
        element(
          'span',
          { class: `name${muted ? ' aside' : ''}` },
          onclick ? element('button', { class: 'link mono', type: 'button', onclick }, name) : name,
          aside ? element('span', { class: 'aside' }, ` ${aside}`) : null,
        ),
        element('span', { class: 'amount' }, formatCount(packets)),
        element('span', { class: 'share' }, share),
        bar(length, color ?? 'series-1'),
      ),
  );
}

/** @param {any} stats @param {readonly string[]} order */
export function showProtocols(stats, order) {
  showRanking(
    'protocols',
    stats.protocols.map((row) => ({
      key: row.protocol,
      name: row.protocol,
      aside: formatBytes(row.bytes),
      color: seriesClass(row.protocol, order),
      ...row,
    })),
    stats.totals.packets,
  );
  byId('protocols-subtitle').textContent = 'by packets';
}

/** @param {any} stats @param {(host: string) => void} onHost @param {(port: number, protocol: string) => void} onPort */
export function showTops(stats, onHost, onPort) {
  showRanking(
    'sources',
    stats.top_sources.map((row) => {
      const isRest = row.source === 'other';
      const isIp = /^[0-9.]+$|:.*:/.test(row.source) && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(row.source);
      return {
        ...row,
        key: row.source,
        name: isRest ? 'all others' : row.source || 'no address',
        aside: formatBytes(row.bytes),
        muted: isRest,
        color: isRest ? 'series-other' : 'series-1',
        onclick: isIp ? () => onHost(row.source) : undefined,
      };
    }),
    stats.totals.packets,
  );
  showRanking(
    'ports',
    stats.top_destination_ports.map((row) => ({
      ...row,
      key: `${row.protocol}/${row.destination_port}`,
      name: String(row.destination_port),
      aside: `${row.protocol}${portName(row.destination_port) ? ` · ${portName(row.destination_port)}` : ''}`,
      color: 'series-3',
      onclick: () => onPort(row.destination_port, row.protocol),
    })),
    stats.totals.packets,
  );
}

/** @param {readonly any[]} nodes */
export function showNodes(nodes) {
  const container = byId('nodes');
  const online = nodes.filter(({ state }) => state === 'online').length;
  byId('nodes-subtitle').textContent = nodes.length === 0 ? '' : `${online} of ${nodes.length} online`;
  updateChildren(
    byId('node-names'),
    nodes.map(({ capture_node }) => capture_node),
    (name) => name,
    (name) => element('option', { value: name }),
  );
  if (nodes.length === 0) {
    container.replaceChildren(element('p', { class: 'empty' }, 'No capture node has reported yet.'));
    return;
  }
  for (const child of container.querySelectorAll('.empty')) child.remove();
  updateChildren(
    container,
    nodes.map(({ capture_node: name, state, silent_seconds: silent, version, status }) => {
      const dropped = Object.entries(status.dropped ?? {}).filter(([, count]) => count > 0);
      const kernel = (status.interfaces ?? []).reduce((sum, { kernel_dropped }) => sum + (kernel_dropped ?? 0), 0);
      const lost = [...dropped, ...(kernel > 0 ? [['kernel', kernel]] : [])];
      return {
        name,
        state,
        version,
        age: state === 'online' ? '' : `silent for ${formatAge(silent * 1000)}`,
        rate:
          state === 'online'
            ? `${formatPacketRate(status.packets_per_second ?? 0)} · ${formatBitRate(status.bits_per_second ?? 0)}`
            : '',
        interfaces: (status.interfaces ?? []).map((card) => `${card.name}${card.up ? '' : ' (down)'}`).join(', '),
        loss: lost
          .map(
            ([reason, count]) =>
              `${formatInteger(/** @type {number} */ (count))} ${String(reason).replaceAll('_', ' ')}`,
          )
          .join(', '),
        spool:
          (status.spool_bytes ?? 0) > 0
            ? `spool ${formatBytes(status.spool_bytes)} of ${formatBytes(status.spool_max_bytes)}`
            : '',
      };
    }),
    ({ name }) => name,
    ({ name, state, version, age, rate, interfaces, loss, spool }) =>
      element(
        'div',
        { class: 'node' },
        element(
          'p',
          { class: 'headline' },
          element('span', { class: 'name', title: name }, name),
          element('span', { class: 'state', 'data-state': state }, state),
        ),
        element('p', {}, [rate, age, interfaces, `v${version}`].filter(Boolean).join(' · ')),
        loss || spool
          ? element('p', { class: 'loss' }, [loss && `dropped: ${loss}`, spool].filter(Boolean).join(' · '))
          : null,
      ),
  );
}

const LEVELS = ['', 'informational', 'low', 'medium', 'high', 'critical'];

/** @param {any} stats @param {{ unresolved: number, open: number, highest_severity: number }} alerts @param {readonly any[]} nodes */
export function showTiles(stats, alerts, nodes) {
  const { totals } = stats;
  const online = nodes.filter(({ state }) => state === 'online').length;
  const tiles = [
    {
      name: 'Packets',
      value: formatCount(totals.packets),
      note: `mean ${formatPacketRate(totals.packets_per_second)}`,
      title: formatInteger(totals.packets),
    },
    {
      name: 'Traffic',
      value: formatBytes(totals.bytes),
      note: `mean ${formatBitRate(totals.bits_per_second)}`,
      title: `${formatInteger(totals.bytes)} bytes`,
    },
    {
      name: 'Sources',
      value: `${totals.sources > 20 ? '≈ ' : ''}${formatCount(totals.sources)}`,
      note: 'distinct addresses',
      title: 'Estimated within 4 %',
    },
    {
      name: 'Connection attempts',
      value: formatCount(totals.tcp_flags.syn_only),
      note: `SYN without ACK, ${formatShare(totals.tcp_flags.syn_only, totals.packets)}`,
    },
    {
      name: 'Unresolved alerts',
      value: alerts.unresolved >= 10_000 ? '10,000+' : formatInteger(alerts.unresolved),
      note: alerts.unresolved === 0 ? 'nothing to do' : `${formatInteger(alerts.open)} still going on`,
      level: alerts.unresolved === 0 ? '' : LEVELS[alerts.highest_severity],
    },
    {
      name: 'Capture nodes',
      value: `${online} / ${nodes.length}`,
      note: nodes.length === 0 ? 'none has reported yet' : online === nodes.length ? 'all online' : 'online; see below',
      level: online === nodes.length ? '' : 'medium',
    },
  ];
  updateChildren(
    byId('tiles'),
    tiles,
    ({ name }) => name,
    ({ name, value, note, title, level }) =>
      element(
        'dl',
        { class: 'tile', title, 'data-level': level },
        element('dt', {}, name),
        element('dd', { class: 'value' }, value),
        element('dd', { class: 'note' }, note),
      ),
  );
}
