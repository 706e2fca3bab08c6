/** A detector as someone outside the project writes it, for `--detector`: many ICMP echo requests of one source. */
const ECHO_REQUEST = 8;

export const detector = {
  id: 'icmp-sweep',
  name: 'ICMP sweep',
  summary: 'A source sends many ICMP echo requests within the window.',
  techniques: [{ id: 'T1018', name: 'Remote System Discovery' }],
  severity: 2,
  packets: ['icmp'],
  measure: 'count',
  threshold: { default: 20, minimum: 2, maximum: 10_000, help: 'echo requests' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {
    type: { kind: 'integer', default: ECHO_REQUEST, minimum: 0, maximum: 255, help: 'ICMP type that counts' },
  },
  createObserver:
    ({ type }) =>
    (block, row) =>
      block.icmpType[row] === type ? 0 : -1,
  describe: ({ source, packets, targets }) => ({
    message: `${source} pinged ${targets.distinct} hosts with ${packets} echo requests`,
    details: {},
  }),
};
