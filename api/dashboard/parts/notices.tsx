/** What the page says about itself: what came of an action, and a server that does not answer. */
import { useEffect, useState } from 'preact/hooks';
import { useWorkplace } from '../data/workplace.js';
import { formatAge } from '../words/numbers.js';

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly undo: (() => void) | undefined;
}

export function Notices({
  notices,
  onDismiss,
}: {
  readonly notices: readonly Notice[];
  readonly onDismiss: (id: number) => void;
}) {
  return (
    <div class="notices" role="status">
      {notices.map(({ id, text, undo }) => (
        <p key={id} class="notice">
          <span>{text}</span>
          {undo && (
            <button
              type="button"
              onClick={() => {
                onDismiss(id);
                undo();
              }}
            >
              Undo
            </button>
          )}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => onDismiss(id)}>
            ✕
          </button>
        </p>
      ))}
    </div>
  );
}

/** Whether the server answers, as the API sees it. */
export function useReach() {
  const { api } = useWorkplace();
  const [reach, setReach] = useState(api.reach);
  useEffect(() => api.subscribe(() => setReach(api.reach)), [api]);
  return reach;
}

export function OutageBanner() {
  const { failures, answeredAt, problem } = useReach();
  const { times } = useWorkplace();
  if (failures === 0) return null;
  const kept = answeredAt === 0 ? '' : ` What you see is from ${times.time(new Date(answeredAt).toISOString())}.`;
  return (
    <p id="outage" class="banner" role="alert">
      {problem}
      {kept} Trying again by itself.
    </p>
  );
}

/** A word about how fresh the page is; a change alone is read out. */
export function Liveness() {
  const { failures, answeredAt } = useReach();
  const { isPaused } = useWorkplace();
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const [state, text] =
    failures > 0
      ? ['away', answeredAt === 0 ? 'No data yet' : `No answer for ${formatAge(now - answeredAt)}`]
      : answeredAt === 0
        ? ['waiting', 'Connecting…']
        : isPaused
          ? ['paused', 'Paused']
          : ['live', 'Live'];
  return (
    <span id="live" class="live" data-state={state}>
      <span class="dot" aria-hidden="true" />
      <span id="live-text">{text}</span>
    </span>
  );
}
