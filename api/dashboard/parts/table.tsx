/**
 * A table of any length: of many rows only those on the screen are drawn, and each is as high as it has to be. On a narrow page a
 * row stands as a card, each value beside its name. Roles are said, because the cards' layout would take a table's away.
 */
import { observeWindowOffset, observeWindowRect, Virtualizer, windowScroll } from '@tanstack/virtual-core';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** Of the grid: "8rem", "minmax(10rem, 2fr)". */
  readonly width: string;
  readonly align?: 'end';
  readonly cell: (row: Row) => ComponentChildren;
  readonly className?: string;
  /** Not said beside the value of a card, where it explains itself. */
  readonly isPlain?: boolean;
  /** Not shown above the column either. */
  readonly isUntitled?: boolean;
  readonly sort?: { readonly direction: 'ascending' | 'descending' | 'none'; readonly onSort: () => void };
}

export interface TableProperties<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly toneOf?: (row: Row) => string | undefined;
  /** The row that the keyboard is at. */
  readonly current?: string | null;
  readonly onCurrent?: (key: string) => void;
  /** What stands below a row that is opened. */
  readonly detail?: (row: Row) => ComponentChildren | null;
  readonly id?: string;
}

/** Fewer are drawn all, whatever the screen. */
const WHOLE_MAX = 60;
const ESTIMATED_PX = 34;
const OVERSCAN = 12;

export function Table<Row>(properties: TableProperties<Row>) {
  const { label, columns, rows, id } = properties;
  const isPrinted = useIsPrinted();
  const body = useRef<HTMLDivElement>(null);
  const isVirtual = rows.length > WHOLE_MAX && !isPrinted;
  const { current } = properties;
  useEffect(() => {
    if (current == null) return;
    body.current?.querySelector(`[data-key="${CSS.escape(current)}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [current]);
  return (
    <div
      class="table"
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      id={id}
      style={{ '--columns': columns.map(({ width }) => width).join(' ') }}
    >
      <div role="rowgroup" class="table-head">
        <div role="row" class="row" aria-rowindex={1}>
          {columns.map((column) => (
            <HeadCell key={column.id} column={column} />
          ))}
        </div>
      </div>
      <div role="rowgroup" ref={body} class="table-body">
        {isVirtual ? (
          <VirtualRows {...properties} body={body} />
        ) : (
          rows.map((row, index) => <TableRow key={properties.keyOf(row)} row={row} index={index} {...properties} />)
        )}
      </div>
    </div>
  );
}

function HeadCell<Row>({ column: { title, align, sort, isUntitled } }: { readonly column: Column<Row> }) {
  return (
    <div
      role="columnheader"
      data-align={align}
      aria-sort={sort && sort.direction !== 'none' ? sort.direction : undefined}
    >
      {sort ? (
        <button type="button" class="sort" onClick={sort.onSort}>
          {title}
          <span aria-hidden="true">{{ ascending: ' ↑', descending: ' ↓', none: '' }[sort.direction]}</span>
        </button>
      ) : (
        <span class={isUntitled ? 'hidden' : undefined}>{title}</span>
      )}
    </div>
  );
}

function TableRow<Row>({
  row,
  index,
  columns,
  keyOf,
  toneOf,
  current,
  onCurrent,
  detail,
}: TableProperties<Row> & { readonly row: Row; readonly index: number }) {
  const key = keyOf(row);
  const below = detail?.(row) ?? null;
  return (
    <>
      <div
        role="row"
        class="row"
        data-key={key}
        data-tone={toneOf?.(row)}
        data-current={current === key ? 'true' : undefined}
        aria-current={current === key ? 'true' : undefined}
        aria-rowindex={index + 2}
        onClick={onCurrent && (() => onCurrent(key))}
      >
        {columns.map(({ id, title, align, cell, className, isPlain, isUntitled }) => (
          <div
            key={id}
            role="cell"
            class={className}
            data-align={align}
            data-title={isUntitled || isPlain ? undefined : title}
          >
            {cell(row)}
          </div>
        ))}
      </div>
      {below !== null && (
        <div role="row" class="row-detail">
          <div role="cell">{below}</div>
        </div>
      )}
    </>
  );
}

interface BodyProperties {
  readonly body: { readonly current: HTMLDivElement | null };
}

function VirtualRows<Row>({ body, ...properties }: TableProperties<Row> & BodyProperties) {
  const { rows, keyOf, current } = properties;
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const [margin, setMargin] = useState(0);
  const virtualizer = useRef<Virtualizer<Window, Element> | null>(null);
  const options = {
    count: rows.length,
    getScrollElement: () => window,
    estimateSize: () => ESTIMATED_PX,
    getItemKey: (index: number) => keyOf(rows[index]!),
    overscan: OVERSCAN,
    scrollMargin: margin,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialOffset: () => window.scrollY,
    onChange: () => redraw(undefined),
  };
  virtualizer.current ??= new Virtualizer<Window, Element>(options);
  const list = virtualizer.current;
  list.setOptions(options);
  useLayoutEffect(() => list._didMount(), [list]);
  useLayoutEffect(() => {
    list._willUpdate();
    const top = (body.current?.getBoundingClientRect().top ?? 0) + window.scrollY;
    if (Math.abs(top - margin) > 1) setMargin(top);
  });
  useEffect(() => {
    const index = current == null ? -1 : rows.findIndex((row) => keyOf(row) === current);
    const isDrawn = list.getVirtualItems().some((item) => item.index === index);
    if (index >= 0 && !isDrawn) list.scrollToIndex(index, { align: 'auto' });
  }, [current]);
  const items = list.getVirtualItems();
  const first = items[0];
  const last = items.at(-1);
  return (
    <>
      <div class="spacer" role="presentation" style={{ height: `${first ? first.start - margin : 0}px` }} />
      {items.map((item) => (
        <div
          key={item.key}
          role="presentation"
          data-index={item.index}
          ref={(node) => {
            if (node !== null) list.measureElement(node);
          }}
        >
          <TableRow row={rows[item.index]!} index={item.index} {...properties} />
        </div>
      ))}
      <div
        class="spacer"
        role="presentation"
        style={{ height: `${last ? list.getTotalSize() - (last.end - margin) : 0}px` }}
      />
    </>
  );
}

/** On paper there is no scrolling. */
function useIsPrinted(): boolean {
  const [isPrinted, setPrinted] = useState(false);
  useEffect(() => {
    const before = (): void => setPrinted(true);
    const after = (): void => setPrinted(false);
    addEventListener('beforeprint', before);
    addEventListener('afterprint', after);
    return () => {
      removeEventListener('beforeprint', before);
      removeEventListener('afterprint', after);
    };
  }, []);
  return isPrinted;
}
