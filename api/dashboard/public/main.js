/** The dashboard: loads what is shown every two seconds, alerts as they come, and wires the controls to the address and the API. */

import { createAlertActions } from './alert-dialog.js';
import { createAlertList } from './alert-list.js';
import { ALERT_RULES, SEVERITIES } from './alert-rules.js';
import { createAlertStream } from './alert-stream.js';
import { showAlerts } from './alerts.js';
import { ApiError, callApi, hasToken, setToken, takeTokenFromAddress } from './client.js';
import { byId, element, segments } from './elements.js';
import { formatInteger, formatTime } from './format.js';
import { renderPacketDetail, showPackets } from './packets.js';
import { showNodes, showProtocols, showTiles, showTops } from './rankings.js';
import { showLiveness, showNotice } from './status-line.js';
import { askForToken } from './token-dialog.js';
import { createTrafficChart } from './traffic-chart.js';
import { PACKET_FILTERS, RANGES, rangeQuery, readViewState, writeViewState } from './view-state.js';

const REFRESH_MS = 2_000;
/** After failures the pause grows up to this, so that a server in trouble is left some air. */
const RETRY_MAX_MS = 15_000;
const PAGE = 50;

takeTokenFromAddress();
let state = readViewState();
let paused = false;
let failures = 0;
let loadedAt = 0;
let alertPages = 1;
let packetPages = 1;
let generation = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {any} */
let lastStats = null;
let protocolOrder = [];
/** What `auto` stands for. */
let automaticRange = '1h';
const shownRange = () => (state.range === 'auto' ? automaticRange : state.range);

/** Whether the page's own reads wait for a token. */
let readsWait = false;
/** Whether a token was given and refused. */
let tokenRefused = false;

const alertActions = createAlertActions({ onDecided: () => refresh(), onHost: (host) => filterPackets({ host }) });
const alertList = createAlertList();
const alertStream = createAlertStream({ onAlert: alertPushed, onReset: () => refresh() });
/** @type {any} */
let shownAlerts = null;
/** Whether what was pushed is on the page. */
let alertsDrawn = true;
const chart = createTrafficChart(byId('traffic-chart'), byId('traffic-legend'));

// --- Loading

async function refresh() {
  clearTimeout(timer);
  const mine = ++generation;
  try {
    const range = rangeQuery(shownRange());
    // The packets of a rare filter may take seconds; the rest does not wait for them.
    await Promise.all([refreshOverview(mine, range), refreshPackets(mine, range)]);
    if (mine !== generation) return;
    failures = 0;
    loadedAt = Date.now();
    showNotice('');
    if (isLive()) alertStream.open();
  } catch (error) {
    if (mine !== generation) return;
    if (!(error instanceof ApiError)) throw error;
    failures++;
    refreshFailed(error);
  } finally {
    if (mine === generation) {
      showProgress();
      schedule();
    }
  }
}

/** @param {number} mine the generation that asks @param {{ hours?: number }} range */
async function refreshOverview(mine, range) {
  const resolved = state.status === 'all' ? {} : { resolved: state.status === 'resolved' ? 'true' : 'false' };
  const filter = { ...range, ...resolved, min_severity: state.severity, rule: state.rule };
  const { status, severity = '', rule = '' } = state;
  const since = range.hours === undefined ? null : Date.now() - range.hours * 3_600_000;
  const askedAt = performance.now();
  const [stats, alerts, unresolved, { nodes }] = await Promise.all([
    callApi('/stats', { ...range, buckets: chart.buckets(), top: 10 }),
    loadPages('/alerts', 'alerts', filter, alertPages),
    callApi('/alerts', { ...range, resolved: 'false', limit: 1 }),
    callApi('/nodes'),
  ]);
  if (mine !== generation) return;
  lastStats = stats;
  if (
    state.range === 'auto' &&
    automaticRange !== 'all' &&
    loadedAt === 0 &&
    stats.series.length === 0 &&
    stats.data_from
  ) {
    automaticRange = 'all';
    showControls();
    refresh();
    return;
  }
  showOverview(stats, unresolved.counts, nodes);
  showAlertList(alertList.load(alerts, { status, severity, rule, since }, askedAt));
}

