/** The top of every page: where one is, what needs attention, and whether the page follows what happens. */
import { useEffect, useState } from 'preact/hooks';
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useOnPush } from '../data/use-on-push.js';
import { useWorkplace } from '../data/workplace.js';
import { PAGES } from '../pages.js';
import { formatCount } from '../words/numbers.js';
import { browserZone } from '../words/times.js';
import { HelpDialog } from './help-dialog.js';
import { Liveness } from './notices.js';

const COUNT_EVERY_MS = 15_000;
const COUNT_AGAIN_MS = 2_000;

/** Alerts that nobody has dealt with, whatever page is shown. */
function useUnresolved(): number {
  const { looked } = useWorkplace();
  const call = looked === null ? null : calls.alerts({ ...looked, resolved: 'false', limit: 1 });
  const { data, reload } = useAnswer(call, COUNT_EVERY_MS);
  useOnPush(reload, COUNT_AGAIN_MS);
  return data?.counts.unresolved ?? 0;
}

export function Header({ title }: { readonly title: string }) {
  const { address, isPaused, setPaused, nodes } = useWorkplace();
  const [isMenuOpen, setMenuOpen] = useState(false);
  const unresolved = useUnresolved();
  const ailing = nodes.filter(({ state }) => state === 'stale' || state === 'offline').length;
  useEffect(() => {
    document.title = `${unresolved > 0 ? `(${formatCount(unresolved)}) ` : ''}${title === 'Overview' ? '' : `${title} · `}nta`;
  }, [title, unresolved]);
  useEffect(() => setMenuOpen(false), [address.path]);
  const badges: Readonly<Record<string, number>> = { '/alerts': unresolved, '/nodes': ailing };
  const section = `/${address.path.split('/')[1] ?? ''}`;
  return (
    <header class="top">
      <a class="brand" href={address.href('/')} aria-label="nta, overview">
        <img src="/icon.svg" alt="" width="24" height="24" />
        <span aria-hidden="true">nta</span>
      </a>
      <button
        type="button"
        class="menu-button"
        aria-expanded={isMenuOpen}
        aria-controls="menu"
        onClick={() => setMenuOpen(!isMenuOpen)}
      >
        {title} <span aria-hidden="true">▾</span>
      </button>
      <nav id="menu" aria-label="Pages" data-open={isMenuOpen}>
        {PAGES.filter(({ inMenu }) => inMenu).map((page) => (
          <a
            key={page.path}
            href={address.href(page.path)}
            aria-current={page.path === address.path ? 'page' : page.path === section ? 'true' : undefined}
          >
            {page.title}
            {(badges[page.path] ?? 0) > 0 && (
              <span class="badge">
                {formatCount(badges[page.path] ?? 0)}
                <span class="hidden">{page.path === '/alerts' ? ' unresolved' : ' silent'}</span>
              </span>
            )}
          </a>
        ))}
      </nav>
      <Liveness />
      <button type="button" id="pause" onClick={() => setPaused(!isPaused)}>
        {isPaused ? 'Resume' : 'Pause'}
      </button>
      <HelpDialog />
    </header>
  );
}

export function Footer() {
  const { times, preferences, setPreferences } = useWorkplace();
  const own = browserZone();
  return (
    <footer class="foot">
      <span id="zone">
        Times in {times.zoneName}.{' '}
        {own !== 'UTC' && (
          <button
            type="button"
            class="link"
            onClick={() => setPreferences({ zone: preferences.zone === 'utc' ? 'local' : 'utc' })}
          >
            Show {preferences.zone === 'utc' ? own : 'UTC'}
          </button>
        )}
      </span>
      <a href="/api/docs" target="_blank" rel="noreferrer">
        API
      </a>
      <a href="/api/health" target="_blank" rel="noreferrer">
        Health
      </a>
    </footer>
  );
}
