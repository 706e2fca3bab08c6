/** Files that are read again when they change: whoever renews them may write several, or one in steps. */
import { watch } from 'chokidar';

export interface WatchedFiles {
  close(): Promise<void>;
}

/** @param settleMs they are read when all have been still for so long. */
export async function watchFiles(
  files: readonly string[],
  settleMs: number,
  onChange: () => void,
): Promise<WatchedFiles> {
  const watcher = watch([...files], { ignoreInitial: true });
  let timer: NodeJS.Timeout | undefined;
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(onChange, settleMs);
  });
  await new Promise<void>((resolve) => {
    watcher.once('ready', () => resolve());
  });
  return {
    close: async () => {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}
