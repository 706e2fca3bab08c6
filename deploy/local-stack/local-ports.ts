/** Ports on 127.0.0.1 for the local servers. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below Linux's range for outgoing connections (32768 and up), so that a port kept for the next run stays free. */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;
const MOST_TRIES = 200;

/** The kept port where it is still free, otherwise a free one that is not among `taken`. */
export async function choosePort(kept: number | undefined, taken: readonly number[] = []): Promise<number> {
  if (kept !== undefined && !taken.includes(kept) && (await isFree(kept))) return kept;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port between ${LOWEST_PORT} and ${HIGHEST_PORT} on 127.0.0.1`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