/** Many may come at once: they are drawn together, with the next frame. @param {any} alert */
function alertPushed(alert) {
  const list = alertList.push(alert);
  if (list === null || paused) return;
  shownAlerts = list;
  if (!alertsDrawn) return;
  alertsDrawn = false;
  requestAnimationFrame(() => {
    alertsDrawn = true;
    showAlertList(shownAlerts);
  });
}

/** @param {number} mine the generation that asks @param {{ hours?: number }} range */
async function refreshPackets(mine, range) {
  const packets = await loadPackets(range);
  if (mine === generation) showPacketList(packets);
}

/** @param {ApiError} error */
function refreshFailed(error) {
  if (error.code === 'INVALID_TOKEN' && hasToken()) {
    // Mistyped, or the server has a new one. Reads on this machine may need none at all.
    setToken('');
    tokenRefused = true;
    refresh();
  } else if (error.status === 401) {
    readsWait = true;
    askForToken(
      tokenRefused ? 'The token was refused. Check it and try again.' : error.message,
      () => {
        readsWait = false;
        refresh();
      },
      () => showNotice('Nothing can be shown without the token. Reload to be asked again.'),
    );
  } else {
    const kept = loadedAt === 0 ? '' : ` What you see is from ${formatTime(new Date(loadedAt).toISOString())}.`;
    showNotice(`${error.message}${kept} Trying again by itself.`);
  }
}

/** Pages are asked for one after another: each starts where the one before ended. */
async function loadPages(path, name, query, pages) {
  const items = [];
  let answer;
  let next;
  for (let page = 0; page < pages; page++) {
    answer = await callApi(path, { ...query, limit: PAGE, next });
    items.push(...answer[name]);
    next = answer.next;
    if (next === null) break;
  }
  return { items, next, counts: answer?.counts };
}

/** A filter that is refused is told beside the filter and leaves the rest of the page alone. */
async function loadPackets(range) {
  const filter = Object.fromEntries(PACKET_FILTERS.map((name) => [name, state[name]]));
  try {
    return { ...(await loadPages('/packets', 'packets', { ...range, ...filter }, packetPages)), problem: '' };
  } catch (error) {
    if (error instanceof ApiError && (error.status === 400 || error.code === 'QUERY_TIMEOUT'))
      return { items: [], next: null, problem: error.message };
    throw error;
  }
}

const isLive = () => !paused && !document.hidden && !readsWait;

function schedule() {
  clearTimeout(timer);
  // While the token is asked for, asking again would only be refused again.
  if (!isLive()) return;
  timer = setTimeout(
    refresh,
    failures === 0 ? REFRESH_MS : Math.min(RETRY_MAX_MS, REFRESH_MS * 2 ** Math.min(failures, 4)),
  );
}

// --- Showing

/** @param {any} stats @param {any} unresolved counts of the alerts that are not resolved @param {readonly any[]} nodes */
function showOverview(stats, unresolved, nodes) {
  protocolOrder = stats.protocols.map(({ protocol }) => protocol);
  showTiles(stats, unresolved, nodes);
  showTraffic();
  showProtocols(stats, protocolOrder);
  showTops(
    stats,
    (host) => filterPackets({ host }),
    (port, protocol) => filterPackets({ port: String(port), protocol }),
  );
  showNodes(nodes);
  document.title = unresolved.unresolved > 0 ? `(${unresolved.unresolved}) nta` : 'nta';
}

