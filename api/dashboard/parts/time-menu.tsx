/** Chooses the time that is looked at: so long until now, between two times, or everything. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { PRESETS, type Range, rangeParameters, readLast, readScope } from '../data/scope.js';
import { useWorkplace } from '../data/workplace.js';
import type { TimeWords } from '../words/times.js';

function label(range: Range, isOpen: boolean, times: TimeWords): string {
  if (range.kind === 'between') return `${times.minute(range.from)} – ${times.minute(range.to)}`;
  if (range.kind === 'all') return isOpen ? 'All data (none in the last hour)' : 'All data';
  if (range.kind === 'auto') return 'Last hour';
  return PRESETS.find(({ text }) => text === range.text)?.label ?? `Last ${range.text}`;
}

export function TimeMenu() {
  const { scope, address, times } = useWorkplace();
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const outside = (event: Event): void => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    const leave = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      button.current?.focus();
    };
    addEventListener('pointerdown', outside);
    addEventListener('keydown', leave);
    return () => {
      removeEventListener('pointerdown', outside);
      removeEventListener('keydown', leave);
    };
  }, [isOpen]);
  const choose = (range: Range): void => {
    setOpen(false);
    button.current?.focus();
    address.change(rangeParameters(range));
  };
  const isLeftOpen = readScope(address.query).range.kind === 'auto';
  return (
    <div class="time-menu" ref={box}>
      <button ref={button} type="button" id="range" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span class="hidden">Time: </span>
        {label(scope.range, isLeftOpen, times)} <span aria-hidden="true">▾</span>
      </button>
      {isOpen && <Choices onChoose={choose} />}
    </div>
  );
}

function Choices({ onChoose }: { readonly onChoose: (range: Range) => void }) {
  const { scope, times } = useWorkplace();
  const { range } = scope;
  return (
    <div class="popover" id="range-choices">
      <ul class="choices">
        {PRESETS.map(({ text, label: name }) => (
          <li key={text}>
            <button
              type="button"
              aria-pressed={range.kind === 'last' && range.text === text}
              onClick={() => onChoose(readLast(text) ?? { kind: 'auto' })}
            >
              {name}
            </button>
          </li>
        ))}
        <li>
          <button type="button" aria-pressed={range.kind === 'all'} onClick={() => onChoose({ kind: 'all' })}>
            All data
          </button>
        </li>
      </ul>
      <LastForm onChoose={onChoose} />
      <BetweenForm onChoose={onChoose} />
      <p class="hint">In {times.zoneName}; the end is left out.</p>
    </div>
  );
}

function LastForm({ onChoose }: { readonly onChoose: (range: Range) => void }) {
  const [problem, setProblem] = useState('');
  const input = useRef<HTMLInputElement>(null);
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        const range = readLast(input.current?.value ?? '');
        if (range === null) setProblem('Give a number and m, h or d, such as 90m.');
        else onChoose(range);
      }}
    >
      <label class="field">
        Last
        <input ref={input} size={5} placeholder="90m" aria-describedby="last-problem" />
      </label>
      <button type="submit">Show</button>
      <p id="last-problem" class="field-problem" role="alert">
        {problem}
      </p>
    </form>
  );
}

function BetweenForm({ onChoose }: { readonly onChoose: (range: Range) => void }) {
  const { scope, times } = useWorkplace();
  const { range } = scope;
  const now = Date.now();
  const [from, setFrom] = useState(() =>
    times.input(range.kind === 'between' ? range.from : new Date(now - 3_600_000).toISOString()),
  );
  const [to, setTo] = useState(() => times.input(range.kind === 'between' ? range.to : new Date(now).toISOString()));
  const [problem, setProblem] = useState('');
  return (
    <form
      class="between-form"
      onSubmit={(event) => {
        event.preventDefault();
        const [start, end] = [times.fromInput(from), times.fromInput(to)];
        if (start === null || end === null) setProblem('Give both times.');
        else if (start >= end) setProblem('The end must be later than the begin.');
        else onChoose({ kind: 'between', from: start, to: end });
      }}
    >
      <label class="field-block">
        From
        <input type="datetime-local" step="1" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label class="field-block">
        To
        <input type="datetime-local" step="1" value={to} onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <button type="submit">Show this time</button>
      <p class="field-problem" role="alert">
        {problem}
      </p>
    </form>
  );
}
