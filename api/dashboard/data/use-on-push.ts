/** Acts on alerts that are pushed: on the first at once, and while more come so often and no more. */
import { useEffect } from 'preact/hooks';
import { useWorkplace } from './workplace.js';

/** @param onPush kept from drawing to drawing */
export function useOnPush(onPush: () => void, everyMs: number): void {
  const { stream } = useWorkplace();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isDue = false;
    const act = (): void => {
      isDue = false;
      onPush();
      timer = setTimeout(() => {
        timer = undefined;
        if (isDue) act();
      }, everyMs);
    };
    const pushed = (): void => {
      isDue = true;
      if (timer === undefined) act();
    };
    const leave = stream.subscribe({ onAlert: pushed, onReset: pushed });
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [stream, onPush, everyMs]);
}