/** @param {any} list */
function showAlertList(list) {
  const { items, next, counts } = list;
  shownAlerts = list;
  showAlerts(items, {
    onOpen: alertActions.open,
    onHost: (host) => filterPackets({ host }),
    onResolve: (id) => alertActions.decide('resolve', id, ''),
  });
  for (const { rule_id: rule, rule_name: name } of items) offerRule(rule, name);
  const all = counts.unresolved + counts.resolved;
  const count = { unresolved: counts.unresolved, resolved: counts.resolved, all }[state.status] ?? 0;
  byId('alerts-subtitle').textContent =
    `${formatInteger(count)}${count >= 10_000 ? '+' : ''} ${state.status === 'all' ? '' : `${state.status} `}${rangeWords()}`;
  showEmpty('alerts-empty', items.length === 0, emptyAlerts());
  byId('alerts-more').hidden = next === null;
}

/** Detections that are not built in are offered once one of their alerts was seen. @param {string} rule @param {string} name */
function offerRule(rule, name) {
  const select = /** @type {HTMLSelectElement} */ (byId('alert-rule'));
  if ([...select.options].some(({ value }) => value === rule)) return;
  select.append(element('option', { value: rule }, name));
  if (state.rule === rule) select.value = rule;
}

/** @param {any} list */
function showPacketList({ items, next, problem }) {
  byId('packet-problem').hidden = problem === '';
  byId('packet-problem').textContent = problem;
  const selection = getSelection();
  // Rows that somebody is about to copy stay.
  if (selection && !selection.isCollapsed && byId('packet-rows').contains(selection.anchorNode)) return;
  showPackets(items, { onHost: (host) => filterPackets({ host }), onOpen: openPacket });
  const filtered = PACKET_FILTERS.some((name) => state[name] !== '');
  byId('packets-subtitle').textContent =
    `newest ${formatInteger(items.length)} ${filtered ? 'that match ' : ''}${rangeWords()}`;
  const empty = filtered ? 'No packets match the filter in this range.' : emptyTraffic();
  showEmpty('packets-empty', items.length === 0 && problem === '', empty);
  byId('packets-more').hidden = next === null;
}

function showTraffic() {
  if (!lastStats) return;
  chart.update(lastStats, state.unit, protocolOrder);
  const seconds = lastStats.bucket_seconds;
  const width =
    seconds < 3600 ? `${seconds / 60} min` : seconds < 86_400 ? `${seconds / 3600} h` : `${seconds / 86_400} d`;
  byId('traffic-subtitle').textContent =
    lastStats.series.length === 0
      ? emptyTraffic()
      : `mean ${state.unit === 'bits' ? 'bit/s' : 'packets/s'} of each ${width}, by protocol`;
}

const showProgress = () => showLiveness({ failures, loadedAt, paused });

const rangeWords = () =>
  shownRange() === 'all' ? 'in all data' : `in the last ${RANGES.find(({ value }) => value === shownRange())?.label}`;

function emptyTraffic() {
  if (!lastStats?.data_from) return 'No traffic has been stored yet.';
  return shownRange() === 'all'
    ? 'No traffic.'
    : `No traffic in this range; there is some from ${formatTime(lastStats.data_from)} to ${formatTime(lastStats.data_to)}. Choose “All data”.`;
}

function emptyAlerts() {
  if (state.severity !== '' || state.rule !== '') return 'No alerts match the filter.';
  return state.status === 'unresolved' ? `No unresolved alerts ${rangeWords()}.` : `No alerts ${rangeWords()}.`;
}

/** @param {string} id @param {boolean} isEmpty @param {string} text */
function showEmpty(id, isEmpty, text) {
  byId(id).hidden = !isEmpty;
  byId(id).textContent = text;
}

// --- Packets

/** @param {any} packet */
function openPacket(packet) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('packet-dialog'));
  dialog.replaceChildren(renderPacketDetail(packet, () => dialog.close()));
  dialog.showModal();
}

/** Shows the packets of a host or a port, and nothing else of the filter before. @param {Record<string, string>} filter */
function filterPackets(filter) {
  changeState({ ...Object.fromEntries(PACKET_FILTERS.map((name) => [name, ''])), ...filter });
  showFilter();
  byId('packets').scrollIntoView({
    behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth',
  });
  byId('packets').focus({ preventScroll: true });
}

