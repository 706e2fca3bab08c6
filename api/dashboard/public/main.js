/** The dashboard: loads what is shown every two seconds, and wires the controls to the address and the API. */
import { renderAlertDetail, showAlerts } from './alerts.js';
import { ApiError, callApi, setToken, takeTokenFromAddress } from './client.js';
import { byId, element, segments } from './elements.js';
import { formatAge, formatInteger, formatTime } from './format.js';
import { renderPacketDetail, showPackets } from './packets.js';
import { showNodes, showProtocols, showTiles, showTops } from './rankings.js';
import { createTrafficChart } from './traffic-chart.js';
import { PACKET_FILTERS, RANGES, rangeQuery, readViewState, writeViewState } from './view-state.js';

const REFRESH_MS = 2_000;
/** After failures the pause grows up to this, so that a server in trouble is left some air. */
const RETRY_MAX_MS = 15_000;
/** Data older than this, while the dashboard runs, is called stale. */
const STALE_MS = 10_000;
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

const chart = createTrafficChart(byId('traffic-chart'), byId('traffic-legend'));

// --- Loading

async function refresh() {
  clearTimeout(timer);
  const mine = ++generation;
  try {
    const range = rangeQuery(state.range);
    const resolved = state.status === 'all' ? {} : { resolved: state.status === 'resolved' ? 'true' : 'false' };
    const [stats, alerts, unresolved, nodes, packets] = await Promise.all([
      callApi('/stats', { ...range, buckets: 180, top: 10 }),
      loadPages(
        '/alerts',
        'alerts',
        { ...range, ...resolved, min_severity: state.severity, rule: state.rule },
        alertPages,
      ),
      callApi('/alerts', { ...range, resolved: 'false', limit: 1 }),
      callApi('/nodes'),
      loadPackets(range),
    ]);
    if (mine !== generation) return;
    show(stats, alerts, unresolved.counts, nodes.nodes, packets);
    failures = 0;
    loadedAt = Date.now();
    showNotice('');
  } catch (error) {
    if (mine !== generation) return;
    if (!(error instanceof ApiError)) throw error;
    failures++;
    if (error.status === 401) askForToken(error.message);
    else showNotice(noticeOf(error), 'error');
  } finally {
    if (mine === generation) {
      showLiveness();
      schedule();
    }
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

function schedule() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  timer = setTimeout(
    refresh,
    failures === 0 ? REFRESH_MS : Math.min(RETRY_MAX_MS, REFRESH_MS * 2 ** Math.min(failures, 4)),
  );
}

/** @param {ApiError} error */
function noticeOf(error) {
  const kept = loadedAt === 0 ? '' : ` What you see is from ${formatTime(new Date(loadedAt).toISOString())}.`;
  return `${error.message}${kept} Trying again by itself.`;
}

// --- Showing

function show(stats, alerts, unresolved, nodes, packets) {
  lastStats = stats;
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

  showAlerts(alerts.items, {
    onOpen: openAlert,
    onHost: (host) => filterPackets({ host }),
    onResolve: (id) => decide('resolve', id, ''),
  });
  const shownCount =
    {
      unresolved: alerts.counts.unresolved,
      resolved: alerts.counts.resolved,
      all: alerts.counts.unresolved + alerts.counts.resolved,
    }[state.status] ?? 0;
  byId('alerts-subtitle').textContent =
    `${formatInteger(shownCount)}${shownCount >= 10_000 ? '+' : ''} ${state.status === 'all' ? '' : `${state.status} `}${rangeWords()}`;
  showEmpty('alerts-empty', alerts.items.length === 0, emptyAlerts());
  byId('alerts-more').hidden = alerts.next === null;

  const selection = getSelection();
  const selecting = selection && !selection.isCollapsed && byId('packet-rows').contains(selection.anchorNode);
  if (!selecting) {
    showPackets(packets.items, { onHost: (host) => filterPackets({ host }), onOpen: openPacket });
    const filtered = PACKET_FILTERS.some((name) => state[name] !== '');
    byId('packets-subtitle').textContent =
      `newest ${formatInteger(packets.items.length)} ${filtered ? 'that match ' : ''}${rangeWords()}`;
    showEmpty(
      'packets-empty',
      packets.items.length === 0 && packets.problem === '',
      filtered ? 'No packets match the filter in this range.' : emptyTraffic(),
    );
    byId('packets-more').hidden = packets.next === null;
  }
  byId('packet-problem').hidden = packets.problem === '';
  byId('packet-problem').textContent = packets.problem;
  document.title = unresolved.unresolved > 0 ? `(${unresolved.unresolved}) nta` : 'nta';
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

const rangeWords = () =>
  state.range === 'all' ? 'in all data' : `in the last ${RANGES.find(({ value }) => value === state.range)?.label}`;

function emptyTraffic() {
  if (!lastStats?.data_from) return 'No traffic has been stored yet.';
  return state.range === 'all'
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

/** @param {string} text @param {string} [kind] */
function showNotice(text, kind = 'error') {
  const notice = byId('notice');
  notice.hidden = text === '';
  notice.dataset.kind = kind;
  if (notice.textContent !== text) notice.textContent = text;
}

function showLiveness() {
  const age = Date.now() - loadedAt;
  const live = byId('live');
  const [name, text] =
    failures > 0
      ? ['away', loadedAt === 0 ? 'No data yet' : `No answer for ${formatAge(age)}`]
      : loadedAt === 0
        ? ['waiting', 'Connecting…']
        : paused
          ? ['paused', `Paused at ${formatTime(new Date(loadedAt).toISOString())}`]
          : age > STALE_MS
            ? ['stale', `Stale: ${formatAge(age)} old`]
            : ['live', 'Live'];
  live.dataset.state = name;
  // Only a change is announced by a screen reader.
  if (byId('live-text').textContent !== text) byId('live-text').textContent = text;
}

// --- Alerts

/** @param {string} id */
async function openAlert(id) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('alert-dialog'));
  try {
    renderInto(dialog, await callApi(`/alerts/${encodeURIComponent(id)}`));
    if (!dialog.open) dialog.showModal();
  } catch (error) {
    report(error);
  }
}

/** @param {HTMLDialogElement} dialog @param {any} alert */
function renderInto(dialog, alert) {
  dialog.replaceChildren(
    renderAlertDetail(alert, {
      onClose: () => dialog.close(),
      onHost: (host) => {
        dialog.close();
        filterPackets({ host });
      },
      onDecide: async (action, note) => {
        const decided = await decide(action, alert.id, note);
        if (decided) renderInto(dialog, decided);
      },
    }),
  );
}

/**
 * @param {'resolve' | 'reopen'} action
 * @param {string} id
 * @param {string} note
 */
async function decide(action, id, note) {
  try {
    const alert = await callApi(
      `/alerts/${encodeURIComponent(id)}/${action}`,
      {},
      { method: 'POST', body: { by: 'dashboard', ...(note.trim() === '' ? {} : { note }) } },
    );
    refresh();
    return alert;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401)
      askForToken(error.message, () => decide(action, id, note).then(() => reopenDetail(id)));
    else report(error);
    return null;
  }
}

