/** The few numbers that say how things are. */
import type { ComponentChildren } from 'preact';

export interface Tile {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly tone?: string;
}

export function Tiles({ tiles, label }: { readonly tiles: readonly Tile[]; readonly label: string }) {
  return (
    <dl class="tiles" id="tiles" aria-label={label}>
      {tiles.map(({ name, value, note, tone }) => (
        <div key={name} class="tile" data-tone={tone}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note && <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
