/** A detector as someone outside the project might get it wrong: it fails on every other probe and in its words. */
export const detector = {
  id: 'failing',
  name: 'Failing',
  severity: 1,
  packets: ['tcp-syn'],
  measure: 'count',
  threshold: { default: 2, minimum: 2, maximum: 10_000, help: 'SYN to an even port' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  createObserver: () => (block, row) => {
    if (block.destinationPort[row] % 2 === 1) throw new Error(`port ${block.destinationPort[row]} is odd`);
    return 0;
  },
  describe: () => {
    throw new Error('no words');
  },
};