/** The dialog still shows the alert as it was before the token was asked for. @param {string} id */
function reopenDetail(id) {
  if (/** @type {HTMLDialogElement} */ (byId('alert-dialog')).open) openAlert(id);
}

/** @param {unknown} error */
function report(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) askForToken(error.message);
  else showNotice(error.message);
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

// --- The token

let afterToken = () => {};

/** @param {string} reason @param {() => void} [then] what to try again with the token */
function askForToken(reason, then = refresh) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('token-dialog'));
  afterToken = then;
  byId('token-reason').textContent = reason;
  if (!dialog.open) dialog.showModal();
  byId('token').focus();
}

byId('token-form').addEventListener('submit', () => {
  const input = /** @type {HTMLInputElement} */ (byId('token'));
  setToken(input.value.trim());
  input.value = '';
  afterToken();
});
byId('token-cancel').addEventListener('click', () => {
  setToken('');
  /** @type {HTMLDialogElement} */ (byId('token-dialog')).close();
  showNotice('Without the token this cannot be done. Reload to be asked again.');
});

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
    for (const input of byId(id).querySelectorAll('input')) input.checked = input.value === state[name];
  }
  /** @type {HTMLSelectElement} */ (byId('alert-severity')).value = state.severity ?? '';
  /** @type {HTMLSelectElement} */ (byId('alert-rule')).value = state.rule ?? '';
  showFilter();
}

segments(byId('range'), RANGES, state.range, (range) => changeState({ range }));
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
for (const [value, label] of [
  ['', 'all'],
  ['2', 'low and above'],
  ['3', 'medium and above'],
  ['4', 'high and above'],
  ['5', 'critical'],
]) {
  byId('alert-severity').append(element('option', { value }, label));
}
for (const [value, label] of [
  ['', 'all'],
  ['port-scan', 'Port scan'],
  ['syn-flood', 'SYN flood'],
  ['brute-force', 'Brute force'],
  ['arp-spoofing', 'ARP spoofing'],
]) {
  byId('alert-rule').append(element('option', { value }, label));
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
  showLiveness();
  if (!paused) refresh();
});
for (const dialog of document.querySelectorAll('dialog')) {
  // A click on the backdrop has the dialog itself as its target.
  if (dialog.id !== 'token-dialog')
    dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
}
document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer);
  else if (!paused) refresh();
});
window.addEventListener('popstate', () => {
  state = readViewState();
  showControls();
  refresh();
});
setInterval(showLiveness, 1000);

byId('zone').textContent = `Times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
showControls();
refresh();
