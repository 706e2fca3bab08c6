/**
 * Rows as a sink would have stored them, written with plain SQL: the API is tested against the tables, not against the
 * sink's code. Rollups are computed from the packets by the database.
 */
import type pg from 'pg';

export interface SamplePacket {
  /** ISO 8601 with microseconds. */
  readonly time: string;
  readonly source?: string | null;
  readonly destination?: string | null;
  readonly sourceMac?: string;
  readonly destinationMac?: string;
  readonly etherType?: number;
  readonly ipProtocol?: number | null;
  readonly sourcePort?: number | null;
  readonly destinationPort?: number | null;
  readonly tcpFlags?: number | null;
  readonly tcpSequence?: number | null;
  readonly icmpType?: number | null;
  readonly icmpCode?: number | null;
  readonly arpOperation?: number | null;
  readonly vlan?: number | null;
  readonly innerVlan?: number | null;
  readonly fragmentOffset?: number | null;
  readonly role?: number;
  readonly failure?: number | null;
  readonly length?: number;
  readonly captureNode?: string;
  readonly interface?: string;
  readonly timeline?: string;
  readonly details?: object | null;
}

let lastPacketId = 0;

export async function insertPackets(pool: pg.Pool, packets: readonly SamplePacket[]): Promise<void> {
  const rows = packets.map((packet) => ({
    captured_at: packet.time,
    id: ++lastPacketId,
    capture_node: packet.captureNode ?? 'edge-1',
    interface: packet.interface ?? 'eth0',
    timeline: packet.timeline ?? '',
    frame_length: packet.length ?? 60,
    ether_type: packet.etherType ?? 0x0800,
    source_mac: packet.sourceMac ?? '02:00:00:00:00:01',
    destination_mac: packet.destinationMac ?? '02:00:00:00:00:02',
    vlan: packet.vlan ?? null,
    inner_vlan: packet.innerVlan ?? null,
    ip_protocol: packet.ipProtocol === undefined ? 6 : packet.ipProtocol,
    ttl: packet.ipProtocol === null ? null : 64,
    fragment_offset: packet.fragmentOffset ?? null,
    source_port: packet.sourcePort ?? null,
    destination_port: packet.destinationPort ?? null,
    tcp_flags: packet.tcpFlags ?? null,
    tcp_sequence: packet.tcpSequence ?? null,
    icmp_type: packet.icmpType ?? null,
    icmp_code: packet.icmpCode ?? null,
    arp_operation: packet.arpOperation ?? null,
    role: packet.role ?? 0,
    failure: packet.failure ?? null,
    source: packet.source ?? null,
    destination: packet.destination ?? null,
    details: packet.details ?? null,
  }));
  const json = JSON.stringify(rows);
  await pool.query(
    `INSERT INTO origins (capture_node, interface, link_type, timeline, sampling, sampling_rate)
     SELECT DISTINCT capture_node, interface, 1, timeline, 'none', 1
     FROM jsonb_to_recordset($1::jsonb) AS given (capture_node text, interface text, timeline text)
     ON CONFLICT DO NOTHING`,
    [json],
  );
  // Of one session, which the temporary table is of.
  const client = await pool.connect();
  try {
    await client.query('CREATE TEMPORARY TABLE given_packets (LIKE packets)');
    await client.query(
      `INSERT INTO given_packets (captured_at, id, origin_id, frame_length, captured_length, ether_type, source_mac,
       destination_mac, vlan, inner_vlan, ip_protocol, ttl, fragment_offset, source_port, destination_port, tcp_flags,
       tcp_sequence, icmp_type, icmp_code, arp_operation, role, failure, source, destination, details)
     SELECT captured_at, given.id, origins.id, frame_length, frame_length, ether_type, source_mac, destination_mac, vlan,
       inner_vlan, ip_protocol, ttl, fragment_offset, source_port, destination_port, tcp_flags, tcp_sequence, icmp_type,
       icmp_code, arp_operation, role, failure, source, destination, details
     FROM jsonb_to_recordset($1::jsonb) AS given (captured_at timestamptz, id bigint, capture_node text, interface text,
       timeline text, frame_length integer, ether_type integer, source_mac macaddr, destination_mac macaddr,
       vlan smallint, inner_vlan smallint, ip_protocol smallint, ttl smallint, fragment_offset integer,
       source_port integer, destination_port integer, tcp_flags smallint, tcp_sequence bigint, icmp_type smallint,
       icmp_code smallint, arp_operation smallint, role smallint, failure smallint, source inet, destination inet, details jsonb)
     JOIN origins USING (capture_node, interface, timeline)`,
      [json],
    );
    await client.query(`SELECT pack_packets('given_packets')`);
    await client.query('DROP TABLE given_packets');
  } finally {
    client.release();
  }
}

