/** Keys that act on the page, where nobody is typing. */
import { useEffect, useRef } from 'preact/hooks';
import { useMayDecide } from '../data/use-may-decide.js';

/** Whether a key is meant for a field, or goes with a key that makes it the browser's. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  const { target } = event;
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest('input, textarea, select, dialog[open]') !== null;
}

/** @param keys what each does, by `KeyboardEvent.key` */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const act = Object.hasOwn(latest.current, event.key) ? latest.current[event.key] : undefined;
      if (act === undefined || isTyping(event)) return;
      // A button or link takes Enter itself.
      if (event.key === 'Enter' && event.target instanceof Element && event.target.closest('a, button')) return;
      event.preventDefault();
      act();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}

/** Keys of a list: j and k go from row to row, Escape leaves them, and what others do. */
export function useRowKeys(
  rows: readonly { readonly id: string }[],
  current: string | null,
  setCurrent: (id: string | null) => void,
  others: Readonly<Record<string, () => void>>,
): void {
  const at = rows.findIndex(({ id }) => id === current);
  const move = (step: number): void => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    if (row !== undefined) setCurrent(row.id);
  };
  useKeys({ j: () => move(1), k: () => move(-1), Escape: () => setCurrent(null), ...others });
}

const NONE: Readonly<Record<string, () => void>> = {};

/** Keys that decide, or lead to deciding: for those who may, as the buttons that do the same are. */
export function useDecisionKeys(keys: Readonly<Record<string, () => void>>): void {
  useKeys(useMayDecide() ? keys : NONE);
}
