/** Who talks to whom: bands from those who began to those who answered, as wide as what they exchanged. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useWorkplace } from '../data/workplace.js';
import { type Block, layOut, type Pair, ROW_MIN } from '../words/pairs.js';
import { formatAmount, type Unit } from './ranking.js';

const BLOCK = 10;
/** Of the picture, which is drawn to the width of its place. */
const WIDTH_MIN = 300;
const WIDTH_MAX = 1_000;
/** Of a letter of the labels. */
const LETTER = 6.9;

/** The width of an element as it is now. */
function useWidth(): [{ readonly current: HTMLDivElement | null }, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const follow = (): void => setWidth(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, element.clientWidth - 28)));
    const observer = new ResizeObserver(follow);
    observer.observe(element);
    follow();
    return () => observer.disconnect();
  }, []);
  return [box, width];
}

export function Sankey({ pairs, unit }: { readonly pairs: readonly Pair[]; readonly unit: Unit }) {
  const [box, width] = useWidth();
  const { left, right, bands, height } = layOut(pairs, unit, 240);
  const labels = Math.min(190, width * 0.34);
  const [start, end] = [labels + BLOCK, width - labels - BLOCK];
  const middle = (start + end) / 2;
  return (
    <div class="sankey" ref={box}>
      <svg width={width} height={height + 4} viewBox={`0 -2 ${width} ${height + 4}`} aria-labelledby="sankey-title">
        <title id="sankey-title">Who talks to whom: left began, right answered</title>
        {bands.map(({ pair, left: y1, right: y2, height: size, color }) => (
          <path
            key={`${pair.originator} ${pair.responder}`}
            class={`band series-${color}`}
            d={`M${start},${y1} C${middle},${y1} ${middle},${y2} ${end},${y2} v${size} C${middle},${y2 + size} ${middle},${y1 + size} ${start},${y1 + size} z`}
          >
            <title>{`${pair.originator} → ${pair.responder}: ${formatAmount(pair[unit], unit)}`}</title>
          </path>
        ))}
        {left.map((block) => (
          <BlockLabel
            key={block.name}
            block={block}
            unit={unit}
            x={labels}
            text={labels - 6}
            anchor="end"
            room={labels - 6}
          />
        ))}
        {right.map((block) => (
          <BlockLabel
            key={block.name}
            block={block}
            unit={unit}
            x={end}
            text={end + BLOCK + 6}
            anchor="start"
            room={labels - 6}
          />
        ))}
      </svg>
    </div>
  );
}

function BlockLabel({
  block,
  unit,
  x,
  text,
  anchor,
  room,
}: {
  readonly block: Block;
  readonly unit: Unit;
  readonly x: number;
  /** Where its name begins, or ends. */
  readonly text: number;
  readonly anchor: 'start' | 'end';
  /** For its name, pixels. */
  readonly room: number;
}) {
  const { address } = useWorkplace();
  const letters = Math.floor(room / LETTER);
  const { name, top, height, value } = block;
  const shown = name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
  const content = (
    <>
      <rect x={x} y={top} width={BLOCK} height={height} class="block" />
      <text x={text} y={top + Math.max(height, ROW_MIN) / 2} text-anchor={anchor}>
        {shown}
        <title>{`${name}: ${formatAmount(value, unit)}`}</title>
      </text>
    </>
  );
  // The sum of the small ones is no host.
  return name === 'other' ? <g>{content}</g> : <a href={address.href(`/hosts/${name}`, { q: null })}>{content}</a>;
}
