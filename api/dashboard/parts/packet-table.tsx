/** A list of packets; one that is opened shows all its fields below itself. */
import { useMemo, useState } from 'preact/hooks';
import type { Packet } from '../../views/packet-view.js';
import { DEFAULT_COLUMNS, PACKET_COLUMNS, timeColumn } from './packet-columns.js';
import { PacketDetail } from './packet-detail.js';
import { Table } from './table.js';

/** Malformed packets and resets stand out. */
function tone({ failure, tcp_flags: flags }: Packet): string | undefined {
  if (failure !== null) return 'malformed';
  return flags?.includes('RST') ? 'reset' : undefined;
}

const idOf = ({ id }: Packet): string => id;

export function PacketTable({
  packets,
  columns = DEFAULT_COLUMNS,
  current = null,
  onCurrent,
  open,
  onOpen,
  id,
}: {
  readonly packets: readonly Packet[];
  /** Their ids, in order. */
  readonly columns?: readonly string[];
  readonly current?: string | null;
  readonly onCurrent?: (id: string) => void;
  /** The packet that is open, where the page keeps it. */
  readonly open?: string | null;
  readonly onOpen?: (id: string | null) => void;
  readonly id?: string;
}) {
  const [own, setOwn] = useState<string | null>(null);
  const opened = open === undefined ? own : open;
  const setOpened = onOpen ?? setOwn;
  const shown = useMemo(
    () => [
      timeColumn(
        (packet) => packet.id === opened,
        (packet) => setOpened(packet.id === opened ? null : packet.id),
      ),
      ...columns.flatMap((name) => PACKET_COLUMNS.find((column) => column.id === name) ?? []),
    ],
    [columns, opened, setOpened],
  );
  return (
    <Table
      {...(id === undefined ? {} : { id })}
      {...(onCurrent === undefined ? {} : { onCurrent })}
      label="Packets"
      columns={shown}
      rows={packets}
      keyOf={idOf}
      toneOf={tone}
      current={current}
      detail={(packet) => (packet.id === opened ? <PacketDetail packet={packet} /> : null)}
    />
  );
}
