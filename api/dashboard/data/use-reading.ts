/** Whether someone reads a list right now, so that it stays put: scrolled down, or with a row at hand. */
import { useCallback, useRef } from 'preact/hooks';

/** Scrolled further than this, someone reads what is below. */
const READING_PX = 40;

/** @returns the same function from drawing to drawing */
export function useReading(hasRow = false): () => boolean {
  const latest = useRef(hasRow);
  latest.current = hasRow;
  return useCallback(() => scrollY > READING_PX || latest.current, []);
}
