/** Ways from what is seen to what is behind it. */
import type { ComponentChildren } from 'preact';
import type { Changes } from '../data/address.js';
import { useWorkplace } from '../data/workplace.js';
import { isIpAddress } from '../words/addresses.js';
import { techniqueAddress } from '../words/alerts.js';

/** An address that leads to all that is known of the host; anything else as it is. */
export function HostLink({ host, changes = {} }: { readonly host: string | null; readonly changes?: Changes }) {
  const { address } = useWorkplace();
  if (host === null) return null;
  if (!isIpAddress(host)) return <span class="mono">{host}</span>;
  return (
    <a
      class="mono host"
      href={address.href(`/hosts/${encodeURIComponent(host).replaceAll('%3A', ':')}`, { q: null, ...changes })}
    >
      {host}
    </a>
  );
}

/** The way from a page that shows nothing to all data; nothing where that is looked at already. */
export function useAllDataLink(path: string): ComponentChildren {
  const { scope, address } = useWorkplace();
  return (
    scope.range.kind !== 'all' && (
      <a href={address.href(path, { range: 'all', from: null, to: null })}>Look at all data</a>
    )
  );
}

export function Time({ iso, micros = false }: { readonly iso: string; readonly micros?: boolean }) {
  const { times } = useWorkplace();
  return (
    <time dateTime={iso} title={`${iso} (UTC)`}>
      {micros ? times.micros(iso) : times.time(iso)}
    </time>
  );
}

export function Severity({ severity, name }: { readonly severity: number; readonly name: string }) {
  return <span class={`tag severity-${severity}`}>{name}</span>;
}

/** Techniques of MITRE ATT&CK, each with the way to what it is. */
export function Techniques({
  techniques,
}: {
  readonly techniques: readonly { readonly id: string; readonly name: string; readonly tactic?: string }[];
}) {
  return (
    <ul class="plain">
      {techniques.map(({ id, name, tactic }) => (
        <li key={id}>
          <a href={techniqueAddress(id)} target="_blank" rel="noreferrer">
            {id}
          </a>{' '}
          {name} {tactic && <span class="muted">{tactic}</span>}
        </li>
      ))}
    </ul>
  );
}

/** Some of them, with how many more there are. */
export function Hosts({ hosts, most }: { readonly hosts: readonly string[]; readonly most: number }) {
  return (
    <span class="hosts">
      {hosts.slice(0, most).map((host) => (
        <HostLink key={host} host={host} />
      ))}
      {hosts.length > most && <span class="muted">and {hosts.length - most} more</span>}
    </span>
  );
}
