/** The address bar as the page's state: paths and parameters that can be kept, shared and gone back to. */
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { SCOPE_PARAMETERS } from './scope.js';

export type Changes = Readonly<Record<string, string | null>>;

export interface Address {
  readonly path: string;
  readonly query: URLSearchParams;
  /** The address of a page: what is looked at goes along, `changes` come on top; null or '' takes a parameter away. */
  href(path: string, changes?: Changes): string;
  go(href: string, how?: 'push' | 'replace'): void;
  /** Changes parameters of this page. */
  change(changes: Changes, how?: 'push' | 'replace'): void;
}

function searchWith(query: URLSearchParams, changes: Changes): string {
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') parameters.delete(name);
    else parameters.set(name, value);
  }
  // Colons and commas may stand as they are, and are read more easily so.
  return parameters.size > 0 ? `?${parameters.toString().replaceAll('%3A', ':').replaceAll('%2C', ',')}` : '';
}

function carriedOn(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([name]) => (SCOPE_PARAMETERS as readonly string[]).includes(name)));
}

/** Follows the address, and follows links within the page without loading it anew. */
export function useAddressBar(): Address {
  const [location_, setLocation] = useState(() => location.pathname + location.search);
  const go = useCallback((href: string, how: 'push' | 'replace' = 'push') => {
    if (href === location.pathname + location.search) return;
    history[how === 'push' ? 'pushState' : 'replaceState'](null, '', href);
    setLocation(location.pathname + location.search);
  }, []);

  useEffect(() => {
    const follow = (): void => setLocation(location.pathname + location.search);
    const click = (event: MouseEvent): void => {
      const link = event.target instanceof Element ? event.target.closest('a') : null;
      const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
      if (link === null || !isPlain || event.defaultPrevented) return;
      const isOurs = link.origin === location.origin && !link.pathname.startsWith('/api/') && link.target === '';
      if (!isOurs || link.hasAttribute('download') || link.hash !== '') return;
      event.preventDefault();
      const isOtherPage = link.pathname !== location.pathname;
      go(link.pathname + link.search);
      if (isOtherPage) scrollTo(0, 0);
    };
    addEventListener('popstate', follow);
    document.addEventListener('click', click);
    return () => {
      removeEventListener('popstate', follow);
      document.removeEventListener('click', click);
    };
  }, [go]);

  return useMemo(() => {
    const [path = '/', search = ''] = location_.split(/\?(.*)/s);
    const query = new URLSearchParams(search);
    return {
      path,
      query,
      href: (to, changes = {}) => to + searchWith(carriedOn(query), changes),
      go,
      change: (changes, how) => go(path + searchWith(query, changes), how),
    };
  }, [location_, go]);
}
