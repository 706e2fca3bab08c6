/** The table of alerts, and the dialog with the evidence and history of one. */
import { byId, element, updateChildren } from './elements.js';
import { formatInteger, formatTime, formatTimeMicros, portName } from './format.js';

/**
 * @param {readonly any[]} alerts
 * @param {{ onOpen: (id: string) => void, onHost: (host: string) => void, onResolve: (id: string) => void }} actions
 */
export function showAlerts(alerts, { onOpen, onHost, onResolve }) {
  updateChildren(
    byId('alert-rows'),
    alerts,
    ({ id }) => id,
    (alert) =>
      element(
        'tr',
        {},
        element('td', {}, severityTag(alert)),
        element('td', { class: 'nowrap' }, alert.rule_name),
        element(
          'td',
          { class: 'source nowrap mono' },
          alert.source_ip
            ? element(
                'button',
                { type: 'button', class: 'link', title: 'Show its packets', onclick: () => onHost(alert.source_ip) },
                alert.source,
              )
            : alert.source,
        ),
        element(
          'td',
          { class: 'message' },
          element(
            'button',
            { type: 'button', class: 'link', title: 'Show evidence and history', onclick: () => onOpen(alert.id) },
            alert.message,
          ),
        ),
        timeCell(alert.first_seen, 'time first-seen'),
        timeCell(alert.last_seen, 'time'),
        element('td', {}, statusOf(alert)),
        element(
          'td',
          { class: 'action' },
          alert.resolved
            ? null
            : element(
                'button',
                { type: 'button', 'aria-label': `Resolve: ${alert.message}`, onclick: () => onResolve(alert.id) },
                'Resolve',
              ),
        ),
      ),
  );
}

function severityTag({ severity, severity_name: name }) {
  return element('span', { class: `tag severity-${severity}` }, name);
}

function statusOf({ status, resolved }) {
  const state = resolved ? 'resolved' : status;
  return element(
    'span',
    { class: 'state', 'data-state': state },
    state === 'open' ? 'going on' : state === 'closed' ? 'ended' : 'resolved',
  );
}

/** @param {string} iso @param {string} name */
function timeCell(iso, name) {
  return element('td', { class: name, title: iso }, formatTime(iso));
}

/**
 * @param {any} alert with its history
 * @param {{ onDecide: (action: 'resolve' | 'reopen', note: string) => void, onHost: (host: string) => void, onClose: () => void }} actions
 */
export function renderAlertDetail(alert, { onDecide, onHost, onClose }) {
  const { evidence } = alert;
  const note = /** @type {HTMLTextAreaElement} */ (
    element('textarea', { placeholder: 'Note for the history (optional)', 'aria-label': 'Note', maxlength: 4000 })
  );
  const last = alert.history.findLast(({ document: event }) => event !== null);
  return element(
    'div',
    { class: 'dialog-body' },
    element(
      'div',
      { class: 'dialog-title' },
      severityTag(alert),
      element('h2', { id: 'alert-dialog-title' }, alert.message),
      element('button', { type: 'button', class: 'quiet', onclick: onClose, 'aria-label': 'Close' }, '✕'),
    ),
    facts([
      [
        'Rule',
        `${alert.rule_name}${alert.technique_ids.length > 0 ? ` · ATT&CK ${alert.technique_ids.join(', ')}` : ''}`,
      ],
      [
        'Source',
        alert.source_ip
          ? element(
              'button',
              { type: 'button', class: 'link mono', title: 'Show its packets', onclick: () => onHost(alert.source_ip) },
              alert.source,
            )
          : alert.source,
      ],
      [
        'Destination',
        [
          alert.destination_ip,
          alert.destination_port === null ? null : `port ${alert.destination_port} ${portName(alert.destination_port)}`,
        ]
          .filter(Boolean)
          .join(' '),
      ],
      [
        'Status',
        element('span', {}, statusOf(alert), alert.close_reason ? ` (${alert.close_reason.replaceAll('_', ' ')})` : ''),
      ],
      [
        'Resolved',
        alert.resolved
          ? `${formatTime(alert.resolved_at)} by ${alert.resolved_by}${alert.note ? `: ${alert.note}` : ''}`
          : '',
      ],
      ['First seen', formatTimeMicros(alert.first_seen)],
      ['Threshold crossed', formatTimeMicros(alert.crossed_at)],
      ['Last seen', formatTimeMicros(alert.last_seen)],
      ['Seen by', alert.capture_nodes.join(', ')],
    ]),
    element(
      'section',
      {},
      element('h3', { class: 'section-title' }, 'Evidence'),
      facts(evidenceFacts(evidence, alert)),
    ),
    element('section', {}, element('h3', { class: 'section-title' }, 'History'), history(alert.history)),
    last?.document
      ? element(
          'details',
          {},
          element('summary', {}, 'The latest event as the SIEM gets it (Elastic Common Schema)'),
          element('pre', {}, JSON.stringify(last.document, null, 2)),
        )
      : null,
    element(
      'div',
      { class: 'actions' },
      note,
      element(
        'button',
        {
          type: 'button',
          class: 'primary',
          onclick: () => onDecide(alert.resolved ? 'reopen' : 'resolve', note.value),
        },
        alert.resolved ? 'Reopen' : 'Resolve',
      ),
    ),
  );
}