/** Computes every rollup anew from the packets, in both resolutions. */
export async function rebuildRollups(pool: pg.Pool): Promise<void> {
  await pool.query('TRUNCATE traffic_totals, traffic_protocols, traffic_sources, traffic_ports, traffic_seconds');
  await pool.query(
    `INSERT INTO traffic_seconds (second, packets, bytes, capture_node, protocol)
     SELECT date_trunc('second', captured_at), count(*), sum(frame_length), capture_node, CASE ip_protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' ELSE 'other' END
     FROM packets JOIN origins ON origins.id = origin_id GROUP BY 1, 4, 5`,
  );
  for (const [resolution, unit] of [
    [1, 'minute'],
    [60, 'hour'],
  ] as const) {
    const bucket = `date_trunc('${unit}', captured_at, 'UTC')`;
    const from = 'packets JOIN origins ON origins.id = origin_id';
    const flag = (bit: number): string => `count(*) FILTER (WHERE tcp_flags & ${bit} <> 0)`;
    await pool.query(
      `INSERT INTO traffic_totals (bucket, packets, bytes, observed_packets, tcp_fin, tcp_syn, tcp_rst, tcp_psh, tcp_ack,
         tcp_urg, tcp_syn_only, failures, resolution, capture_node, source_sketch)
       SELECT ${bucket}, count(*), sum(frame_length), count(*), ${flag(1)}, ${flag(2)}, ${flag(4)}, ${flag(8)}, ${flag(16)},
         ${flag(32)}, count(*) FILTER (WHERE tcp_flags & 18 = 2), count(failure), ${resolution}, capture_node,
         bit_or(set_bit(repeat('0', 12288)::bit(12288), 24 * (hash & 511)::integer + zeros, 1))
       FROM (
         SELECT *, CASE WHEN hash >> 9 & 8388607 = 0 THEN 23
           ELSE floor(log(2, (hash >> 9 & 8388607) & -(hash >> 9 & 8388607)))::integer END AS zeros
         FROM ${from}, LATERAL (SELECT hashtextextended(coalesce(host(source), source_mac::text, ''), 0) AS hash) AS hashed
       ) AS hashed_packets
       GROUP BY 1, capture_node`,
    );
    await pool.query(
      `INSERT INTO traffic_protocols (bucket, packets, bytes, ether_type, resolution, ip_protocol, capture_node)
       SELECT ${bucket}, count(*), sum(frame_length), coalesce(ether_type, 0), ${resolution}, coalesce(ip_protocol, -1), capture_node
       FROM ${from} GROUP BY 1, 4, 6, 7`,
    );
    await pool.query(
      `INSERT INTO traffic_sources (bucket, packets, bytes, resolution, capture_node, source)
       SELECT ${bucket}, count(*), sum(frame_length), ${resolution}, capture_node, coalesce(host(source), source_mac::text, '')
       FROM ${from} GROUP BY 1, 5, 6`,
    );
    await pool.query(
      `INSERT INTO traffic_ports (bucket, packets, bytes, destination_port, resolution, ip_protocol, capture_node)
       SELECT ${bucket}, count(*), sum(frame_length), destination_port, ${resolution}, ip_protocol, capture_node
       FROM ${from} WHERE destination_port IS NOT NULL GROUP BY 1, 4, 6, 7`,
    );
  }
}

