/** When an alert was first seen, crossed its threshold, went on, ended, and what people did when: as marks on a line. */
import type { AlertDetail } from '../../views/alert-view.js';
import { useWorkplace } from '../data/workplace.js';
import { actionWords } from '../words/alerts.js';
import { formatDuration } from '../words/numbers.js';
import { marksOf } from '../words/timeline.js';

export function Timeline({ alert }: { readonly alert: AlertDetail }) {
  const { times } = useWorkplace();
  const { marks, from, to, seen } = marksOf(alert);
  const words = marks.map(({ what, at }) => `${actionWords(what)} ${times.time(new Date(at).toISOString())}`);
  return (
    <figure class="timeline">
      <svg viewBox="0 0 1000 46" preserveAspectRatio="none" role="img" aria-label={`Course: ${words.join(', ')}`}>
        <line x1="0" y1="23" x2="1000" y2="23" class="axis" />
        <rect
          x={seen.start * 1000}
          y="17"
          width={Math.max(2, (seen.end - seen.start) * 1000)}
          height="12"
          class="seen"
        />
        {marks.map(({ what, at, place, isPerson }) => (
          <line
            key={`${what} ${at}`}
            x1={place * 1000}
            x2={place * 1000}
            y1={isPerson ? 25 : 6}
            y2={isPerson ? 42 : 32}
            class={isPerson ? 'by-person' : `by-detector ${what}`}
          >
            <title>{`${actionWords(what)}, ${times.time(new Date(at).toISOString())}`}</title>
          </line>
        ))}
      </svg>
      <figcaption>
        <span>{times.time(new Date(from).toISOString())}</span>
        <span class="muted">
          seen for {formatDuration((Date.parse(alert.last_seen) - Date.parse(alert.first_seen)) / 1000)}
        </span>
        <span>{times.time(new Date(to).toISOString())}</span>
      </figcaption>
    </figure>
  );
}
