/** What the detector and people said about an alert, in order. */
import type { AlertDetail } from '../../views/alert-view.js';
import { actionWords, changeWords } from '../words/alerts.js';
import { formatInteger } from '../words/numbers.js';
import { Time } from './links.js';

const HEAD = 6;
const TAIL = 20;

export function AlertHistory({ history }: { readonly history: AlertDetail['history'] }) {
  const left = history.length - HEAD - TAIL;
  const head = left > 0 ? history.slice(0, HEAD) : history;
  const tail = left > 0 ? history.slice(-TAIL) : [];
  return (
    <ol class="history" id="history">
      {head.map((event) => (
        <Entry key={event.id} event={event} />
      ))}
      {left > 0 && <li class="hint">… {formatInteger(left)} more …</li>}
      {tail.map((event) => (
        <Entry key={event.id} event={event} />
      ))}
    </ol>
  );
}

function Entry({ event }: { readonly event: AlertDetail['history'][number] }) {
  const changes = changeWords(event);
  return (
    <li data-by={event.actor === null ? 'detector' : 'person'}>
      <Time iso={event.occurred_at} /> <b>{actionWords(event.action)}</b>
      {event.actor && ` by ${event.actor}`}
      {changes && <span class="muted"> {changes}</span>}
      {event.note && <q>{event.note}</q>}
    </li>
  );
}
