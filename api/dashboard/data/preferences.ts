/** What a reader chose for this browser: the zone of times, and light or dark. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { Zone } from '../words/times.js';

export type Theme = 'system' | 'light' | 'dark';

export interface Preferences {
  readonly zone: Zone;
  readonly theme: Theme;
  /** Who decides, where the token names nobody. */
  readonly name: string;
}

const KEY = 'nta-preferences';
export const NAME_MAX = 200;

function read(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Record<keyof Preferences, unknown>>;
    return {
      zone: kept.zone === 'utc' ? 'utc' : 'local',
      theme: kept.theme === 'light' || kept.theme === 'dark' ? kept.theme : 'system',
      name: typeof kept.name === 'string' ? kept.name.slice(0, NAME_MAX) : '',
    };
  } catch {
    // Storage is off, or holds what is not ours.
    return { zone: 'local', theme: 'system', name: '' };
  }
}

export function usePreferences(): [Preferences, (changes: Partial<Preferences>) => void] {
  const [preferences, setPreferences] = useState(read);
  const change = useCallback((changes: Partial<Preferences>) => {
    setPreferences((before) => {
      const after = { ...before, ...changes };
      try {
        localStorage.setItem(KEY, JSON.stringify(after));
      } catch {
        // It holds for this tab.
      }
      return after;
    });
  }, []);
  useEffect(() => {
    document.documentElement.dataset['theme'] = preferences.theme;
  }, [preferences.theme]);
  return [preferences, change];
}
