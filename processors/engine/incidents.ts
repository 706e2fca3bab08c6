/**
 * Incidents: what one source does, or what is done to one target, within a short time is one thing, however many detections say so. A
 * run of nmap is a port scan, a host sweep and probes of an operating system, and one incident.
 *
 * An episode joins the incident of its source (or, of detections keyed by target, of its target) when it begins no later than ten
 * minutes after the last episode of that incident has gone quiet. That depends on event time alone, never on when an episode
 * was closed, so that the same packets give the same incidents however they are batched, in `nta analyze`, in a fleet and after a restart. Sources and
 * targets are told apart: in a fleet both lie in the partition of the host, but what it did and what it received come in no one order.
 */
import { createHash } from 'node:crypto';
import type { IncidentSnapshot } from './changelog-reader.js';
import { type Episode, TEXT_MARK } from './episode.js';

/** Phases of a tool, and tools used one after the other, are minutes apart. µs. */
const INCIDENT_QUIET_MICROS = 600e6;
/** An incident is kept in mind for so long beyond, for capture nodes that are late. µs. */
const KEPT_MICROS = 3600e6;
/** Incidents kept in mind; beyond, the one that was joined longest ago goes. */
const INCIDENTS_MAX = 65_536;
const BYTES_PER_INCIDENT = 500;
/** Incidents looked at in a search for those that are over. */
const LOOKED_AT = 1000;

/** Whose incident it is. */
export interface IncidentOwner {
  /** The timeline group and the address space. */
  readonly timeline: string;
  readonly site: string;
  readonly role: 'source' | 'target';
  /** The address; of links and the like what stands for one. */
  readonly owner: string;
}

interface Incident extends IncidentOwner {
  readonly id: string;
  /** When its first episode crossed the threshold, µs. */
  readonly began: number;
  /** When the episodes that are closed had gone quiet, the latest, µs. */
  quietAt: number;
  readonly open: Set<Episode>;
}

type Log = (key: string, value: string | null) => void;

export class IncidentBook {
  /** By owner, the one joined longest ago first. */
  private readonly incidents = new Map<string, Incident>();

  constructor(private readonly log: Log) {}

  get bytes(): number {
    return this.incidents.size * BYTES_PER_INCIDENT;
  }

  /** Gives a new episode its incident, before its first event. */
  join(episode: Episode): void {
    const owner = ownerOf(episode);
    const key = incidentEntryKey(owner);
    let incident = this.incidents.get(key);
    const { crossed } = episode;
    const goesOn =
      incident !== undefined &&
      crossed <= endOf(incident) + INCIDENT_QUIET_MICROS &&
      crossed >= incident.began - INCIDENT_QUIET_MICROS;
    if (incident === undefined || !goesOn) {
      incident = { ...owner, id: incidentId(owner, crossed), began: crossed, quietAt: crossed, open: new Set() };
      this.write(key, incident);
    }
    this.take(key, incident, episode);
    if (this.incidents.size > INCIDENTS_MAX) this.forgetOldest();
  }

  /** An episode is about to close. */
  leave(episode: Episode): void {
    if (episode.incident === null) return;
    const key = incidentEntryKey(episode.incident);
    const incident = this.incidents.get(key);
    if (incident === undefined || !incident.open.delete(episode)) return;
    incident.quietAt = Math.max(incident.quietAt, episode.quietAt);
    this.write(key, incident);
  }

  /** Takes up an incident of the changelog. */
  restore({ timeline, site, role, owner, id, began, quietAt }: IncidentSnapshot): void {
    const incident = { timeline, site, role, owner, id, began, quietAt };
    this.incidents.set(incidentEntryKey(incident), { ...incident, open: new Set() });
  }

  /** Takes up an open episode of the changelog, after the incidents. */
  adopt(episode: Episode): void {
    if (episode.incident === null) return;
    const { id, ...owner } = episode.incident;
    const key = incidentEntryKey(owner);
    const incident = this.incidents.get(key);
    // another has taken its place meanwhile
    if (incident !== undefined && incident.id === id) incident.open.add(episode);
  }

  /** Forgets incidents of a group that are long over by its clocks. */
  expire(timeline: string, clock: number): void {
    let looked = 0;
    for (const [key, incident] of this.incidents) {
      if (++looked > LOOKED_AT) return;
      if (incident.timeline !== timeline) continue;
      if (incident.open.size > 0 || incident.quietAt + INCIDENT_QUIET_MICROS + KEPT_MICROS >= clock) return;
      this.forget(key);
    }
  }

  /** A group of timelines is over. */
  endGroup(timeline: string): void {
    for (const [key, incident] of this.incidents) if (incident.timeline === timeline) this.forget(key);
  }

  private take(key: string, incident: Incident, episode: Episode): void {
    const { timeline, site, role, owner, id } = incident;
    incident.open.add(episode);
    episode.incident = { timeline, site, role, owner, id };
    this.incidents.delete(key);
    this.incidents.set(key, incident);
  }

  private forgetOldest(): void {
    for (const [key, { open }] of this.incidents) {
      if (open.size > 0) continue;
      this.forget(key);
      return;
    }
  }

  private forget(key: string): void {
    this.incidents.delete(key);
    this.log(key, null);
  }

  private write(key: string, { open: _, ...incident }: Incident): void {
    this.log(key, JSON.stringify({ kind: 'incident', ...incident } satisfies IncidentSnapshot));
  }
}

function endOf({ quietAt, open }: Incident): number {
  let end = quietAt;
  for (const episode of open) end = Math.max(end, episode.quietAt);
  return end;
}

function incidentEntryKey({ timeline, site, role, owner }: IncidentOwner): string {
  return JSON.stringify(['incident', role, owner, timeline, site]);
}

/** As of alerts: a hash of what it is about and of when it began. */
function incidentId({ role, owner, site }: IncidentOwner, began: number): string {
  return createHash('sha256')
    .update(JSON.stringify(['incident', role, owner, site, String(began)]))
    .digest('hex')
    .slice(0, 32);
}

/** Of a detection by target its target, else who did it; where neither has one address, what the key says. */
function ownerOf(episode: Episode): IncidentOwner {
  const { timeline, site, source } = episode.key;
  const owned = (role: IncidentOwner['role'], owner: string): IncidentOwner => ({ timeline, site, role, owner });
  const address = source.split('/')[0]!;
  if (!source.startsWith(TEXT_MARK)) {
    return owned(episode.rule.detector.keyedBy === 'target' ? 'target' : 'source', address);
  }
  const text = episode.compiled.describe(episode.evidence(false), episode.state);
  const by = text.source?.ip ?? text.source?.mac;
  if (by !== undefined) return owned('source', by);
  const to = text.destination?.ip;
  return to === undefined ? owned('source', source.slice(TEXT_MARK.length)) : owned('target', to);
}
