/** Ports and ranges of them ("8000-8100"), as configurations and exceptions have them, one by one. */
export function readPorts(ports: readonly (string | number)[]): number[] {
  return ports.flatMap((port) => {
    if (typeof port === 'number') return [port];
    const [first, last = first] = port.split('-').map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
