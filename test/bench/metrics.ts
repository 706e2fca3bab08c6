/** Reads what a part says of itself on its `--metrics-port`. */
import getPort from 'get-port';

export function freePort(): Promise<number> {
  return getPort({ host: '127.0.0.1' });
}

/** The sum over all labels; 0 when the metric is not there yet. */
export async function readMetric(port: number, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await response.text();
  let sum = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}