function showFilter() {
  const form = /** @type {HTMLFormElement} */ (byId('packet-filter'));
  /** @type {HTMLInputElement} */ for (const name of PACKET_FILTERS)
    form.elements.namedItem(name).value = state[name] ?? '';
}

// --- Controls

/** @param {Partial<Record<string, string>>} change */
function changeState(change) {
  state = /** @type {Record<string, string>} */ ({ ...state, ...change });
  alertPages = 1;
  packetPages = 1;
  writeViewState(state);
  refresh();
}

function showControls() {
  for (const [id, name] of [
    ['range', 'range'],
    ['unit', 'unit'],
    ['alert-status', 'status'],
  ]) {
    const value = name === 'range' ? shownRange() : state[name];
    for (const input of byId(id).querySelectorAll('input')) input.checked = input.value === value;
  }
  /** @type {HTMLSelectElement} */ (byId('alert-severity')).value = state.severity ?? '';
  /** @type {HTMLSelectElement} */ (byId('alert-rule')).value = state.rule ?? '';
  showFilter();
}

segments(byId('range'), RANGES, shownRange(), (range) => changeState({ range }));
segments(
  byId('unit'),
  [
    { value: 'packets', label: 'packets/s' },
    { value: 'bits', label: 'bit/s' },
  ],
  state.unit,
  (unit) => {
    state = { ...state, unit };
    writeViewState(state);
    showTraffic();
  },
);
segments(
  byId('alert-status'),
  [
    { value: 'unresolved', label: 'Unresolved' },
    { value: 'resolved', label: 'Resolved' },
    { value: 'all', label: 'All' },
  ],
  state.status,
  (status) => changeState({ status }),
);
for (const [id, choices] of /** @type {const} */ ([
  ['alert-severity', SEVERITIES],
  ['alert-rule', ALERT_RULES],
])) {
  byId(id).append(...choices.map(({ value, label }) => element('option', { value }, label)));
}
byId('alert-severity').addEventListener('change', (event) =>
  changeState({ severity: /** @type {HTMLSelectElement} */ (event.target).value }),
);
byId('alert-rule').addEventListener('change', (event) =>
  changeState({ rule: /** @type {HTMLSelectElement} */ (event.target).value }),
);
byId('alerts-more').addEventListener('click', () => {
  alertPages++;
  refresh();
});
byId('packets-more').addEventListener('click', () => {
  packetPages++;
  refresh();
});
byId('packet-filter').addEventListener('submit', (event) => {
  event.preventDefault();
  const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
  changeState(Object.fromEntries(PACKET_FILTERS.map((name) => [name, String(data.get(name) ?? '').trim()])));
});
byId('packet-filter').addEventListener('reset', (event) => {
  event.preventDefault();
  changeState(Object.fromEntries(PACKET_FILTERS.map((name) => [name, ''])));
  showFilter();
});
byId('pause').addEventListener('click', () => {
  paused = !paused;
  byId('pause').setAttribute('aria-pressed', String(paused));
  byId('pause').textContent = paused ? 'Resume' : 'Pause';
  clearTimeout(timer);
  if (paused) alertStream.close();
  showProgress();
  if (!paused) refresh();
});
for (const dialog of document.querySelectorAll('dialog')) {
  // A click on the backdrop has the dialog itself as its target.
  if (dialog.id !== 'token-dialog')
    dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
}
document.addEventListener('visibilitychange', () => {
  // A browser has few connections to a server, which all its tabs share.
  if (document.hidden) alertStream.close();
  if (document.hidden) clearTimeout(timer);
  else if (!paused) refresh();
});
window.addEventListener('popstate', () => {
  state = readViewState();
  showControls();
  refresh();
});
setInterval(showProgress, 1000);

byId('zone').textContent = `Times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
showControls();
refresh();
