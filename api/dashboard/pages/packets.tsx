/** Packets of the time and search that are looked at, as Wireshark lists them, and as a file. */
import type { ComponentChildren } from 'preact';
import { useCallback, useRef, useState } from 'preact/hooks';
import type { PacketPage } from '../../routes/packets.js';
import type { Packet } from '../../views/packet-view.js';
import { isRefused } from '../data/api.js';
import { calls, downloadAddress, type Query } from '../data/calls.js';
import { rangeWords } from '../data/scope.js';
import { type Pages, usePages } from '../data/use-pages.js';
import { useWorkplace } from '../data/workplace.js';
import { useKeys } from '../parts/keys.js';
import { Older } from '../parts/older.js';
import { DEFAULT_COLUMNS, PACKET_COLUMNS } from '../parts/packet-columns.js';
import { PacketTable } from '../parts/packet-table.js';
import { Panel } from '../parts/panel.js';
import { Empty, Loading, SearchProblem } from '../parts/states.js';
import { formatInteger } from '../words/numbers.js';

/** Pages of more packets wait in a lane of their own. */
const PAGE = 200;
const READING_PX = 40;
const rowsOf = ({ packets, next }: PacketPage) => ({ rows: packets, next });
const idOf = ({ id }: Packet): string => id;

export function PacketsPage() {
  const { scope, looked, address } = useWorkplace();
  const [current, setCurrent] = useState<string | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  const reading = useRef({ current, open });
  reading.current = { current, open };
  const isRead = useCallback(
    () => scrollY > READING_PX || reading.current.current !== null || reading.current.open !== null,
    [],
  );
  const query = looked === null ? null : { ...looked, q: scope.search };
  const pages = usePages(
    query && ((next) => calls.packets({ ...query, limit: PAGE, next })),
    rowsOf,
    JSON.stringify(query),
    idOf,
    isRead,
  );
  const columns = address.query.get('columns')?.split(',') ?? DEFAULT_COLUMNS;
  useRowKeys(pages.rows, current, setCurrent, (id) => setOpen(open === id ? null : id));
  const { rows } = pages;
  return (
    <>
      <h1 class="hidden">Packets</h1>
      <Panel
        title="Packets"
        id="packets"
        className="list-panel"
        subtitle={
          pages.isLoaded &&
          `${formatInteger(rows.length)}${pages.next === null ? '' : '+'} ${rangeWords(scope.range)}, newest first`
        }
        tools={<Tools query={query} columns={columns} />}
      >
        {pages.hasNewer && (
          <p class="waiting">
            <button
              type="button"
              class="primary"
              onClick={() => {
                setCurrent(null);
                setOpen(null);
                scrollTo({ top: 0 });
                pages.reload();
              }}
            >
              Show newer packets
            </button>
          </p>
        )}
        <List pages={pages}>
          <PacketTable
            id="packet-rows"
            packets={rows}
            columns={columns}
            current={current}
            onCurrent={setCurrent}
            open={open}
            onOpen={setOpen}
          />
        </List>
      </Panel>
    </>
  );
}

function List({ pages, children }: { readonly pages: Pages<Packet>; readonly children: ComponentChildren }) {
  const { scope, address } = useWorkplace();
  if (pages.problem !== null && (isRefused(pages.problem) || pages.rows.length === 0)) {
    return <SearchProblem problem={pages.problem} list="packets" onRetry={pages.reload} />;
  }
  if (!pages.isLoaded) return <Loading what="packets" />;
  if (pages.rows.length === 0) {
    return (
      <Empty title={`No packets ${rangeWords(scope.range)}${scope.search === '' ? '' : ' match the search'}.`}>
        {scope.range.kind !== 'all' && (
          <a href={address.href('/packets', { range: 'all', from: null, to: null })}>Look at all data</a>
        )}
      </Empty>
    );
  }
  return (
    <>
      {children}
      <Older what="packets" count={pages.rows.length} next={pages.next} onMore={pages.loadOlder} />
    </>
  );
}

function useRowKeys(
  rows: readonly Packet[],
  current: string | null,
  setCurrent: (id: string | null) => void,
  open: (id: string) => void,
): void {
  const at = rows.findIndex(({ id }) => id === current);
  const move = (step: number): void => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    if (row) setCurrent(row.id);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Escape: () => setCurrent(null),
    Enter: () => current !== null && open(current),
  });
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