export interface SampleAlert {
  readonly id: string;
  readonly ruleId?: string;
  readonly ruleName?: string;
  readonly severity?: number;
  readonly status?: 'open' | 'closed';
  readonly source?: string;
  readonly destinationPort?: number | null;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly message?: string;
  readonly captureNodes?: readonly string[];
  readonly packets?: number;
  readonly evidence?: object;
  readonly incidentId?: string;
}

/** Alerts with the events that opened (and, where closed, closed) them. */
export async function insertAlerts(pool: pg.Pool, alerts: readonly SampleAlert[]): Promise<void> {
  for (const alert of alerts) {
    const source = alert.source ?? '192.0.2.66';
    const isIp = !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(source);
    const packets = alert.packets ?? 100;
    const evidence = alert.evidence ?? {
      first_seen: alert.firstSeen,
      last_seen: alert.lastSeen,
      packets,
      peak: 40,
      rate: 12.5,
      ports: { distinct: 40, sample: [21, 22, 23, 25, 80, 443] },
    };
    const document = {
      event: { action: 'open', reason: alert.message ?? '' },
      nta: { alert: { id: alert.id, evidence } },
    };
    await pool.query(
      `INSERT INTO alerts (id, rule_id, rule_name, rule_version, severity, status, close_reason, sequence, source, source_ip,
         source_mac, destination_port, technique_ids, capture_nodes, message, crossed_at, first_seen, last_seen, packets,
         evidence, document, incident_id)
       VALUES ($1, $2, $3, '1', $4, $5, $6, $7, $8, $9, $10, $11, '{T1046}', $12, $13, $14, $14, $15, $16, $17, $18, $19)`,
      [
        alert.id,
        alert.ruleId ?? 'port-scan',
        alert.ruleName ?? 'Port scan',
        alert.severity ?? 3,
        alert.status ?? 'open',
        alert.status === 'closed' ? 'quiet' : null,
        alert.status === 'closed' ? 2 : 1,
        source,
        isIp ? source : null,
        isIp ? null : source,
        alert.destinationPort ?? null,
        alert.captureNodes ?? ['edge-1'],
        alert.message ?? `Port scan from ${source}`,
        alert.firstSeen,
        alert.lastSeen,
        packets,
        evidence,
        document,
        alert.incidentId ?? null,
      ],
    );
    for (const [index, action] of (alert.status === 'closed' ? ['open', 'close'] : ['open']).entries()) {
      await pool.query(
        `INSERT INTO alert_events (id, alert_id, sequence, action, occurred_at, document) VALUES ($1, $2, $3, $4, $5, $6)`,
        [
          `${alert.id}-${index + 1}`,
          alert.id,
          index + 1,
          action,
          index === 0 ? alert.firstSeen : alert.lastSeen,
          document,
        ],
      );
    }
  }
}

/** A heartbeat received so many seconds ago. */
export async function insertCaptureNode(
  pool: pg.Pool,
  name: string,
  { ageSeconds = 0, stopped = false, status = {} }: { ageSeconds?: number; stopped?: boolean; status?: object } = {},
): Promise<void> {
  const heartbeat = {
    capture_node: name,
    version: '0.1.0',
    interval_ms: 1000,
    interfaces: [{ name: 'eth0', seen: 120_000, bytes: 9_000_000, kernel_dropped: 0, engine: 'tcpdump', up: true }],
    packets_per_second: 1200,
    bits_per_second: 9_600_000,
    seen: 120_000,
    published: 119_990,
    dropped: { spool_full: 10 },
    spool_bytes: 0,
    spool_max_bytes: 1_073_741_824,
    stopped,
    ...status,
  };
  await pool.query(
    `INSERT INTO capture_nodes (capture_node, version, started_at, sent_at, received_at, interval_ms, stopped, status)
     VALUES ($1, '0.1.0', now() - interval '1 hour', now() - $2 * interval '1 second', now() - $2 * interval '1 second', 1000, $3, $4)
     ON CONFLICT (capture_node) DO UPDATE SET sent_at = excluded.sent_at, received_at = excluded.received_at, status = excluded.status`,
    [name, ageSeconds, stopped, heartbeat],
  );
}
