/** What is shown, kept in the address so that a view can be bookmarked, shared and gone back to. */

export const RANGES = [
  { value: '15m', label: '15 min', hours: 0.25 },
  { value: '1h', label: '1 h', hours: 1 },
  { value: '24h', label: '24 h', hours: 24 },
  { value: '7d', label: '7 d', hours: 168 },
  { value: 'all', label: 'All data', title: 'Everything stored, also replayed captures of long ago' },
];

export const PACKET_FILTERS = ['host', 'protocol', 'port', 'tcp_flags', 'capture_node'];

/** `auto` is the last hour, or all data when that hour has none (a replayed capture of long ago). */
const DEFAULTS = { range: 'auto', unit: 'packets', status: 'unresolved', severity: '', rule: '' };

/** @returns {Record<string, string>} */
export function readViewState() {
  const parameters = new URLSearchParams(location.search);
  /** @type {Record<string, string>} */
  const state = { ...DEFAULTS };
  for (const name of [...Object.keys(DEFAULTS), ...PACKET_FILTERS])
    state[name] = parameters.get(name) ?? state[name] ?? '';
  if (!RANGES.some(({ value }) => value === state.range)) state.range = DEFAULTS.range;
  if (state.unit !== 'bits') state.unit = 'packets';
  if (!['unresolved', 'resolved', 'all'].includes(state.status)) state.status = DEFAULTS.status;
  if (!/^[1-5]?$/.test(state.severity)) state.severity = '';
  return state;
}

/** @param {Record<string, string>} state */
export function writeViewState(state) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (value !== '' && value !== DEFAULTS[/** @type {keyof typeof DEFAULTS} */ (name)]) parameters.set(name, value);
  }
  const search = parameters.size > 0 ? `?${parameters}` : '';
  if (search !== location.search) history.pushState(null, '', location.pathname + search);
}

/** The range as the API takes it. @param {string} range */
export function rangeQuery(range) {
  const hours = RANGES.find(({ value }) => value === range)?.hours;
  return hours === undefined ? {} : { hours };
}