/** Empty values are left out. @param {readonly (readonly [string, Node | string])[]} pairs */
export function facts(pairs) {
  const list = element('dl', { class: 'facts' });
  for (const [name, value] of pairs) {
    if (value !== '') list.append(element('dt', {}, name), element('dd', {}, value));
  }
  return list;
}

/** @returns {[string, Node | string][]} */
function evidenceFacts(evidence, alert) {
  const sample = ({ distinct, sample: values }) =>
    `${formatInteger(distinct)} distinct: ${values.join(', ')}${distinct > values.length ? ', …' : ''}`;
  return [
    ['Packets', formatInteger(alert.packets)],
    ['Peak in the window', evidence.peak === undefined ? '' : formatInteger(evidence.peak)],
    ['Rate', evidence.rate ? `${formatInteger(evidence.rate)} a second` : ''],
    ['Ports', evidence.ports ? sample(evidence.ports) : ''],
    ['Targets', evidence.targets ? sample(evidence.targets) : ''],
    [
      'MAC addresses',
      evidence.macs
        ? element(
            'ul',
            { class: 'history' },
            ...evidence.macs.map(({ mac, first_seen: first, last_seen: lastSeen }) =>
              element(
                'li',
                {},
                element('span', { class: 'mono' }, mac),
                ` ${formatTime(first)} – ${formatTime(lastSeen)}`,
              ),
            ),
          )
        : '',
    ],
    ...Object.entries(evidence.details ?? {}).map(
      ([name, value]) => /** @type {[string, string]} */ ([name.replaceAll('_', ' '), String(value)]),
    ),
  ];
}

const ACTIONS = {
  open: 'opened',
  update: 'updated',
  close: 'ended',
  resolve: 'resolved',
  reopen: 'reopened',
  note: 'noted',
};

function history(events) {
  const shown = events.length > 12 ? [...events.slice(0, 4), null, ...events.slice(-8)] : events;
  return element(
    'ol',
    { class: 'history' },
    ...shown.map((event) =>
      event === null
        ? element('li', { class: 'hint' }, `… ${formatInteger(events.length - 12)} more …`)
        : element(
            'li',
            {},
            element('time', { datetime: event.occurred_at }, formatTime(event.occurred_at)),
            ` ${ACTIONS[event.action] ?? event.action}${event.actor ? ` by ${event.actor}` : ''}${event.note ? `: ${event.note}` : ''}`,
          ),
    ),
  );
}
