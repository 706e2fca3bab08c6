/** Which alerts or incidents are listed, by whether they were resolved, as the address says it. */
import { useWorkplace } from '../data/workplace.js';
import { Segments } from './panel.js';

const STATUSES = [
  { value: 'unresolved', label: 'Unresolved' },
  { value: 'resolved', label: 'Resolved' },
  { value: 'all', label: 'All' },
] as const;
export type Status = (typeof STATUSES)[number]['value'];

export const readStatus = (query: URLSearchParams): Status =>
  STATUSES.find(({ value }) => value === query.get('status'))?.value ?? 'unresolved';

/** As the API asks for it; both where it is undefined. */
export const resolvedOf = (status: Status): string | undefined =>
  status === 'all' ? undefined : String(status === 'resolved');

export function StatusChoice({ legend, name }: { readonly legend: string; readonly name: string }) {
  const { address } = useWorkplace();
  return (
    <Segments
      legend={legend}
      name={name}
      value={readStatus(address.query)}
      choices={STATUSES}
      onChange={(status) => address.change({ status: status === 'unresolved' ? null : status })}
    />
  );
}
