/** Packets of the time and search that are looked at, as Wireshark lists them, and as a file. */
import { useState } from 'preact/hooks';
import type { PacketPage } from '../../routes/packets.js';
import type { Packet } from '../../views/packet-view.js';
import { calls, downloadAddress, type Query } from '../data/calls.js';
import { rangeWords } from '../data/scope.js';
import { usePages } from '../data/use-pages.js';
import { useReading } from '../data/use-reading.js';
import { useWorkplace } from '../data/workplace.js';
import { useRowKeys } from '../parts/keys.js';
import { DEFAULT_COLUMNS, PACKET_COLUMNS } from '../parts/packet-columns.js';
import { PacketTable } from '../parts/packet-table.js';
import { listed, PagedList } from '../parts/paged-list.js';
import { Panel } from '../parts/panel.js';

/** Pages of more packets wait in a lane of their own. */
const PAGE = 200;
const rowsOf = ({ packets, next }: PacketPage) => ({ rows: packets, next });
const idOf = ({ id }: Packet): string => id;

export function PacketsPage() {
  const { scope, looked, address } = useWorkplace();
  const [current, setCurrent] = useState<string | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  const isRead = useReading(current !== null || open !== null);
  const query = looked === null ? null : { ...looked, q: scope.search };
  const pages = usePages(
    query && ((next) => calls.packets({ ...query, limit: PAGE, next })),
    rowsOf,
    JSON.stringify(query),
    idOf,
    isRead,
  );
  const columns = address.query.get('columns')?.split(',') ?? DEFAULT_COLUMNS;
  const { rows } = pages;
  useRowKeys(rows, current, setCurrent, {
    Enter: () => current !== null && setOpen(open === current ? null : current),
  });
  return (
    <>
      <h1 class="hidden">Packets</h1>
      <Panel
        title="Packets"
        id="packets"
        className="list-panel"
        subtitle={listed(pages, scope.range, ', newest first')}
        tools={<Tools query={query} columns={columns} />}
      >
        <PagedList
          pages={pages}
          what="packets"
          searched="packets"
          none={`No packets ${rangeWords(scope.range)}${scope.search === '' ? '' : ' match the search'}.`}
          onNewer={() => {
            setCurrent(null);
            setOpen(null);
          }}
        >
          <PacketTable
            id="packet-rows"
            packets={rows}
            columns={columns}
            current={current}
            onCurrent={setCurrent}
            open={open}
            onOpen={setOpen}
          />
        </PagedList>
      </Panel>
    </>
  );
}

function Tools({ query, columns }: { readonly query: Query | null; readonly columns: readonly string[] }) {
  const { address } = useWorkplace();
  const toggle = (id: string): void => {
    const wanted = columns.includes(id) ? columns.filter((name) => name !== id) : [...columns, id];
    const ordered = PACKET_COLUMNS.map((column) => column.id).filter((name) => wanted.includes(name));
    address.change({ columns: ordered.join() === DEFAULT_COLUMNS.join() ? null : ordered.join() }, 'replace');
  };
  return (
    <>
      <details class="menu">
        <summary class="button">Columns</summary>
        <ul class="popover choices checks">
          {PACKET_COLUMNS.map(({ id, title }) => (
            <li key={id}>
              <label>
                <input type="checkbox" checked={columns.includes(id)} onChange={() => toggle(id)} /> {title}
              </label>
            </li>
          ))}
        </ul>
      </details>
      {query !== null && (
        <>
          <a class="button" href={downloadAddress('packets.pcap', query)} download>
            Download pcap
          </a>
          <a class="button" href={downloadAddress('packets.csv', query)} download>
            CSV
          </a>
        </>
      )}
    </>
  );
}
