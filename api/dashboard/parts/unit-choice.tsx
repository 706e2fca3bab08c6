/** Bytes or packets: what amounts of a page are counted in, as the address says it. */
import { useWorkplace } from '../data/workplace.js';
import { Segments } from './panel.js';
import type { Unit } from './ranking.js';

export function useUnit(): Unit {
  const { address } = useWorkplace();
  return address.query.get('unit') === 'packets' ? 'packets' : 'bytes';
}

export function UnitChoice() {
  const { address } = useWorkplace();
  return (
    <Segments
      legend="What is counted"
      name="unit"
      value={useUnit()}
      choices={[
        { value: 'bytes', label: 'Bytes' },
        { value: 'packets', label: 'Packets' },
      ]}
      onChange={(value) => address.change({ unit: value === 'bytes' ? null : value })}
    />
  );
}
